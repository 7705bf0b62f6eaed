package db_test

import (
	"context"
	"testing"
	"time"

	"annals/audit"
	"annals/db"
	"annals/db/dbtest"
)

func TestMain(m *testing.M) {
	dbtest.Main(m, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url, "")
		return err
	})
}

// open gives a database of its own, as the server opens it.
func open(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: dbtest.New(t).Writer, Now: time.Now, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// newTenant makes a tenant with an empty ledger.
func newTenant(t *testing.T, d *db.DB, name string) audit.TenantID {
	t.Helper()
	tenant, created, err := d.EnsureTenant(t.Context(), name)
	if err != nil || !created {
		t.Fatalf("making the tenant %s: created %v, %v", name, created, err)
	}
	return tenant.Number
}

// all is a view of everything in a tenant.
func all(t *testing.T, d *db.DB, tenant audit.TenantID) audit.View {
	t.Helper()
	size, err := d.Size(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return audit.NewView(tenant, nil, size-1, time.Now())
}
