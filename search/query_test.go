package search

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

// ready is an index at a fake server that has everything of a ledger.
func ready(t *testing.T, server *fakeServer, ledger *memory) *Index {
	t.Helper()
	index := newIndex(t, server, ledger)
	fillUp(t, index, ledger)
	return index
}

// fillUp puts everything of a ledger into an index.
func fillUp(t *testing.T, index *Index, ledger *memory) {
	t.Helper()
	s := &session{Follower: NewFollower(index, ledger), next: map[audit.TenantID]int64{}}
	if err := s.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	for {
		if err := s.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.inFlight) == 0 {
			return
		}
		if err := s.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func page(where audit.All, limit int) audit.PageQuery {
	return audit.PageQuery{Where: where, Order: audit.NewestFirst(), Limit: limit}
}

func TestCandidatesPages(t *testing.T) {
	t.Parallel()
	ledger := newMemory()
	ledger.fill(1, 50)
	ledger.fill(2, 80)
	// Late activities: seq and time disagree, and times repeat.
	for i := range 20 {
		ledger.record(1, &audit.Activity{Draft: audit.Draft{
			Type: "a.b", Description: "octocat created", OccurredAt: time.UnixMicro(int64(1_793_600_000_000_000 + i/4)).UTC(),
		}})
	}
	index := ready(t, newFakeServer(), ledger)
	for _, order := range []audit.Order{
		audit.NewestFirst(),
		{Field: audit.OrderOccurredAt, Direction: audit.Ascending},
		{Field: audit.OrderRecordedAt, Direction: audit.Ascending},
		{Field: audit.OrderRecordedAt, Direction: audit.Descending},
	} {
		for _, last := range []bool{false, true} {
			t.Run(fmt.Sprint(order, last), func(t *testing.T) {
				t.Parallel()
				want := inOrder(ledger.activities[1], order)
				var got []int64
				ask := audit.PageQuery{Order: order, Last: last, Limit: 7}
				for more := true; more; {
					found, err := index.Candidates(t.Context(), view(1, 69), audit.ParseText("octocat created"), ask)
					if err != nil {
						t.Fatal(err)
					}
					if found.Indexed != 69 || len(found.Seqs) > 7 {
						t.Fatalf("%+v", found)
					}
					if more = found.More; last {
						got = slices.Concat(found.Seqs, got)
						ask.Between[1] = at(ledger.activities[1][found.Seqs[0]])
					} else {
						got = append(got, found.Seqs...)
						ask.Between[0] = at(ledger.activities[1][found.Seqs[len(found.Seqs)-1]])
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("pages give\n%v, want\n%v", got, want)
				}
			})
		}
	}
}

func at(a *audit.Activity) *audit.Position {
	return &audit.Position{OccurredAt: a.OccurredAt, Seq: a.Seq}
}

func inOrder(activities []*audit.Activity, order audit.Order) []int64 {
	sorted := slices.Clone(activities)
	slices.SortFunc(sorted, func(a, b *audit.Activity) int {
		by := int(a.Seq - b.Seq)
		if c := a.OccurredAt.Compare(b.OccurredAt); c != 0 && order.Field == audit.OrderOccurredAt {
			by = c
		}
		if order.Direction == audit.Descending {
			by = -by
		}
		return by
	})
	seqs := make([]int64, len(sorted))
	for i, a := range sorted {
		seqs[i] = a.Seq
	}
	return seqs
}

func TestCandidatesBounds(t *testing.T) {
	t.Parallel()
	ledger := newMemory()
	ledger.fill(1, 1500)
	index := ready(t, newFakeServer(), ledger)
	find := func(view audit.View, text string, page audit.PageQuery) (Candidates, error) {
		return index.Candidates(t.Context(), view, audit.ParseText(text), page)
	}
	if found, err := find(view(1, 1499), "octocat", page(nil, 5000)); err != nil || len(found.Seqs) != 1000 || !found.More {
		t.Errorf("%d candidates of 1500, more %t: %v", len(found.Seqs), found.More, err)
	}
	if found, err := find(view(1, 9), "octocat", page(nil, 50)); err != nil || len(found.Seqs) != 10 || found.More || found.Indexed != 1499 {
		t.Errorf("as of seq 9: %+v, %v", found, err)
	}
	if found, err := find(view(1, 1499), "absent", page(nil, 50)); err != nil || len(found.Seqs) != 0 {
		t.Errorf("an absent word: %+v, %v", found, err)
	}
	if found, err := find(view(3, -1), "octocat", page(nil, 50)); err != nil || len(found.Seqs) != 0 || found.Indexed != -1 {
		t.Errorf("a tenant without activities: %+v, %v", found, err)
	}
	nowhere := audit.All{audit.InIntegrations{}}
	if found, err := find(view(1, 1499), "octocat", page(nowhere, 50)); err != nil || len(found.Seqs) != 0 {
		t.Errorf("a filter that nothing fulfils: %+v, %v", found, err)
	}
	if _, err := find(view(1, 1499), `"" * -`, page(nil, 50)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("without a word: %v, want ErrUnsupported", err)
	}
	many := audit.In{Field: audit.FieldType}
	for i := range 1001 {
		many.Values = append(many.Values, fmt.Sprintf("a%04d", i))
	}
	if _, err := find(view(1, 1499), "octocat", page(audit.All{audit.Not{Of: many}}, 50)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("1001 values: %v, want ErrUnsupported", err)
	}
	many.Values = many.Values[:1000]
	if _, err := find(view(1, 1499), "octocat", page(audit.All{many}, 50)); err != nil {
		t.Errorf("1000 values: %v", err)
	}
}

// What is not behind the position yet is not proposed, although it may be in the index already.
func TestCandidatesStopAtThePosition(t *testing.T) {
	t.Parallel()
	ledger := newMemory()
	ledger.fill(1, 30)
	index := ready(t, newFakeServer(), ledger)
	ledger.positions[1] = 20
	found, err := index.Candidates(t.Context(), view(1, 29), audit.ParseText("octocat"), page(nil, 50))
	if err != nil || found.Indexed != 19 || len(found.Seqs) != 20 || found.Seqs[0] != 19 {
		t.Errorf("%+v, %v", found, err)
	}
}

// The index is made anew between the look at the position and the question: its emptiness is no answer.
func TestCandidatesOfAnIndexMadeAnew(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 30)
	index := ready(t, server, ledger)
	server.onAsk = func(name, _ string) {
		_ = ledger.SetPosition(t.Context(), 1, name, 0)
		clear(server.indexes[name].documents)
	}
	found, err := index.Candidates(t.Context(), view(1, 29), audit.ParseText("octocat"), page(nil, 50))
	if !errors.Is(err, ErrAway) {
		t.Errorf("%+v, %v, want ErrAway", found, err)
	}
}

func TestCandidatesSeeTheirTenantAlone(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 5)
	ledger.fill(31, 5) // t1f, which begins with the other's name
	index := ready(t, server, ledger)
	var asked []string
	server.onAsk = func(_, filter string) { asked = append(asked, filter) }
	hostile := []string{
		"x' OR tenant EXISTS OR f_type = 'x", `\' OR tenant EXISTS OR f_type = \'`, "') OR (seq >= 0", "x'] OR seq >= 0 OR f_type IN ['",
		"\x00'\n OR seq >= 0", strings.Repeat("'", 500) + " OR seq >= 0", "NOT", "IN", "TO", "_geoRadius(1,2,3)",
	}
	for _, value := range hostile {
		for _, where := range []audit.All{
			{audit.In{Field: audit.FieldType, Values: []string{value}}},
			{audit.Prefix{Field: audit.FieldType, Values: []string{value}}},
			{audit.Not{Of: audit.In{Field: audit.FieldActorName, Values: []string{value}}}},
			{audit.SomeTarget{Of: audit.All{audit.In{Field: audit.FieldTargetName, Values: []string{value}}}}},
		} {
			found, err := index.Candidates(t.Context(), view(1, 4), audit.ParseText(value+" octocat"), page(where, 50))
			if err != nil {
				t.Errorf("%q: %v", value, err)
			}
			if len(found.Seqs) > 5 {
				t.Errorf("%q finds %d activities", value, len(found.Seqs))
			}
		}
	}
	for _, filter := range asked {
		if !strings.HasPrefix(filter, "tenant = 't1' & ") {
			t.Errorf("asked without the tenant: %s", filter)
		}
	}
}

// A server that gives another tenant's document, whatever was asked, is not believed.
func TestCandidatesRefuseForeignHits(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 5)
	index := ready(t, server, ledger)
	for id, document := range server.indexes[index.uid].documents {
		document["id"] = strings.Replace(id, "t1-", "t2-", 1)
	}
	found, err := index.Candidates(t.Context(), view(1, 4), audit.ParseText("octocat"), page(nil, 50))
	if !errors.Is(err, ErrAway) || found.Seqs != nil {
		t.Errorf("%+v, %v, want ErrAway", found, err)
	}
}

func TestCandidatesOfAnUnfitIndex(t *testing.T) {
	t.Parallel()
	spoil := map[string]func(s *fakeServer, name string){
		"missing":          func(s *fakeServer, name string) { delete(s.indexes, name) },
		"default settings": func(s *fakeServer, name string) { s.make(name) },
		"wrong key":        func(s *fakeServer, _ string) { s.key = "other" },
	}
	for name, spoil := range spoil {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, ledger := newFakeServer(), newMemory()
			ledger.fill(1, 5)
			index := ready(t, server, ledger)
			spoil(server, index.uid)
			_, err := index.Candidates(t.Context(), view(1, 4), audit.ParseText("octocat secretword"), page(nil, 50))
			if !errors.Is(err, ErrAway) {
				t.Fatalf("%v, want ErrAway", err)
			}
			if strings.Contains(err.Error(), "secretword") || strings.Contains(err.Error(), "tenant") {
				t.Errorf("the error tells what was asked: %v", err)
			}
			if !index.Available() {
				t.Error("a server that answers counts as away")
			}
		})
	}
}

func TestAvailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, ledger := newFakeServer(), newMemory()
		ledger.fill(1, 5)
		index := ready(t, server, ledger)
		ask := func() error {
			_, err := index.Candidates(t.Context(), view(1, 4), audit.ParseText("octocat"), page(nil, 50))
			return err
		}
		server.down = true
		if err := ask(); !errors.Is(err, ErrAway) || index.Available() {
			t.Fatalf("a server that is down: %v, available %t", err, index.Available())
		}
		before := len(server.requests)
		if err := ask(); !errors.Is(err, ErrAway) || len(server.requests) != before {
			t.Errorf("asked again at once: %v, %d requests", err, len(server.requests)-before)
		}
		server.down = false
		time.Sleep(rest)
		if err := ask(); err != nil || !index.Available() {
			t.Errorf("after a rest: %v, available %t", err, index.Available())
		}
	})
}

// What travels: no retry, no compression, a deadline.
func TestRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	requests := 0
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		header = r.Header
		http.Error(w, "busy", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	ledger := newMemory()
	index, err := Open(Options{URL: server.URL + "/", APIKey: "secret", Positions: ledger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = index.Candidates(t.Context(), view(1, 4), audit.ParseText("octocat"), page(nil, 50))
	if !errors.Is(err, ErrAway) || requests != 1 {
		t.Errorf("%v after %d requests, want ErrAway after one", err, requests)
	}
	if header.Get("Authorization") != "Bearer secret" || header.Get("Accept-Encoding") != "" {
		t.Errorf("header %v", header)
	}
	server.Close()
	index.restUntil.Store(0)
	_, err = index.Candidates(t.Context(), view(1, 4), audit.ParseText("octocat"), page(nil, 50))
	if !errors.Is(err, ErrAway) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a closed port: %v", err)
	}
}

func TestOpenRefusesAddresses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:7700", "ftp://search.example.com", "http://", "http://bad host"} {
		if _, err := Open(Options{URL: url}); err == nil || !strings.Contains(err.Error(), "MEILI_URL") {
			t.Errorf("%q: %v, want an error that names MEILI_URL", url, err)
		}
	}
}
