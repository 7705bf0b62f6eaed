package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"annals/audit"
)

// memory is a ledger and the positions of its followers.
type memory struct {
	mu         sync.Mutex
	activities map[audit.TenantID][]*audit.Activity
	positions  map[audit.TenantID]int64
	follower   string // name that positions are kept under
	sets       []int64
	onSet      func(position int64)
	err        error
}

func newMemory() *memory {
	return &memory{activities: map[audit.TenantID][]*audit.Activity{}, positions: map[audit.TenantID]int64{}}
}

var errDatabase = errors.New("no database")

func (m *memory) Heads(context.Context) (map[audit.TenantID]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	heads := map[audit.TenantID]int64{}
	for tenant, activities := range m.activities {
		heads[tenant] = int64(len(activities))
	}
	return heads, m.err
}

func (m *memory) Follow(_ context.Context, tenant audit.TenantID, from int64, limit int) ([]*audit.Activity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := m.activities[tenant][from:]
	return rest[:min(limit, len(rest))], m.err
}

func (m *memory) Position(_ context.Context, tenant audit.TenantID, follower string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if follower != m.follower {
		return 0, m.err
	}
	return m.positions[tenant], m.err
}

func (m *memory) SetPosition(_ context.Context, tenant audit.TenantID, follower string, position int64) error {
	if m.onSet != nil {
		m.onSet(position)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.follower = follower
	m.positions[tenant] = position
	m.sets = append(m.sets, position)
	return m.err
}

func (m *memory) position(tenant audit.TenantID) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.positions[tenant]
}

// record appends activities to a tenant's ledger.
func (m *memory) record(tenant audit.TenantID, activities ...*audit.Activity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range activities {
		a.Tenant, a.Seq = tenant, int64(len(m.activities[tenant]))
		m.activities[tenant] = append(m.activities[tenant], a)
	}
}

// fill records so many activities; each says its number.
func (m *memory) fill(tenant audit.TenantID, count int) {
	for range count {
		m.mu.Lock()
		n := len(m.activities[tenant])
		m.mu.Unlock()
		m.record(tenant, &audit.Activity{Draft: audit.Draft{
			Type: "github.repo.create", Action: audit.ActionCreate, Outcome: audit.OutcomeSuccess,
			Description: audit.Text(fmt.Sprintf("octocat created repo-%d", n)),
			OccurredAt:  time.UnixMicro(int64(1_793_600_000_000_000 + n)).UTC(),
			Origin:      audit.Origin{IP: netip.MustParseAddr("203.0.113.9")},
		}})
	}
}

// newIndex is an index at a fake server without a network.
func newIndex(t *testing.T, server *fakeServer, positions Positions) *Index {
	t.Helper()
	index, err := Open(Options{
		URL: "http://search.example.com", APIKey: "key", Positions: positions,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	index.client = newClient("http://search.example.com", "key", server)
	return index
}

func view(tenant audit.TenantID, asOf int64) audit.View {
	return audit.NewView(tenant, nil, asOf, time.Unix(1_793_700_000, 0))
}
