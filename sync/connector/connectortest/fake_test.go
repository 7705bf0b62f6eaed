package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"annals/audit"
	"annals/simulator"
	"annals/sync/connector"
)

const (
	fakePage    = 20
	fakeOverlap = 20 * time.Minute
)

// fakeFaults are those that the fake vendor can have.
func fakeFaults() []simulator.Fault {
	return []simulator.Fault{
		simulator.TooManyRequests, simulator.TooManySilent, simulator.LimitedAs403, simulator.TokenExpired,
		simulator.ServerError, simulator.CutBody, simulator.SlowBody, simulator.ShortPage, simulator.EmptyPage,
		simulator.RepeatedAcrossPages, simulator.LateVisibility, simulator.SameTimes, simulator.CursorRefused,
		simulator.NextElsewhere, simulator.UnknownAction, simulator.UnknownFields, simulator.WrongTypes,
	}
}

// fakeVendor is a small vendor with Link headers.
type fakeVendor struct {
	simulator.Options
	store   *simulator.Store
	handler http.Handler
	pace    *simulator.Pace
	made    int
}

func newFakeVendor(o simulator.Options) Simulator {
	v := &fakeVendor{Options: o, store: simulator.NewStore(o), pace: o.Pace("fake")}
	v.handler = o.Faults.Wrap(http.HandlerFunc(v.records), simulator.RefusePlainly)
	return v
}

func (v *fakeVendor) Items(string) []simulator.Item { return v.store.Items() }

func (v *fakeVendor) Generate(from, to time.Time) {
	for _, at := range v.pace.Moments(from, to, time.Millisecond) {
		v.made++
		action := "thing.create"
		if v.Faults.Hits(simulator.UnknownAction) {
			action = "thing.never_heard_of"
		}
		body := fmt.Appendf(nil, `{ "id": "r%d", "at": %q, "action": %q, "actor": {"id": "u1"}, "note": "a<b" }`,
			v.made, at.Format(time.RFC3339Nano), action)
		v.store.Add(simulator.Item{
			Key: fmt.Sprintf("r%d", v.made), At: at, Visible: v.VisibleAt(at),
			Body: v.Faults.Disturb(body, "id", "at", "action"),
		})
	}
}

func (v *fakeVendor) ServeHTTP(w http.ResponseWriter, r *http.Request) { v.handler.ServeHTTP(w, r) }

func (v *fakeVendor) records(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	after, err := simulator.ParsePosition(query.Get("after"))
	if err != nil || query.Has("after") && v.Faults.Hits(simulator.CursorRefused) {
		http.Error(w, `{"error":"cursor"}`, http.StatusGone)
		return
	}
	from, _ := time.Parse(time.RFC3339Nano, query.Get("from"))
	to, _ := time.Parse(time.RFC3339Nano, query.Get("to"))
	page := v.store.Page(simulator.Walk{From: from, To: to, After: after, Limit: fakePage})
	if page.More {
		base := "http://" + r.Host
		if v.Faults.Hits(simulator.NextElsewhere) {
			base = v.Faults.Elsewhere
		}
		query.Set("after", page.Next.String())
		w.Header().Set("Link", fmt.Sprintf(`<%s/records?%s>; rel="next"`, base, query.Encode()))
	}
	records := make([]json.RawMessage, 0, len(page.Items))
	for _, item := range page.Items {
		records = append(records, item.Body)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(joined(records))
}

// joined writes the records' exact bytes, which json.Marshal would compact.
func joined(records []json.RawMessage) []byte {
	body := []byte("[")
	for i, record := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, record...)
	}
	return append(body, ']')
}

// bug is a mistake that a connector can make.
type bug string

const (
	noBug           bug = "none"
	endsOnShort     bug = "takes a short page for the last one"
	endsOnEmpty     bug = "takes an empty page for the last one"
	noOverlap       bug = "does not read back"
	skipsTies       bug = "goes on behind the last time"
	freshKeys       bug = "makes up keys"
	freshContent    bug = "digests the time of reading"
	blindToLimit    bug = "takes a rate limit for an outage"
	deafToUntil     bug = "does not pass on when to come back"
	followsAnywhere bug = "follows links to other hosts"
	dropsUnknown    bug = "drops actions that it does not know"
	strictTypes     bug = "refuses a page for one field"
	rewritesRaw     bug = "rewrites the raw bytes"
	remembers       bug = "keeps its position in memory"
	boasts          bug = "claims to be complete too early"
	keepsQuiet      bug = "never says how complete it is"
	leaks           bug = "leaves a goroutine behind"
	talks           bug = "shows its token in errors"
	logsSecret      bug = "shows its token in the log"
	ignoresContext  bug = "ignores the context"
	impatient       bug = "tries again by itself"
	badDraft        bug = "names an actor without the connector"
	badState        bug = "has a state that is no JSON"
	circles         bug = "goes in circles"
)

func fakeRegistration(b bug) connector.Registration {
	return connector.Registration{
		Connector: audit.Connector{
			Name: "fake", Label: "Fake", Description: "The records of a fake.", CanPoll: true,
			Settings: []audit.SettingField{
				{Name: "baseUrl", Label: "Address", Help: "Where it is.", Kind: audit.SettingURL, Required: true},
				{Name: "token", Label: "Token", Help: "Its token.", Kind: audit.SettingText, Required: true, Secret: true},
			},
			Feeds: []audit.ConnectorFeed{{
				Name: "records", Label: "Records", Overlap: audit.Duration(fakeOverlap), Slice: audit.Duration(24 * time.Hour),
			}},
		},
		Open: func(c connector.Config) (connector.Opened, error) {
			if b == logsSecret {
				c.Log.Info("opening", "token", c.Settings.Text("token"))
			}
			return &fakeConnector{Config: c, bug: b}, nil
		},
	}
}

type fakeConnector struct {
	connector.Config
	bug     bug
	memory  *fakeState
	counter int
}

// fakeState is where a walk is.
type fakeState struct {
	From, To time.Time
	Next     string // address of the next page, empty at the start of a walk
}

func (c *fakeConnector) Fetch(ctx context.Context, r connector.Request) (connector.Page, error) {
	if c.bug == ignoresContext {
		ctx = context.WithoutCancel(ctx)
	}
	if c.bug == leaks {
		go func() { <-context.Background().Done() }()
	}
	state, err := c.state(r)
	if err != nil {
		return connector.Page{}, err
	}
	address := state.Next
	if address == "" {
		query := url.Values{"from": {state.From.Format(time.RFC3339Nano)}, "to": {state.To.Format(time.RFC3339Nano)}}
		address = c.Settings.Text("baseUrl") + "/records?" + query.Encode()
	}
	answer, err := c.get(ctx, address)
	if err != nil {
		return connector.Page{}, c.explain(err)
	}
	return c.page(r, state, answer)
}

func (c *fakeConnector) get(ctx context.Context, address string) (*connector.Answer, error) {
	header := http.Header{"Authorization": {"Bearer " + c.Settings.Text("token")}}
	answer, err := c.HTTP.Get(ctx, address, header)
	if err != nil && c.bug == impatient {
		return c.HTTP.Get(ctx, address, header)
	}
	return answer, err
}

func (c *fakeConnector) state(r connector.Request) (fakeState, error) {
	if c.bug == remembers && c.memory != nil {
		return *c.memory, nil
	}
	var state fakeState
	switch {
	case len(r.State) > 0:
		if err := json.Unmarshal(r.State, &state); err != nil {
			return state, connector.Fail(connector.StateRefused, err)
		}
	case r.Window != nil:
		state = fakeState{From: r.Window.From, To: r.Window.To}
	default:
		state = fakeState{From: r.Since}
	}
	if state.To.IsZero() {
		state.To = c.Now()
	}
	return state, nil
}

// explain says what a failure means here.
func (c *fakeConnector) explain(err error) error {
	refused, ok := errors.AsType[*connector.StatusError](err)
	switch {
	case c.bug == talks:
		return fmt.Errorf("with token %s: %w", c.Settings.Text("token"), err)
	case c.bug == blindToLimit && connector.ClassOf(err) == connector.RateLimited:
		return connector.Fail(connector.TryLater, err)
	case c.bug == deafToUntil && connector.ClassOf(err) == connector.RateLimited:
		return connector.Fail(connector.RateLimited, refused)
	case ok && refused.Answer.Status == http.StatusGone:
		return connector.Fail(connector.StateRefused, err)
	}
	return err
}

func (c *fakeConnector) page(r connector.Request, state fakeState, answer *connector.Answer) (connector.Page, error) {
	records, err := connector.Objects(answer.Body)
	if err != nil {
		return connector.Page{}, err
	}
	drafts := make([]audit.Draft, 0, len(records))
	for _, record := range records {
		draft, err := c.draft(record)
		if err != nil {
			return connector.Page{}, err
		}
		if c.bug != dropsUnknown || draft.Type == "fake.thing.create" {
			drafts = append(drafts, draft)
		}
	}
	next, err := c.next(state, answer, drafts)
	if err != nil {
		return connector.Page{}, err
	}
	return c.finish(r, state, next, drafts), nil
}

// next is the address of the next page, empty on the last.
func (c *fakeConnector) next(state fakeState, answer *connector.Answer, drafts []audit.Draft) (string, error) {
	base, err := url.Parse(c.Settings.Text("baseUrl"))
	if err != nil {
		return "", connector.Fail(connector.ConfigurationWrong, err)
	}
	if c.bug == followsAnywhere {
		base = answer.URL
		if _, link, ok := cutLink(answer.Header.Get("Link")); ok {
			base = link
		}
	}
	next, err := connector.NextLink(answer, base)
	switch {
	case c.bug == endsOnShort && len(drafts) < fakePage, c.bug == endsOnEmpty && len(drafts) == 0:
		return "", nil
	case c.bug == circles:
		return answer.URL.String(), nil
	case c.bug == skipsTies && next != "" && len(drafts) > 0:
		query := url.Values{
			"from": {drafts[len(drafts)-1].OccurredAt.Add(1).Format(time.RFC3339Nano)}, "to": {state.To.Format(time.RFC3339Nano)},
		}
		return base.String() + "/records?" + query.Encode(), nil
	}
	return next, err
}

func cutLink(header string) (string, *url.URL, bool) {
	var link string
	if _, err := fmt.Sscanf(header, "<%s", &link); err != nil {
		return "", nil, false
	}
	u, err := url.Parse(link[:len(link)-2])
	return link, u, err == nil
}

func (c *fakeConnector) finish(r connector.Request, state fakeState, next string, drafts []audit.Draft) connector.Page {
	page := connector.Page{Drafts: drafts, More: next != ""}
	if c.bug == boasts {
		page.CompleteThrough = state.To
	}
	state.Next = next
	if !page.More {
		if c.bug != keepsQuiet {
			page.CompleteThrough = state.To
		}
		state = fakeState{From: state.To.Add(-fakeOverlap)}
		if c.bug == noOverlap {
			state.From = page.CompleteThrough
		}
	}
	if page.More || r.Window == nil {
		page.Next, _ = json.Marshal(state)
	}
	c.memory = new(state)
	if c.bug == badState {
		page.Next = json.RawMessage("position 7")
	}
	return page
}

func (c *fakeConnector) draft(record json.RawMessage) (audit.Draft, error) {
	var known struct {
		ID     string
		At     time.Time
		Action string
	}
	if err := json.Unmarshal(record, &known); err != nil {
		return audit.Draft{}, connector.Fail(connector.Malformed, err)
	}
	var details struct{ Actor struct{ ID string } }
	if err := json.Unmarshal(record, &details); err != nil && c.bug == strictTypes {
		return audit.Draft{}, connector.Fail(connector.Malformed, err)
	}
	draft := audit.Draft{
		Type: "fake." + known.Action, Action: audit.ActionCreate, Category: audit.CategoryData, Outcome: audit.OutcomeUnknown,
		Actor:      audit.NewActor("fake", audit.ActorUser, audit.Text(details.Actor.ID), "", ""),
		OccurredAt: known.At, VendorID: audit.Text(known.ID), Raw: record, Key: known.ID,
		Content: connector.ContentOrBytes(record),
	}
	c.spoil(&draft)
	return draft, nil
}

func (c *fakeConnector) spoil(draft *audit.Draft) {
	c.counter++
	switch c.bug {
	case freshKeys:
		draft.Key = fmt.Sprintf("%s-%d", draft.Key, c.counter)
	case freshContent:
		draft.Content = connector.ContentOrBytes(c.Now().AppendFormat(nil, time.RFC3339Nano))
	case rewritesRaw:
		var record any
		_ = json.Unmarshal(draft.Raw, &record)
		draft.Raw, _ = json.Marshal(record)
	case badDraft:
		draft.Actor = &audit.Actor{Key: "u1", Type: audit.ActorUser, VendorID: "u1"}
	}
}
