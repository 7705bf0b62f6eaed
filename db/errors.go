package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"annals/audit"
)

// SQLSTATEs that are told apart.
const (
	uniqueViolation       = "23505"
	undefinedTable        = "42P01"
	insufficientPrivilege = "42501"
	queryCanceled         = "57014"
	adminShutdown         = "57P01"
	crashShutdown         = "57P02"
	cannotConnectNow      = "57P03"
	tooManyConnections    = "53300"
	invalidAuthorization  = "28000"
	invalidPassword       = "28P01"
)

// code is the SQLSTATE of an error, empty for any other error.
func code(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

// translate turns the driver's errors into those of the domain, and says what was being done.
func translate(doing string, err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows), errors.Is(err, sql.ErrNoRows):
		return audit.ErrNotFound
	case code(err) == queryCanceled, errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: %w", doing, audit.ErrTimeout, err)
	case away(err):
		return fmt.Errorf("%s: %w: %w", doing, audit.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// away reports whether the database, or the way to it, is gone.
func away(err error) bool {
	switch code(err) {
	case adminShutdown, crashShutdown, cannotConnectNow, tooManyConnections:
		return true
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, dialling := errors.AsType[*net.OpError](err)
	return connecting || dialling || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasPrefix(code(err), "08")
}

// unreachable says in one line why a connection failed, naming the variable that holds its URL.
func unreachable(variable string, err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		hint := ""
		if variable == "DATABASE_URL" && (pgErr.Code == invalidPassword || pgErr.Code == invalidAuthorization) {
			hint = " (before the first start `annals migrate` makes this login)"
		}
		return fmt.Errorf("%s: the database refuses the connection: %s%s", variable, pgErr.Message, hint)
	}
	if netErr, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: the database does not answer: %w", variable, netErr)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s: cannot connect to the database: %s", variable, first)
}
