package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serveMetrics serves Prometheus on an address of its own. No label names a tenant or an integration. When the default
// address is taken there are no metrics; one that was asked for must be free.
func (s *server) serveMetrics(ctx context.Context) (*http.Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cmp.Or(s.config.metricsListen, defaultMetricsListen))
	if err != nil && s.config.metricsListen == "" {
		s.log.WarnContext(ctx, "no metrics: the default address is taken", "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ANNALS_METRICS_LISTEN: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.WarnContext(ctx, "serving metrics", "error", err)
		}
	}()
	return web, nil
}
