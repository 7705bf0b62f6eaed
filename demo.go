package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"annals/audit"
	"annals/auth"
	"annals/simulator"
)

const (
	// demoSeed makes every demo the same: at a second start the vendors have the same past.
	demoSeed = 20261124
	// demoPast is how far back the simulated vendors remember, from the day on which the demo starts first.
	demoPast = 7 * 24 * time.Hour
	// demoPace is how much happens at each simulated vendor, per hour.
	demoPace = 360
	// demoBeat is how often the simulated vendors go on.
	demoBeat = 3 * time.Second
	// demoToken is how long the printed token lives.
	demoToken = 12 * time.Hour

	demoGitHub     = "Acme GitHub"
	demoAWS        = "Acme AWS"
	demoKubernetes = "Acme Kubernetes"

	anyHost = "127.0.0.1:0"
)

var demoNames = []string{demoGitHub, demoAWS, demoKubernetes}

// demo serves with simulated vendors on loopback: they have a past to backfill, go on living, and push.
func demo(ctx context.Context, c config, log *slog.Logger, stdout io.Writer) error {
	c.egressAllow = append(c.egressAllow, netip.MustParsePrefix("127.0.0.0/8"))
	c.pollFloor = min(c.pollFloor, 5*time.Second)
	var d *demonstration
	defer func() {
		if d != nil {
			d.close() // behind the server, which would find the vendors gone
		}
	}()
	prepare := func(ctx context.Context, s *server) (err error) {
		if d, err = newDemonstration(ctx, s); err != nil {
			return fmt.Errorf("setting up the demo: %w", err)
		}
		return nil
	}
	return serve(ctx, c, log, prepare, func(ctx context.Context, _ *server) error {
		if err := d.announce(ctx, stdout); err != nil {
			return err
		}
		return d.live(ctx)
	})
}

// demonstration is the simulated vendors and their integrations.
type demonstration struct {
	server     *server
	tenant     audit.Tenant
	github     *simulator.GitHub
	cloudtrail *simulator.CloudTrail
	kubernetes *simulator.Kubernetes
	faults     *simulator.Faults // none
	fakes      []*http.Server
	begun      time.Time       // until when the vendors have lived before the demo pushes
	hooks      map[string]hook // by connector
	client     *http.Client
}

// hook is where a simulated vendor pushes to.
type hook struct{ url, secret string }

func newDemonstration(ctx context.Context, s *server) (*demonstration, error) {
	tenant, err := s.database.Tenant(ctx, defaultTenant)
	if err != nil {
		return nil, err
	}
	view := audit.NewView(tenant.Number, nil, -1, time.Now())
	present, err := s.integrations.All(ctx, view)
	if err != nil {
		return nil, err
	}
	if err := onlyDemo(ctx, s.database, tenant.Number, present); err != nil {
		return nil, err
	}
	o := simulator.Options{Seed: demoSeed, Now: time.Now, PerHour: demoPace}
	d := &demonstration{
		server: s, tenant: tenant, hooks: map[string]hook{}, client: &http.Client{Timeout: 10 * time.Second},
		github: simulator.NewGitHub(o), cloudtrail: simulator.NewCloudTrail(o), kubernetes: simulator.NewKubernetes(o),
	}
	d.begun = time.Now().UTC()
	past := firstStart(present, d.begun).Truncate(24 * time.Hour).Add(-demoPast)
	d.github.Generate(past, d.begun)
	d.cloudtrail.Generate(past, d.begun)
	d.kubernetes.Generate(past, d.begun)
	for _, v := range []vendor{
		{demoGitHub, "github", d.github, map[string]any{"organization": simulator.GitHubOrganization, "token": simulator.GitHubToken}},
		{demoAWS, "aws_cloudtrail", d.cloudtrail, map[string]any{
			"accessKeyId": d.cloudtrail.AccessKeyID, "secretAccessKey": d.cloudtrail.SecretAccessKey, "regions": d.cloudtrail.Regions,
		}},
		{demoKubernetes, "kubernetes", nil, nil},
	} {
		if err := d.connect(ctx, view, v, find(present, v.name)); err != nil {
			d.close()
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return d, nil
}

// onlyDemo refuses a ledger that no demo has begun: what is made up would stay in it for ever.
func onlyDemo(ctx context.Context, d *database, tenant audit.TenantID, present []*audit.Integration) error {
	if slices.ContainsFunc(present, func(i *audit.Integration) bool { return slices.Contains(demoNames, i.Name) }) {
		return nil
	}
	size, err := d.Size(ctx, tenant)
	if err == nil && (size > 0 || len(present) > 0) {
		err = errors.New("the database is in use: give the demo one of its own by ANNALS_DATA or DATABASE_URL")
	}
	return err
}

// vendor is a simulated vendor and the integration that it gets.
type vendor struct {
	name, connector string
	api             http.Handler // nil: it only pushes
	settings        map[string]any
}

// firstStart is when the integrations of the demo were set up: now, at the first start.
func firstStart(present []*audit.Integration, now time.Time) time.Time {
	first := now
	for _, name := range demoNames {
		if i := find(present, name); i != nil && i.CreatedAt.Before(first) {
			first = i.CreatedAt
		}
	}
	return first
}

func find(integrations []*audit.Integration, name string) *audit.Integration {
	at := slices.IndexFunc(integrations, func(i *audit.Integration) bool { return i.Name == name && i.DeletedAt == nil })
	if at < 0 {
		return nil
	}
	return integrations[at]
}

// connect serves a simulated vendor on loopback and sets up its integration, or takes up the present one.
func (d *demonstration) connect(ctx context.Context, view audit.View, v vendor, present *audit.Integration) error {
	if v.api != nil {
		address, err := d.fake(ctx, v.api, present)
		if err != nil {
			return err
		}
		v.settings["baseUrl"] = address
	}
	inputs, err := settingInputs(v.settings)
	if err != nil {
		return err
	}
	i, secret, err := d.integration(ctx, view, v, present, inputs)
	if err != nil {
		return err
	}
	webhook, err := d.server.integrations.Webhook(ctx, view, i)
	if err != nil || webhook == nil {
		return err
	}
	d.hooks[v.connector] = hook{url: webhook.URL, secret: secret}
	return nil
}

func (d *demonstration) integration(ctx context.Context, view audit.View, v vendor, present *audit.Integration, inputs []*audit.SettingInput) (*audit.Integration, string, error) {
	if present == nil {
		return d.server.integrations.Create(ctx, view, v.name, v.connector, inputs, nil)
	}
	i, err := d.server.integrations.Update(ctx, view, present.ID(), nil, inputs)
	if err != nil {
		return nil, "", err
	}
	rotated, secret, err := d.server.integrations.RotateWebhookSecret(ctx, view, i.ID(), 0, false)
	if _, pushless := errors.AsType[audit.UserErrors](err); pushless {
		return i, "", nil
	}
	return rotated, secret, err
}

// fake serves a simulated vendor until close, at the address of the earlier start where that is free: another address
// counts as another account, whose past is fetched from its beginning.
func (d *demonstration) fake(ctx context.Context, api http.Handler, present *audit.Integration) (address string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", earlierHost(present))
	if err != nil {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", anyHost)
	}
	if err != nil {
		return "", err
	}
	web := &http.Server{Handler: api, ReadHeaderTimeout: 5 * time.Second}
	d.fakes = append(d.fakes, web)
	go func() { _ = web.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

// earlierHost is where a simulated vendor was reached at the last start.
func earlierHost(present *audit.Integration) string {
	if present == nil {
		return anyHost
	}
	var address string
	_ = json.Unmarshal(present.Values["baseUrl"], &address)
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() != "127.0.0.1" {
		return anyHost
	}
	return parsed.Host
}

func (d *demonstration) close() {
	for _, web := range d.fakes {
		_ = web.Close()
	}
}

func settingInputs(settings map[string]any) ([]*audit.SettingInput, error) {
	var inputs []*audit.SettingInput
	for name, value := range settings {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, &audit.SettingInput{Name: name, Value: text})
	}
	return inputs, nil
}

// announce prints where to go, and the token on a line of its own.
func (d *demonstration) announce(ctx context.Context, stdout io.Writer) error {
	token, _, err := d.server.authority.Bootstrap(ctx, d.tenant, auth.NewAPIToken{
		Name: "demo", Scopes: audit.Scopes(), ExpiresIn: audit.Duration(demoToken),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nThe playground: %s/\nPaste this token as Authorization: Bearer … (it lives for 12 hours):\n\n%s\n\nCtrl-C stops.\n",
		d.server.publicURL, token)
	return err
}

// live lets the vendors go on living until the context ends, and push what happens.
func (d *demonstration) live(ctx context.Context) error {
	ticker := time.NewTicker(demoBeat)
	defer ticker.Stop()
	last := d.begun
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		now := time.Now().UTC()
		d.github.Generate(last, now)
		d.cloudtrail.Generate(last, now)
		organization := d.hooks["github"]
		deliveries := d.github.Deliveries(organization.secret, last, now)
		d.pushed(ctx, "github", d.faults.Send(ctx, d.client, organization.url, deliveries, nil))
		d.kubernetes.Generate(last, now)
		cluster := d.hooks["kubernetes"]
		d.pushed(ctx, "kubernetes", d.kubernetes.Push(ctx, d.client, cluster.url, cluster.secret, last, now))
		last = now
	}
}

// pushed tells of deliveries that our own webhooks did not take.
func (d *demonstration) pushed(ctx context.Context, connector string, err error) {
	if err != nil && ctx.Err() == nil {
		d.server.log.WarnContext(ctx, "pushing", "connector", connector, "error", err)
	}
}
