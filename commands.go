package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"annals/audit"
	"annals/auth"
	"annals/db"
)

// commandLine is what the command line can say.
type commandLine struct {
	Serve   struct{}   `cmd:"" default:"1" help:"Serve the API and collect activities."`
	Demo    struct{}   `cmd:"" help:"Serve with three simulated vendors connected, so that everything moves."`
	Migrate struct{}   `cmd:"" help:"Bring the database of DATABASE_OWNER_URL up to date and make the login of DATABASE_URL a writer."`
	Token   tokenLine  `cmd:"" help:"Manage API tokens."`
	Import  importLine `cmd:"" help:"Record files that a vendor wrote."`
}

type tokenLine struct {
	Create tokenCreateLine `cmd:"" help:"Make an API token and print it alone."`
}

type tokenCreateLine struct {
	Tenant      string        `default:"default" help:"Tenant; a new one is made by its first token."`
	Name        string        `default:"command line" help:"Name for the list of tokens."`
	Scope       []string      `required:"" help:"What the token may do, activities:read for instance; may be repeated."`
	Expires     time.Duration `default:"1h" help:"How long it lives, at most 2160h (90 days)."`
	Restriction *string       `help:"Filter as JSON; the token sees nothing else."`
}

type importLine struct {
	Integration string   `required:"" help:"Global id of the integration, as the API gives it."`
	Tenant      string   `default:"default" help:"Tenant of the integration."`
	Files       []string `arg:"" name:"file" help:"Files, or patterns like logs/*.json.gz; gzip is undone."`
}

// run parses the command line and does what it says.
func run(ctx context.Context, args, environ []string, stdout io.Writer, stderr *os.File) error {
	var line commandLine
	parser, err := kong.New(&line, kong.Name("annals"), kong.Description("An audit-log backend."), kong.Writers(stdout, stderr), kong.UsageOnError())
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	c, err := readConfig(environ)
	if err != nil {
		return err
	}
	log := newLog(stderr)
	switch parsed.Command() {
	case "demo":
		return demo(ctx, c, log, stdout)
	case "migrate":
		return migrate(ctx, c, stdout)
	case "token create":
		return createToken(ctx, c, quiet(log), line.Token.Create, stdout, stderr)
	case "import <file>":
		return importFiles(ctx, c, quiet(log), line.Import, stdout, stderr)
	}
	nothing := func(context.Context, *server) error { return nil }
	return serve(ctx, c, log, nothing, func(ctx context.Context, s *server) error {
		s.log.InfoContext(ctx, "serving", "listen", c.listen, "public_url", s.publicURL)
		return nil
	})
}

// quiet leaves out what a short command need not say.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(levelHandler{log.Handler()})
}

type levelHandler struct{ slog.Handler }

func (h levelHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

// WithAttrs and WithGroup are its own, since those of the embedded handler give one that says everything.
func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs)}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name)}
}

func migrate(ctx context.Context, c config, stdout io.Writer) error {
	if !c.ownerURL.IsSet() {
		return errors.New("DATABASE_OWNER_URL: must be the Postgres URL of the database's owner; the private Postgres is migrated by itself")
	}
	names, err := db.Migrate(ctx, c.ownerURL.Reveal(), c.databaseURL.Reveal())
	if err != nil {
		return err
	}
	if len(names) == 0 {
		_, err = fmt.Fprintln(stdout, "The database is current.")
		return err
	}
	_, err = fmt.Fprintln(stdout, "Applied "+strings.Join(names, ", ")+".")
	return err
}

// createToken prints a new token alone; everything else is said on stderr.
func createToken(ctx context.Context, c config, log *slog.Logger, line tokenCreateLine, stdout, stderr io.Writer) (err error) {
	in, err := line.token()
	if err != nil {
		return err
	}
	d, err := openDatabase(ctx, c, log, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close(context.WithoutCancel(ctx))) }()
	authority, err := openOperator(ctx, c, d, log)
	if err != nil {
		return err
	}
	// Checked before, so that a mistake makes no tenant.
	tenant, err := d.Tenant(ctx, line.Tenant)
	if err != nil && !errors.Is(err, audit.ErrNotFound) {
		return err
	}
	if err := authority.CheckBootstrap(tenant.Number, in); err != nil {
		return inFlags(err)
	}
	tenant, created, err := d.EnsureTenant(ctx, line.Tenant)
	if err != nil {
		return err
	}
	if created {
		_, _ = fmt.Fprintf(stderr, "The tenant %q is new.\n", line.Tenant)
	}
	token, _, err := authority.Bootstrap(ctx, tenant, in)
	if err != nil {
		return inFlags(err)
	}
	_, err = fmt.Fprintln(stdout, token)
	return err
}

// token is what the line asks for. Its mistakes begin with the flag.
func (l tokenCreateLine) token() (auth.NewAPIToken, error) {
	in := auth.NewAPIToken{Name: l.Name, ExpiresIn: audit.Duration(l.Expires)}
	if l.Tenant == "" || len(l.Tenant) > 100 {
		return in, errors.New("--tenant: must have 1 to 100 characters")
	}
	for _, name := range l.Scope {
		for _, one := range list(name) {
			in.Scopes = append(in.Scopes, audit.Scope(one))
		}
	}
	if l.Restriction == nil {
		return in, nil
	}
	var err error
	if in.Restriction, err = auth.ParseRestriction(*l.Restriction); err != nil {
		return in, fmt.Errorf("--restriction: %w", err)
	}
	return in, nil
}

// inFlags says which flag of `token create` is meant by the field of an audit.UserError.
func inFlags(err error) error {
	flags := map[string]string{"name": "--name", "scopes": "--scope", "expiresIn": "--expires", "restriction": "--restriction"}
	if problem, ok := errors.AsType[*audit.UserError](err); ok && len(problem.Field) > 1 {
		return fmt.Errorf("%s: %w", flags[problem.Field[1]], err)
	}
	return err
}

// openOperator opens what a command needs to make tokens as the operator. Their issuer is the server's public URL.
func openOperator(ctx context.Context, c config, d *database, log *slog.Logger) (*auth.Authority, error) {
	sealer, err := openSealer(ctx, c, d)
	if err != nil {
		return nil, err
	}
	keys, err := auth.OpenKeys(ctx, d, sealer, time.Now)
	if err != nil {
		return nil, fmt.Errorf("ANNALS_KEY_FILE: %w", err)
	}
	issuer, err := d.PublicURL(ctx)
	if err != nil {
		return nil, err
	}
	if issuer == "" || c.publicURLGiven {
		issuer = cmp.Or(c.publicURL, "http://"+reachable(c.listen))
	}
	return auth.New(auth.Options{Issuer: issuer, Keys: keys, Store: d, Now: time.Now, Log: log})
}
