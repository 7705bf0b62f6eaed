// Command annals collects the audit logs of a company's SaaS and cloud products, keeps them unchanged, and serves them
// over GraphQL.
//
// server.go puts the process together: it opens what the parts share, starts their goroutines, and stops them in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	_ "time/tzdata" // where the machine has no zone files

	"github.com/klauspost/compress/gzhttp"
	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"annals/audit"
	"annals/auth"
	"annals/db"
	"annals/db/private"
	"annals/explore"
	"annals/graph"
	"annals/graph/generated"
	"annals/graph/playground"
	"annals/live"
	"annals/resolvers"
	"annals/search"
	"annals/sync/connector"
	"annals/sync/engine"
	"annals/sync/integration"
	"annals/sync/journal"
	"annals/sync/location"
	"annals/sync/push"
	"annals/sync/vendors"
	"annals/sync/webhook"
)

func main() {
	private.RunIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "annals: "+err.Error())
		stop()
		os.Exit(1)
	}
}

// newLog writes for people on a terminal, and JSON lines elsewhere.
func newLog(to *os.File) *slog.Logger {
	if term.IsTerminal(int(to.Fd())) {
		return slog.New(tint.NewTextHandler(to, &tint.Options{TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewJSONHandler(to, nil))
}

// defaultTenant exists from the start.
const defaultTenant = "default"

// server is the process put together.
type server struct {
	config       config
	log          *slog.Logger
	database     *database
	authority    *auth.Authority
	keys         *auth.Keys
	recorder     *engine.Recorder
	integrations *integration.Service
	engine       *engine.Engine
	hub          *live.Hub
	graph        *graph.Server
	index        *search.Index // nil without MEILI_URL
	places       *location.Database
	client       *connector.Client
	origins      graph.Origins
	webhooks     http.Handler
	publicURL    string
	closing      atomic.Bool // intake is over
}

// phase is something that is done with the server at a point of its life.
type phase func(ctx context.Context, s *server) error

// serve runs the server until the context ends or a part of it fails. prepare is called before anything runs, ready once
// it answers.
func serve(ctx context.Context, c config, log *slog.Logger, prepare, ready phase) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return fmt.Errorf("ANNALS_LISTEN: %w", err)
	}
	defer func() { _ = listener.Close() }()
	if c.publicURL == "" {
		c.publicURL = "http://" + reachable(listener.Addr().String())
	}
	log.InfoContext(ctx, "configuration", "config", c)
	d, err := openDatabase(ctx, c, log, true)
	if err != nil {
		return err
	}
	s, err := newServer(ctx, c, d, log)
	if err == nil {
		err = prepare(ctx, s)
	}
	if err == nil {
		err = s.run(ctx, listener, ready)
	}
	giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, d.close(giving))
}

// newServer wires the parts.
func newServer(ctx context.Context, c config, d *database, log *slog.Logger) (*server, error) {
	s := &server{config: c, log: log, database: d, publicURL: c.publicURL}
	if _, _, err := d.EnsureTenant(ctx, defaultTenant); err != nil {
		return nil, err
	}
	sealer, err := openSealer(ctx, c, d)
	if err != nil {
		return nil, err
	}
	cursorKey, err := sealer.Derive("cursors")
	if err != nil {
		return nil, err
	}
	if err := s.openPlaces(c); err != nil {
		return nil, err
	}
	guard := connector.NewGuard(c.egressAllow)
	s.client = connector.NewClient(connector.ClientOptions{Guard: guard, UserAgent: "annals", Now: time.Now})
	s.recorder = engine.NewRecorder(d, s.locator(), time.Now)
	s.integrations = integration.New(d, catalogue(), integration.Options{
		Sealer: sealer, Client: s.client, Guard: guard, PublicURL: s.publicURL, NewID: db.RandomID, Now: time.Now, Log: log,
	})
	s.engine = engine.New(d, s.integrations, s.recorder, engine.Options{PollFloor: c.pollFloor, Now: time.Now, Log: log})
	s.webhooks = webhook.New(d, s.integrations, s.recordDelivery, time.Now, log)
	if err := s.openAuthority(ctx, sealer); err != nil {
		return nil, err
	}
	if c.meiliURL != "" {
		s.index, err = search.Open(search.Options{URL: c.meiliURL, APIKey: c.meiliKey.Reveal(), Positions: d, Log: log, Now: time.Now})
		if err != nil {
			return nil, err
		}
	}
	if err := s.openGraph(explore.NewCursors(cursorKey)); err != nil {
		return nil, err
	}
	return s, s.notePublicURL(ctx)
}

// notePublicURL tells the deployment its URL, of which commands make tokens, once nothing can go wrong any more: a
// process that cannot start must not change it.
func (s *server) notePublicURL(ctx context.Context) error {
	before, err := s.database.PublicURL(ctx)
	if err != nil {
		return err
	}
	if before != "" && before != s.publicURL {
		s.log.WarnContext(ctx, "the public URL changes: tokens made before are those of another issuer", "before", before, "now", s.publicURL)
	}
	return s.database.SetPublicURL(ctx, s.publicURL)
}

// catalogue is the vendors' connectors, and those that are built in.
func catalogue() integration.Catalogue {
	return append(integration.Catalogue{push.Registration(), {Connector: journal.Connector()}}, vendors.All()...)
}

func (s *server) openPlaces(c config) (err error) {
	if len(c.geoIP) > 0 {
		s.places, err = location.Open(c.geoIP...)
	}
	return err
}

func (s *server) locator() engine.Locator {
	if s.places == nil {
		return nil
	}
	return s.places
}

func (s *server) openAuthority(ctx context.Context, sealer auth.Sealer) (err error) {
	if s.keys, err = auth.OpenKeys(ctx, s.database, sealer, time.Now); err != nil {
		return fmt.Errorf("ANNALS_KEY_FILE: %w", err)
	}
	var external *auth.External
	if s.config.issuersFile != "" {
		issuers, err := auth.ReadIssuers(s.config.issuersFile)
		if err != nil {
			return err
		}
		external, err = auth.OpenExternal(ctx, auth.ExternalOptions{
			Issuers: issuers, Client: s.client.HTTPClient(), Now: time.Now, Log: s.log,
			Tenant: func(ctx context.Context, name string) (*audit.Tenant, error) {
				tenant, err := s.database.Tenant(ctx, name)
				return &tenant, err
			},
		})
		if err != nil {
			return fmt.Errorf("ANNALS_ISSUERS_FILE: %w", err)
		}
	}
	s.authority, err = auth.New(auth.Options{
		Issuer: s.publicURL, Keys: s.keys, Store: s.database, External: external, Now: time.Now, Log: s.log,
	})
	return err
}

func (s *server) openGraph(cursors explore.Cursors) error {
	s.hub = live.NewHub(s.database, cursors, time.Now, s.log)
	pushed := push.New(s.integrations, s.database, s.recorder.Fit, s.record, time.Now)
	limits := graph.DefaultLimits()
	resolver := &resolvers.Resolver{
		Operation: operation{}, Explorer: explore.New(s.database, cursors), Directory: s.integrations, Manager: s.integrations,
		Tokens: s.authority, TokenStore: s.database, Recorder: pushed,
		Journal: journal.New(s.integrations, s.record, time.Now, s.log), Live: following{live.NewWatcher(s.integrations, time.Now), s.hub},
		Limits: shown(limits), Now: time.Now,
	}
	var err error
	if s.origins, err = graph.NewOrigins(s.publicURL, append(sameMachine(s.publicURL), s.config.allowedOrigins...)); err != nil {
		return fmt.Errorf("ANNALS_ALLOWED_ORIGINS: %w", err)
	}
	s.graph, err = graph.New(generated.NewExecutableSchema(generated.Config{
		Schema: graph.Offered(generated.NewExecutableSchema(generated.Config{}).Schema()), Resolvers: resolver,
	}), graph.Options{
		Authenticator: s.authority, Views: views{s.database}, Limits: limits, Origins: s.origins,
		Remote: remote(s.config.trustedProxies), Log: s.log, Now: time.Now,
	})
	return err
}

// record records drafts on a path that no fetch belongs to.
func (s *server) record(ctx context.Context, i *audit.Integration, feed string, path audit.Path, drafts []audit.Draft) (audit.Receipt, error) {
	return s.recorder.Record(ctx, engine.Source{
		Tenant: i.Tenant, IntegrationID: i.Number, Connector: i.ConnectorName, Feed: feed, Path: path,
	}, drafts, nil)
}

func (s *server) recordDelivery(ctx context.Context, i *audit.Integration, feed string, drafts []audit.Draft) (audit.Receipt, error) {
	return s.record(ctx, i, feed, audit.PathWebhook, drafts)
}

// handler routes requests.
func (s *server) handler() (http.Handler, error) {
	compressed, err := gzhttp.NewWrapper(
		gzhttp.ContentTypes([]string{"application/json", "application/graphql-response+json"}),
		// Lengths that differ by chance tell nothing of what was compressed.
		gzhttp.RandomJitter(64, 0, false),
	)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/graphql", compressed(s.graph))
	mux.Handle("/webhooks/", s.intake(s.webhooks))
	mux.Handle("/.well-known/jwks.json", s.keys.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	if s.config.playground {
		page, err := playground.New(s.publicURL)
		if err != nil {
			return nil, fmt.Errorf("ANNALS_PUBLIC_URL: %w", err)
		}
		mux.Handle("/", page)
	}
	return mux, nil
}

// intake refuses what is pushed once the process is stopping, so that the vendor sends it to another replica.
func (s *server) intake(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.closing.Load() {
			w.Header().Set("Retry-After", "5")
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ready answers whether the server can do its work. Meilisearch is not needed for it.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if s.closing.Load() || s.database.Ping(ctx) != nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

// run starts every goroutine of the server, waits for the end of the context or the failure of a part, and stops them
// in order: schedules and intake, followers, subscriptions, requests.
func (s *server) run(ctx context.Context, listener net.Listener, ready phase) error {
	handler, err := s.handler()
	if err != nil {
		return err
	}
	metrics, err := s.serveMetrics(ctx)
	if err != nil {
		return err
	}
	web := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	serving := newGroup(context.WithoutCancel(ctx), failed)
	serving.start("serving", func(context.Context) error { return web.Serve(listener) })

	followers := newGroup(context.WithoutCancel(ctx), failed)
	followers.start("sending hints", s.database.Hint)
	followers.start("following", s.hub.Run)
	followers.start("noting uses", s.authority.Run)
	if s.index != nil {
		followers.start("indexing", func(ctx context.Context) error {
			s.database.Alone(ctx, "annals search index", search.NewFollower(s.index, s.database).Run)
			return ctx.Err()
		})
	}
	schedules := newGroup(ctx, failed)
	schedules.start("fetching", s.engine.Run)
	schedules.start("starting", func(ctx context.Context) error { return ready(ctx, s) })

	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-s.database.died():
		err = errors.New("the private Postgres has ended by itself")
	}
	s.log.InfoContext(ctx, "stopping")
	s.closing.Store(true)
	schedules.stop()
	followers.stop()
	giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, s.graph.Shutdown(giving))
	if web.Shutdown(giving) != nil {
		_ = web.Close() // those who do not leave are no failure of ours, and may still look up places
	} else if s.places != nil {
		err = errors.Join(err, s.places.Close())
	}
	serving.stop()
	if metrics != nil {
		err = errors.Join(err, metrics.Shutdown(giving))
	}
	s.client.CloseIdleConnections()
	return err
}

// group owns goroutines that end together.
type group struct {
	ctx     context.Context //nolint:containedctx // the group's own life
	cancel  context.CancelFunc
	failed  chan<- error
	running sync.WaitGroup
}

func newGroup(ctx context.Context, failed chan<- error) *group {
	ctx, cancel := context.WithCancel(ctx)
	return &group{ctx: ctx, cancel: cancel, failed: failed}
}

// start runs a part. Its failure is told unless the group is stopping; its end in good order is none.
func (g *group) start(doing string, part func(ctx context.Context) error) {
	g.running.Go(func() {
		err := part(g.ctx)
		if err == nil || g.ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
			return
		}
		select {
		case g.failed <- fmt.Errorf("%s: %w", doing, err):
		default: // one failure is enough to stop
		}
	})
}

func (g *group) stop() {
	g.cancel()
	g.running.Wait()
}
