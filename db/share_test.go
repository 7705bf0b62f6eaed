package db

import (
	"context"
	"errors"
	"testing"
	"time"

	"annals/audit"
)

func TestATenantLeavesConnectionsToTheOthers(t *testing.T) {
	t.Parallel()
	s := newShares(8)
	var give func()
	for range 5 {
		var err error
		if give, err = s.take(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.take(short, 1); !errors.Is(err, audit.ErrTimeout) {
		t.Errorf("the sixth read of a tenant: %v, want %v", err, audit.ErrTimeout)
	}
	if _, err := s.take(t.Context(), 2); err != nil {
		t.Errorf("another tenant's first read waits: %v", err)
	}
	give()
	if _, err := s.take(t.Context(), 1); err != nil {
		t.Errorf("a read behind one that has ended: %v", err)
	}
}
