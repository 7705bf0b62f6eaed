package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"annals/secret"
)

// variables are the environment variables with their defaults. Each secret can be given by a file as well, whose path
// stands in the variable of the same name with _FILE behind it.
type variables struct {
	Listen         string `env:"ANNALS_LISTEN" envDefault:"127.0.0.1:8080"`
	Data           string `env:"ANNALS_DATA" envDefault:"./.annals"`
	DatabaseURL    string `env:"DATABASE_URL"`
	OwnerURL       string `env:"DATABASE_OWNER_URL"`
	MeiliURL       string `env:"MEILI_URL"`
	MeiliKey       string `env:"MEILI_API_KEY"`
	EgressAllow    string `env:"ANNALS_EGRESS_ALLOW"`
	PollFloor      string `env:"ANNALS_POLL_FLOOR" envDefault:"15s"`
	AllowedOrigins string `env:"ANNALS_ALLOWED_ORIGINS"`
	PublicURL      string `env:"ANNALS_PUBLIC_URL"`
	MetricsListen  string `env:"ANNALS_METRICS_LISTEN"`
	TrustedProxies string `env:"ANNALS_TRUSTED_PROXIES"`
	GeoIP          string `env:"ANNALS_GEOIP"`
	KeyFile        string `env:"ANNALS_KEY_FILE"`
	IssuersFile    string `env:"ANNALS_ISSUERS_FILE"`
	Playground     string `env:"ANNALS_PLAYGROUND" envDefault:"on"`
}

// secretVariables may be given by file.
var secretVariables = []string{"DATABASE_URL", "DATABASE_OWNER_URL", "MEILI_API_KEY"}

// defaultMetricsListen is where metrics are served when nothing is said; it is given up when it is taken.
const defaultMetricsListen = "127.0.0.1:9090"

// config is what the variables mean.
type config struct {
	listen         string
	data           string // folder of what the process keeps itself, absolute
	databaseURL    secret.Value
	ownerURL       secret.Value
	meiliURL       string
	meiliKey       secret.Value
	egressAllow    []netip.Prefix
	pollFloor      time.Duration
	allowedOrigins []string
	publicURL      string // empty when neither it nor the address to listen on was given
	publicURLGiven bool   // by itself
	metricsListen  string // empty when nothing was said
	trustedProxies []netip.Prefix
	geoIP          []string
	keyFile        string
	issuersFile    string
	playground     bool
}

// readConfig reads the environment. Every mistake is one line that begins with the variable's name.
func readConfig(environ []string) (config, error) {
	given, err := withFiles(env.ToMap(environ))
	if err != nil {
		return config{}, err
	}
	var v variables
	if err := env.ParseWithOptions(&v, env.Options{Environment: given}); err != nil {
		return config{}, fmt.Errorf("reading the environment: %w", err)
	}
	c := config{
		listen: v.Listen, databaseURL: secret.NewValue(v.DatabaseURL), ownerURL: secret.NewValue(v.OwnerURL),
		meiliURL: v.MeiliURL, meiliKey: secret.NewValue(v.MeiliKey), metricsListen: v.MetricsListen,
		publicURLGiven: v.PublicURL != "", allowedOrigins: list(v.AllowedOrigins), geoIP: list(v.GeoIP), keyFile: v.KeyFile, issuersFile: v.IssuersFile,
	}
	c.data, err = filepath.Abs(v.Data)
	var errs [6]error
	errs[0] = named("ANNALS_DATA", err)
	c.egressAllow, errs[1] = networks("ANNALS_EGRESS_ALLOW", v.EgressAllow)
	c.trustedProxies, errs[2] = networks("ANNALS_TRUSTED_PROXIES", v.TrustedProxies)
	c.pollFloor, errs[3] = duration("ANNALS_POLL_FLOOR", v.PollFloor)
	c.playground, errs[4] = toggle("ANNALS_PLAYGROUND", v.Playground)
	c.publicURL, errs[5] = publicURL(v, given)
	if c.keyFile == "" {
		c.keyFile = filepath.Join(c.data, "key")
	}
	return c, errors.Join(append(errs[:], c.check())...)
}

// withFiles puts the content of the files in place that NAME_FILE names.
func withFiles(given map[string]string) (map[string]string, error) {
	for _, name := range secretVariables {
		path := given[name+"_FILE"]
		if path == "" {
			continue
		}
		if given[name] != "" {
			return nil, fmt.Errorf("%s_FILE: give either this or %s", name, name)
		}
		content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("%s_FILE: %w", name, err)
		}
		given[name] = strings.TrimSpace(string(content))
	}
	return given, nil
}

func (c config) check() error {
	if host, port, err := net.SplitHostPort(c.listen); err != nil || port == "" || strings.Contains(host, "/") {
		return fmt.Errorf("ANNALS_LISTEN: %q is no address like 127.0.0.1:8080", c.listen)
	}
	if c.metricsListen != "" {
		if _, _, err := net.SplitHostPort(c.metricsListen); err != nil {
			return fmt.Errorf("ANNALS_METRICS_LISTEN: %q is no address like 127.0.0.1:9090", c.metricsListen)
		}
	}
	for name, value := range map[string]secret.Value{"DATABASE_URL": c.databaseURL, "DATABASE_OWNER_URL": c.ownerURL} {
		if !value.IsSet() {
			continue
		}
		if u, err := url.Parse(value.Reveal()); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			return fmt.Errorf("%s: must be a Postgres URL like postgres://user:password@host:5432/annals", name)
		}
	}
	return nil
}

// publicURL is what was given, or what follows from an address to listen on that was given.
func publicURL(v variables, given map[string]string) (string, error) {
	if v.PublicURL == "" {
		if given["ANNALS_LISTEN"] == "" || strings.HasSuffix(v.Listen, ":0") {
			return "", nil // the listener tells
		}
		return "http://" + reachable(v.Listen), nil
	}
	u, err := url.Parse(v.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("ANNALS_PUBLIC_URL: %q is no address like https://annals.example.com", redacted(v.PublicURL))
	}
	return strings.TrimRight(v.PublicURL, "/"), nil
}

// reachable is an address to listen on as somebody on this machine writes it: a host that means all of them is none.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen // check says so
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func list(text string) []string {
	var values []string
	for value := range strings.SplitSeq(text, ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

func networks(name, text string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	for _, value := range list(text) {
		network, err := netip.ParsePrefix(value)
		if err != nil || network != network.Masked() {
			return nil, fmt.Errorf("%s: %q is no network without host bits, like 10.0.0.0/8", name, value)
		}
		found = append(found, network)
	}
	return found, nil
}

func duration(name, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 100*time.Millisecond || d > 24*time.Hour {
		return 0, fmt.Errorf("%s: %q is no duration from 100ms to 24h, like 15s", name, text)
	}
	return d, nil
}

func toggle(name, text string) (bool, error) {
	switch text {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, fmt.Errorf("%s: must be on or off, not %q", name, text)
}

func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// redacted is an address without what may be secret in it.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "unreadable"
	}
	return u.Redacted()
}

// LogValue is the configuration as it is printed at the start: secrets only say whether they are set.
func (c config) LogValue() slog.Value {
	database := "private"
	if c.databaseURL.IsSet() {
		database = "DATABASE_URL"
	}
	return slog.GroupValue(
		slog.String("listen", c.listen), slog.String("data", c.data), slog.String("database", database),
		slog.String("public_url", c.publicURL), slog.String("meili_url", redacted(c.meiliURL)), slog.Bool("meili_key", c.meiliKey.IsSet()),
		slog.Any("egress_allow", c.egressAllow), slog.String("poll_floor", c.pollFloor.String()), slog.Any("allowed_origins", c.allowedOrigins),
		slog.Any("trusted_proxies", c.trustedProxies), slog.Any("geoip", c.geoIP), slog.String("key_file", c.keyFile),
		slog.String("issuers_file", c.issuersFile), slog.Bool("playground", c.playground),
	)
}
