package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Oldest and newest Postgres that is supported.
const (
	oldestPostgres = 15
	newestPostgres = 18
)

// roles are the groups of rights; nobody logs in as one of them.
var roles = []string{"annals_owner", "annals_writer", "annals_reader", "annals_redactor"}

func (db *DB) checkVersion(ctx context.Context) error {
	var number int
	if err := db.pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&number); err != nil {
		return fmt.Errorf("reading the database's version: %w", err)
	}
	if major := number / 10000; major < oldestPostgres || major > newestPostgres {
		return fmt.Errorf("DATABASE_URL: Postgres %d is not supported, use %d to %d", major, oldestPostgres, newestPostgres)
	}
	return nil
}

// checkLogin refuses a login that could change or remove what is recorded.
func (db *DB) checkLogin(ctx context.Context) error {
	var user string
	var super, bypass, owns, writes bool
	err := db.pool.QueryRow(ctx, `
		SELECT r.rolname, r.rolsuper OR r.rolcreaterole, r.rolbypassrls,
			EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
				AND c.relname IN ('activities', 'raw_blocks', 'dedupe_keys') AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
			OR EXISTS (SELECT FROM pg_roles o WHERE o.rolname = 'annals_owner' AND pg_has_role(r.oid, o.oid, 'MEMBER'))
			OR EXISTS (SELECT FROM pg_database d WHERE d.datname = current_database() AND pg_has_role(r.oid, d.datdba, 'MEMBER')),
			EXISTS (SELECT FROM pg_roles w WHERE w.rolname = 'annals_writer' AND pg_has_role(r.oid, w.oid, 'USAGE'))
		FROM pg_roles r WHERE r.rolname = current_user`).Scan(&user, &super, &bypass, &owns, &writes)
	switch {
	case err != nil:
		return fmt.Errorf("reading the login's rights: %w", err)
	case super || bypass:
		return fmt.Errorf("DATABASE_URL: the login %q is a superuser, may create roles or bypasses row security; the server must run as a mere writer. "+
			"Give that login to DATABASE_OWNER_URL, run `annals migrate`, and use a member of annals_writer here", user)
	case owns:
		return fmt.Errorf("DATABASE_URL: the login %q owns the database or its tables; the server must run as a mere writer. "+
			"Give that login to DATABASE_OWNER_URL, run `annals migrate`, and use a member of annals_writer here", user)
	case !writes:
		return fmt.Errorf("DATABASE_URL: the login %q is no member of annals_writer; run `annals migrate` with DATABASE_OWNER_URL and "+
			"DATABASE_URL set, or GRANT annals_writer TO %s", user, pgx.Identifier{user}.Sanitize())
	}
	return nil
}

// RolesError says that the owner may not create roles; its text is the SQL that someone who may has to run.
type RolesError struct{ SQL string }

func (e *RolesError) Error() string {
	return "DATABASE_OWNER_URL: this login may not create roles. Let someone who may run:\n\n" + e.SQL
}

// rolesSQL creates what is missing: the groups, and the login of the server as a member of the writers.
func rolesSQL(missing []string, owner, login, password string, loginExists bool) string {
	var b strings.Builder
	for _, role := range missing {
		b.WriteString(createRole(pgx.Identifier{role}.Sanitize() + " NOLOGIN"))
	}
	fmt.Fprintf(&b, "GRANT annals_owner TO %s;\n", pgx.Identifier{owner}.Sanitize())
	if login == "" {
		return b.String()
	}
	if !loginExists {
		b.WriteString(createRole(pgx.Identifier{login}.Sanitize() + " LOGIN PASSWORD " + quote(password)))
	}
	fmt.Fprintf(&b, "GRANT annals_writer TO %s;\n", pgx.Identifier{login}.Sanitize())
	return b.String()
}

// createRole makes a role that another migration in the cluster may be making at the same moment.
func createRole(role string) string {
	return "DO $do$ BEGIN CREATE ROLE " + role + "; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$;\n"
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// ensureRoles creates the roles, or says by RolesError what has to be run. loginURL is the server's, empty when the
// operator makes its login.
func ensureRoles(ctx context.Context, conn *pgx.Conn, loginURL string) error {
	var owner string
	var mayCreate, member bool
	var present []string
	err := conn.QueryRow(ctx, `SELECT current_user, rolsuper OR rolcreaterole,
		EXISTS (SELECT FROM pg_roles o WHERE o.rolname = 'annals_owner' AND pg_has_role(current_user, o.oid, 'MEMBER')),
		ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY($1)) FROM pg_roles WHERE rolname = current_user`,
		roles).Scan(&owner, &mayCreate, &member, &present)
	if err != nil {
		return fmt.Errorf("reading roles: %w", err)
	}
	login, password, err := loginOf(loginURL)
	if err != nil {
		return err
	}
	var loginExists, writes bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),
		EXISTS (SELECT FROM pg_roles r JOIN pg_roles w ON w.rolname = 'annals_writer'
			WHERE r.rolname = $1 AND pg_has_role(r.oid, w.oid, 'USAGE'))`, login).Scan(&loginExists, &writes)
	if err != nil {
		return fmt.Errorf("reading the server's login: %w", err)
	}
	missing := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return slices.Contains(present, role) })
	if len(missing) == 0 && member && (login == "" || writes) {
		return nil
	}
	if !mayCreate {
		return &RolesError{SQL: rolesSQL(missing, owner, login, "the one in DATABASE_URL", loginExists)}
	}
	if _, err := conn.Exec(ctx, rolesSQL(missing, owner, login, password, loginExists)); err != nil {
		return fmt.Errorf("creating roles: %w", err)
	}
	return nil
}

func loginOf(loginURL string) (user, password string, err error) {
	if loginURL == "" {
		return "", "", nil
	}
	parsed, err := url.Parse(loginURL)
	if err != nil || parsed.User == nil {
		return "", "", errors.New("DATABASE_URL is no Postgres URL with a user, like postgres://user:password@host:5432/annals")
	}
	password, _ = parsed.User.Password()
	return parsed.User.Username(), password, nil
}
