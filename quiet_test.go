package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestQuietStaysQuiet(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	log := quiet(slog.New(slog.NewTextHandler(&said, nil)))
	log.Info("one")
	log.With("a", 1).Info("two")
	log.WithGroup("g").Info("three")
	log.With("a", 1).Warn("four")
	if got := said.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "four") {
		t.Errorf("said:\n%s", got)
	}
}
