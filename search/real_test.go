package search

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"annals/audit"
)

// realServer gives the address and key of a Meilisearch: the one that MEILI_URL names, else one of the installed
// program on loopback, which ends with the test.
func realServer(t *testing.T) (url, key string) {
	t.Helper()
	if url := os.Getenv("MEILI_URL"); url != "" {
		return url, os.Getenv("MEILI_API_KEY")
	}
	program, err := exec.LookPath("meilisearch")
	if err != nil {
		t.Skip("neither MEILI_URL nor a program meilisearch is here")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	command := exec.CommandContext(t.Context(), program, "--http-addr", address, "--db-path", folder+"/data",
		"--dump-dir", folder+"/dumps", "--no-analytics", "--env", "development")
	command.Dir = folder
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // killed by the test's context
	url = "http://" + address
	for range 100 {
		if answer, err := http.Get(url + "/health"); err == nil {
			_ = answer.Body.Close()
			return url, ""
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the server does not start")
	return "", ""
}

// Against a real server and against the fake one: no hit is missing under any filter, and pages go through all
// candidates.
func TestRealServer(t *testing.T) {
	t.Parallel()
	url, key := realServer(t)
	ledger := newMemory()
	index, err := Open(Options{URL: url, APIKey: key, Positions: ledger, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	index.uid = fmt.Sprintf("annals-test-%d", time.Now().UnixNano()) // no name that another follower would delete
	t.Cleanup(func() {
		_, _ = index.client.DeleteIndexWithContext(context.WithoutCancel(t.Context()), index.uid)
	})
	missesNothing(t, index, ledger)
}

func TestFakeServer(t *testing.T) {
	t.Parallel()
	ledger := newMemory()
	missesNothing(t, newIndex(t, newFakeServer(), ledger), ledger)
}

func missesNothing(t *testing.T, index *Index, ledger *memory) {
	t.Helper()
	for i := range 150 {
		ledger.record(1, genActivity().Example(i))
		ledger.record(2, genActivity().Example(i))
	}
	for i := range 1100 {
		ledger.record(1, &audit.Activity{Draft: audit.Draft{Description: audit.Text(fmt.Sprintf("order-%d заказ%d", 71_000_000+i, i))}})
	}
	fillUp(t, index, ledger)
	asOf := view(1, 1249)
	wheres := []audit.All{nil}
	for i := range 25 {
		wheres = append(wheres, audit.All{genExpr(2).Example(i)})
	}
	for _, text := range []string{"production", "create*", `"production database"`, "zoe", "東京", "東*", "203.0.113.1", "0.113.1*", "access key", "4*", "strasse"} {
		for _, where := range wheres {
			proposesAll(t, index, ledger, asOf, text, where)
		}
	}
	// More words begin so than the server looks at.
	for _, text := range []string{"71000*", "order 7100*", "заказ*", "з*"} {
		proposesAll(t, index, ledger, asOf, text, nil)
	}
}

func proposesAll(t *testing.T, index *Index, ledger *memory, asOf audit.View, text string, where audit.All) {
	t.Helper()
	query := audit.ParseText(text)
	got := everyPage(t, index, asOf, query, where)
	for _, a := range ledger.activities[1] {
		if query.Match(a) && audit.Match(where, a) && !slices.Contains(got, a.Seq) {
			t.Fatalf("%q under %+v misses %v", text, where, a.Texts())
		}
	}
}

func everyPage(t *testing.T, index *Index, view audit.View, query audit.TextQuery, where audit.All) []int64 {
	t.Helper()
	var seqs []int64
	ask := audit.PageQuery{Where: where, Order: audit.Order{Field: audit.OrderRecordedAt, Direction: audit.Ascending}, Limit: 90}
	for more := true; more; {
		found, err := index.Candidates(t.Context(), view, query, ask)
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, found.Seqs...)
		if more = found.More; more {
			ask.Between[0] = &audit.Position{Seq: seqs[len(seqs)-1]}
		}
	}
	return seqs
}
