package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"annals/audit"
)

// follow runs a test with a follower in simulated time and ends it afterwards.
func follow(t *testing.T, server *fakeServer, ledger *memory, test func(t *testing.T, f *Follower)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := NewFollower(newIndex(t, server, ledger), ledger)
		done := make(chan struct{})
		go func() { defer close(done); f.Run(ctx) }()
		test(t, f)
		cancel()
		<-done
	})
}

// indexed is how many documents the index of the follower has.
func (s *fakeServer) indexed(f *Follower) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if index := s.indexes[f.index.uid]; index != nil {
		return len(index.documents)
	}
	return -1
}

// documentTasks is how many tasks brought documents.
func (s *fakeServer) documentTasks() (count int) {
	for _, task := range s.tasks {
		if task.kind == "documentAdditionOrUpdate" {
			count++
		}
	}
	return count
}

func TestFollowerFillsTheIndex(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 22_000)
	ledger.fill(2, 3)
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(10 * time.Second)
		if got := server.indexed(f); got != 22_003 {
			t.Fatalf("%d documents, want 22003", got)
		}
		if ledger.position(1) != 22_000 || ledger.position(2) != 3 {
			t.Errorf("positions %v, want all", ledger.positions)
		}
		ledger.fill(1, 1)
		ledger.fill(3, 1)
		time.Sleep(2 * time.Second)
		if got := server.indexed(f); got != 22_005 {
			t.Errorf("%d documents two seconds after two more, want 22005", got)
		}
		index := server.indexes[f.index.uid]
		if !slices.Equal(index.searchable, wordAttributes()) || index.settings["facetSearch"] != false ||
			index.settings["proximityPrecision"] != "byAttribute" {
			t.Errorf("settings %v, searchable %v", index.settings, index.searchable)
		}
	})
	if server.inFlight != maxInFlight {
		t.Errorf("%d tasks in flight, want %d", server.inFlight, maxInFlight)
	}
	if create, add := slices.Index(server.requests, "POST /indexes"), slices.IndexFunc(server.requests, func(r string) bool {
		return strings.HasSuffix(r, "/documents")
	}); create < 0 || create > add {
		t.Errorf("documents came before the index: %v", server.requests[:min(20, len(server.requests))])
	}
}

// A trickle must not become a task per activity.
func TestFollowerGathersSmallBatches(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		for range 500 {
			ledger.fill(1, 1)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		if got := server.indexed(f); got != 500 {
			t.Errorf("%d documents, want 500", got)
		}
	})
	if got := server.documentTasks(); got > 12 {
		t.Errorf("%d tasks in ten seconds, want about one a second", got)
	}
}

// A large index takes long for every task, however small: a trickle must not keep the server busy all the time.
func TestFollowerLeavesTheServerTime(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	server.slow = 15 // polls, which take ten seconds
	follow(t, server, ledger, func(t *testing.T, _ *Follower) {
		for range 600 {
			ledger.fill(1, 1)
			time.Sleep(time.Second)
		}
		if got := ledger.position(1); got < 565 {
			t.Errorf("position %d of 600, want one about half a minute behind", got)
		}
	})
	if got := server.documentTasks(); got > 32 {
		t.Errorf("%d tasks of ten seconds in ten minutes, want half of the time", got)
	}
}

// The position may only be behind what a finished task has added.
func TestFollowerPositionStaysBehindTasks(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 21_000)
	server.slow = 40
	server.onTask = func(task *fakeTask) {
		if task.kind == "documentAdditionOrUpdate" {
			if position, have := ledger.position(1), int64(len(server.indexes[task.index].documents)); position > have {
				t.Errorf("position %d, the index has %d", position, have)
			}
		}
	}
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(time.Second)
		if got := ledger.position(1); got != 0 {
			t.Errorf("position %d while no task is finished", got)
		}
		time.Sleep(10 * time.Minute)
		if got := ledger.position(1); got != 21_000 {
			t.Errorf("position %d, want 21000", got)
		}
	})
}

func TestFollowerResumes(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 300)
	follow(t, server, ledger, func(*testing.T, *Follower) { time.Sleep(5 * time.Second) })
	ledger.fill(1, 7)
	first := len(server.tasks)
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(5 * time.Second)
		if got := server.indexed(f); got != 307 {
			t.Errorf("%d documents, want 307", got)
		}
	})
	if got := len(server.tasks) - first; got != 1 {
		t.Errorf("%d tasks after the restart, want one with the seven new ones", got)
	}
}

func TestFollowerRebuilds(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s *fakeServer, f *Follower){
		"deleted": func(s *fakeServer, f *Follower) { delete(s.indexes, f.index.uid) },
		"deleted, then made by a document": func(s *fakeServer, f *Follower) {
			s.make(f.index.uid).documents["t1-0"] = map[string]any{"id": "t1-0"}
		},
		"emptied": func(s *fakeServer, f *Follower) { clear(s.indexes[f.index.uid].documents) },
		"restored from an older copy": func(s *fakeServer, f *Follower) {
			for id := range s.indexes[f.index.uid].documents {
				if strings.HasSuffix(id, "9") {
					delete(s.indexes[f.index.uid].documents, id)
				}
			}
		},
		"made anew with our settings": func(s *fakeServer, f *Follower) {
			index := *s.indexes[f.index.uid]
			index.documents, index.created = map[string]map[string]any{}, time.Now()
			s.indexes[f.index.uid] = &index
		},
	}
	for name, spoil := range tests {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, running %t", name, running), func(t *testing.T) {
				t.Parallel()
				server, ledger := newFakeServer(), newMemory()
				ledger.fill(1, 400)
				ledger.fill(2, 40)
				follow(t, server, ledger, func(t *testing.T, f *Follower) {
					time.Sleep(5 * time.Second)
					if running {
						server.mu.Lock()
						spoil(server, f)
						server.mu.Unlock()
						ledger.fill(1, 1) // the next document would make the index with the server's settings
						time.Sleep(20 * time.Second)
						server.wants(t, f, 441)
					}
				})
				if running {
					return
				}
				synctest.Test(t, func(t *testing.T) { spoil(server, &Follower{index: newIndex(t, server, ledger)}) })
				ledger.fill(1, 1)
				follow(t, server, ledger, func(t *testing.T, f *Follower) {
					time.Sleep(20 * time.Second)
					server.wants(t, f, 441)
				})
			})
		}
	}
}

// wants checks that the index has so many documents and our settings.
func (s *fakeServer) wants(t *testing.T, f *Follower, documents int) {
	t.Helper()
	if got := s.indexed(f); got != documents {
		t.Errorf("%d documents, want %d", got, documents)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if index := s.indexes[f.index.uid]; index == nil || !slices.Equal(index.searchable, wordAttributes()) {
		t.Error("the index has not our settings")
	}
}

// The index goes while a batch is on its way: what the batch then makes must not count.
func TestFollowerSeesReplacementInFlight(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 10_500)
	gone := false
	server.onTask = func(task *fakeTask) {
		if task.kind == "documentAdditionOrUpdate" && len(server.indexes[task.index].documents) == 10_000 && !gone {
			gone = true
			delete(server.indexes, task.index)
		}
	}
	ledger.onSet = func(position int64) {
		server.mu.Lock()
		defer server.mu.Unlock()
		for _, index := range server.indexes {
			if have := len(index.documents); int(position) > have {
				t.Errorf("position %d, the index has %d", position, have)
			}
		}
	}
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(20 * time.Second)
		server.wants(t, f, 10_500)
		if !gone || ledger.position(1) != 10_500 {
			t.Errorf("gone %t, position %d", gone, ledger.position(1))
		}
	})
	if !slices.Contains(ledger.sets, 0) {
		t.Error("the position never went back")
	}
}

func TestFollowerSetsPoisonAside(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 900)
	ledger.fill(2, 1)
	poisoned := []string{"t1-0", "t1-450", "t1-899", "t2-0"}
	server.poison = func(d map[string]any) bool { return d["f_type"] != nil && slices.Contains(poisoned, d["id"].(string)) }
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(30 * time.Second)
		server.wants(t, f, 901)
		if got := f.SetAside(); got != int64(len(poisoned)) {
			t.Errorf("%d set aside, want %d", got, len(poisoned))
		}
		for id, document := range server.indexes[f.index.uid].documents {
			if husk := document["f_type"] == nil; husk != slices.Contains(poisoned, id) {
				t.Errorf("%s has no content: %t", id, husk)
			}
		}
		ledger.fill(1, 1)
		time.Sleep(3 * time.Second)
		if ledger.position(1) != 901 || ledger.position(2) != 1 {
			t.Errorf("positions %v after poison, want all", ledger.positions)
		}
	})
}

func TestFollowerHalvesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	server.limit = 20_000
	ledger.fill(1, 500)
	ledger.record(1, &audit.Activity{Draft: audit.Draft{Type: "x.y", Description: audit.Text(manyWords(9000))}})
	ledger.fill(1, 1)
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(30 * time.Second)
		server.wants(t, f, 502)
		if got := f.SetAside(); got != 1 {
			t.Errorf("%d set aside, want the one that is too large", got)
		}
	})
}

func manyWords(count int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "w%d ", i)
	}
	return b.String()
}

// A server that fails everything is not the fault of the documents: none may be given up.
func TestFollowerOutlastsServerTrouble(t *testing.T) {
	t.Parallel()
	trouble := map[string]func(s *fakeServer, on bool){
		"away": func(s *fakeServer, on bool) { s.down = on },
		"disk full": func(s *fakeServer, on bool) {
			s.failing = map[bool]string{true: "no_space_left_on_device"}[on]
		},
		"internal": func(s *fakeServer, on bool) { s.failing = map[bool]string{true: "internal"}[on] },
		"wrong key": func(s *fakeServer, on bool) {
			s.key = map[bool]string{true: "other", false: "key"}[on]
		},
	}
	for name, turn := range trouble {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, ledger := newFakeServer(), newMemory()
			ledger.fill(1, 700)
			turn(server, true)
			follow(t, server, ledger, func(t *testing.T, f *Follower) {
				time.Sleep(10 * time.Minute)
				if got := ledger.position(1); got != 0 || f.SetAside() != 0 {
					t.Errorf("position %d, %d set aside while nothing works", got, f.SetAside())
				}
				server.mu.Lock()
				asked := len(server.requests)
				turn(server, false)
				server.mu.Unlock()
				if asked > 900 {
					t.Errorf("%d requests in ten minutes of trouble", asked)
				}
				time.Sleep(time.Minute)
				server.wants(t, f, 700)
			})
		})
	}
}

func TestFollowerOutlastsDatabaseTrouble(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 10)
	ledger.err = errDatabase
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(time.Minute)
		ledger.mu.Lock()
		ledger.err = nil
		ledger.mu.Unlock()
		time.Sleep(time.Minute)
		server.wants(t, f, 10)
	})
}

func TestFollowerIsFair(t *testing.T) {
	t.Parallel()
	ledger := newMemory()
	ledger.fill(1, 40_000)
	for tenant := range 60 {
		ledger.fill(audit.TenantID(tenant+2), 400)
	}
	s := &session{
		Follower: NewFollower(newIndex(t, newFakeServer(), ledger), ledger),
		next:     map[audit.TenantID]int64{},
	}
	seen := map[audit.TenantID]bool{}
	for range 3 {
		b, err := s.read(t.Context())
		if err != nil || !b.full() {
			t.Fatalf("a batch of %d: %v", len(b.lines), err)
		}
		for tenant := range b.ends {
			seen[tenant] = true
		}
	}
	if len(seen) != 61 {
		t.Errorf("three batches have %d of 61 tenants", len(seen))
	}
}

func TestFollowerDeletesOtherVersions(t *testing.T) {
	t.Parallel()
	server, ledger := newFakeServer(), newMemory()
	ledger.fill(1, 10)
	server.make("annals-activities-0-old")
	server.make("somebody-elses")
	follow(t, server, ledger, func(t *testing.T, f *Follower) {
		time.Sleep(5 * time.Second)
		server.mu.Lock()
		for _, task := range server.tasks {
			server.run(task)
		}
		server.mu.Unlock()
		if server.indexes["annals-activities-0-old"] != nil {
			t.Error("the index of another version is still there")
		}
		if server.indexes["somebody-elses"] == nil || server.indexes[f.index.uid] == nil {
			t.Error("an index is gone that had to stay")
		}
	})
}
