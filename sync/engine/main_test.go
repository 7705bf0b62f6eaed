package engine

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"annals/db"
	"annals/db/dbtest"
)

func TestMain(m *testing.M) {
	dbtest.Main(m, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url, "")
		return err
	})
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines outlive the tests:", err)
		os.Exit(1)
	}
}
