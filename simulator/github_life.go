package simulator

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// githubLife is the organization: who and what there is, and what happens next. It is driven by one source of
// randomness, so that a seed always gives the same life.
type githubLife struct {
	rand    *rand.Rand
	pace    *Pace
	faults  *Faults
	people  []*githubPerson
	bots    []*githubPerson
	repos   []*githubRepo
	teams   []*githubTeam
	lastID  int
	made    int // repositories so far
	weights int
}

type githubPerson struct {
	login, country, agent string
	id                    int
	ip                    netip.Addr
	permission            string
}

type githubRepo struct {
	name, visibility string
	id               int
	archived         bool
}

type githubTeam struct {
	name string
	id   int
}

// githubDeed is something that somebody did: a record of the audit log, and the webhook that goes with it.
type githubDeed struct {
	id      string
	feed    string
	record  map[string]any
	event   string         // of the webhook, empty when there is none
	payload map[string]any // of the webhook
	guid    string
}

var (
	githubRoles  = []string{"admin", "analyst", "designer", "engineer", "manager", "operator", "reviewer", "tester"}
	githubAgents = []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
	}
	githubCountries = []string{"BR", "DE", "DE", "FR", "IN", "JP", "US", "US"}
	githubNouns     = []string{
		"billing", "catalog", "checkout", "docs", "gateway", "inventory", "mobile", "payments", "platform", "reports",
		"search", "website",
	}
)

func newGitHubLife(o Options) *githubLife {
	l := &githubLife{rand: o.Rand("github"), pace: o.Pace("github"), faults: o.Faults, lastID: 10_000}
	for i := range 2 * len(githubRoles) {
		l.people = append(l.people, l.newPerson(fmt.Sprintf("%s-%02d", githubRoles[i%len(githubRoles)], i+1)))
	}
	l.people[0].permission = "admin"
	for _, login := range []string{"dependabot[bot]", "release-app[bot]"} {
		l.bots = append(l.bots, l.newPerson(login))
	}
	for range 6 {
		l.repos = append(l.repos, l.newRepo())
	}
	for _, name := range []string{"platform", "security", "web"} {
		l.teams = append(l.teams, &githubTeam{name: GitHubOrganization + "/" + name, id: l.newID()})
	}
	for _, deed := range githubDeeds {
		l.weights += deed.weight
	}
	return l
}

func (l *githubLife) newID() int {
	l.lastID += 1 + l.rand.IntN(20)
	return l.lastID
}

func (l *githubLife) newPerson(login string) *githubPerson {
	networks := []netip.Addr{netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("198.51.100.0"), netip.MustParseAddr("203.0.113.0")}
	address := pick(l.rand, networks).As4()
	address[3] = byte(1 + l.rand.IntN(254))
	return &githubPerson{
		login:      login,
		id:         l.newID(),
		country:    pick(l.rand, githubCountries),
		agent:      pick(l.rand, githubAgents),
		ip:         netip.AddrFrom4(address),
		permission: "read",
	}
}

func (l *githubLife) newRepo() *githubRepo {
	noun := githubNouns[l.made%len(githubNouns)]
	if round := l.made / len(githubNouns); round > 0 {
		noun = fmt.Sprintf("%s-%d", noun, round+1)
	}
	l.made++
	return &githubRepo{name: GitHubOrganization + "/" + noun, id: l.newID(), visibility: "private"}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// next lets one thing happen.
func (l *githubLife) next(at time.Time) *githubDeed {
	n := l.rand.IntN(l.weights)
	kind := 0
	for n >= githubDeeds[kind].weight {
		n -= githubDeeds[kind].weight
		kind++
	}
	deed := &githubDeed{feed: "web", id: l.documentID(), guid: guidOf(l.rand), record: map[string]any{}}
	actor := pick(l.rand, l.people)
	if githubDeeds[kind].bots {
		actor = pick(l.rand, l.bots)
	}
	l.sign(deed, actor, at)
	githubDeeds[kind].do(l, deed, actor)
	if l.faults.Hits(UnknownAction) {
		deed.record["action"] = "hyperdrive.engaged"
	}
	return deed
}

// sign writes what every record has.
func (l *githubLife) sign(deed *githubDeed, actor *githubPerson, at time.Time) {
	maps.Copy(deed.record, map[string]any{
		"@timestamp":     at.UnixMilli(),
		"created_at":     at.UnixMilli(),
		"_document_id":   deed.id,
		"actor":          actor.login,
		"actor_id":       actor.id,
		"actor_ip":       actor.ip.String(),
		"actor_location": map[string]any{"country_code": actor.country},
		"user_agent":     actor.agent,
		"org":            GitHubOrganization,
		"org_id":         githubOrganizationID,
		"business":       GitHubEnterprise,
		"business_id":    githubEnterpriseID,
	})
	if strings.HasSuffix(actor.login, "[bot]") {
		deed.record["actor_is_bot"] = true
		delete(deed.record, "actor_ip")
	}
}

// body writes the record with the faults that a record can have.
func (d *githubDeed) body(faults *Faults) json.RawMessage {
	body, err := json.Marshal(d.record)
	if err != nil {
		return nil // a record holds nothing that JSON cannot say
	}
	return faults.Disturb(body, "@timestamp", "created_at", "_document_id")
}

// documentID looks like GitHub's: 22 characters that stand for 16 bytes.
func (l *githubLife) documentID() string {
	return base64.RawURLEncoding.EncodeToString(randomBytes(l.rand, 16))
}

func guidOf(r *rand.Rand) string {
	b := randomBytes(r, 16)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (l *githubLife) hash() string { return hex.EncodeToString(randomBytes(l.rand, 20)) }

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// other is somebody else.
func (l *githubLife) other(than *githubPerson) *githubPerson {
	others := slices.DeleteFunc(slices.Clone(l.people), func(p *githubPerson) bool { return p == than })
	return pick(l.rand, others)
}
