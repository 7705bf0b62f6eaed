package db

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"annals/audit"
)

// tokenRow is a row of api_tokens.
type tokenRow struct {
	bun.BaseModel `bun:"table:api_tokens"`

	TenantID    audit.TenantID `bun:"tenant_id,pk"`
	JTI         string         `bun:"jti,pk"`
	Name        string         `bun:"name"`
	Hint        string         `bun:"hint"`
	Scopes      []string       `bun:"scopes,array"`
	Restriction *string        `bun:"restriction"`
	Parent      string         `bun:"parent"`
	CreatedAt   time.Time      `bun:"created_at"`
	CreatedBy   string         `bun:"created_by"`
	ExpiresAt   time.Time      `bun:"expires_at"`
	LastUsedAt  *time.Time     `bun:"last_used_at"`
	LastUsedIP  string         `bun:"last_used_ip"`
	RevokedAt   *time.Time     `bun:"revoked_at"`
	RevokedBy   string         `bun:"revoked_by"`
}

func (r *tokenRow) token() (*audit.APIToken, error) {
	token := &audit.APIToken{
		Tenant: r.TenantID, JTI: r.JTI, Name: r.Name, Hint: r.Hint, Parent: r.Parent, CreatedAt: r.CreatedAt.UTC(),
		CreatedBy: r.CreatedBy, ExpiresAt: r.ExpiresAt.UTC(), LastUsedAt: r.LastUsedAt, LastUsedIP: audit.Text(r.LastUsedIP),
		RevokedAt: r.RevokedAt, RevokedBy: audit.Text(r.RevokedBy),
	}
	for _, scope := range r.Scopes {
		token.Scopes = append(token.Scopes, audit.Scope(scope))
	}
	if r.Restriction == nil {
		return token, nil
	}
	// A field that is not known would be dropped, and the token wider than it was made.
	decoder := json.NewDecoder(strings.NewReader(*r.Restriction))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&token.Restriction); err != nil {
		return nil, fmt.Errorf("decoding a restriction: %w", err)
	}
	return token, nil
}

// InsertToken adds the entry of a token. A parent must be in force, and stays so until the entry is there: ErrNotFound
// when it is not, so that no child outlives a revocation of its parent.
func (db *DB) InsertToken(ctx context.Context, token *audit.APIToken) error {
	row := &tokenRow{
		TenantID: token.Tenant, JTI: token.JTI, Name: token.Name, Hint: token.Hint, Parent: token.Parent, CreatedAt: token.CreatedAt,
		CreatedBy: token.CreatedBy, ExpiresAt: token.ExpiresAt, Scopes: []string{},
	}
	for _, scope := range token.Scopes {
		row.Scopes = append(row.Scopes, string(scope))
	}
	if token.Restriction != nil {
		text, err := json.Marshal(token.Restriction)
		if err != nil {
			return fmt.Errorf("encoding a restriction: %w", err)
		}
		row.Restriction = new(string(text))
	}
	return translate("adding a token", db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if token.Parent != "" {
			var parent string
			err := tx.NewRaw(`SELECT jti FROM api_tokens WHERE tenant_id = ? AND jti = ? AND revoked_at IS NULL AND expires_at > ? FOR SHARE`,
				token.Tenant, token.Parent, token.CreatedAt).Scan(ctx, &parent)
			if err != nil {
				return err
			}
		}
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	}))
}

// Token gives the entry of a token.
func (db *DB) Token(ctx context.Context, tenant audit.TenantID, jti string) (*audit.APIToken, error) {
	row := tokenRow{TenantID: tenant, JTI: jti}
	if err := db.bun.NewSelect().Model(&row).WherePK().Scan(ctx); err != nil {
		return nil, translate("reading a token", err)
	}
	return row.token()
}

// Tokens gives all entries of a tenant, newest first.
func (db *DB) Tokens(ctx context.Context, view audit.View) ([]*audit.APIToken, error) {
	var rows []tokenRow
	err := db.bun.NewSelect().Model(&rows).Where("tenant_id = ?", view.Tenant()).OrderExpr("created_at DESC, jti").Scan(ctx)
	if err != nil {
		return nil, translate("reading tokens", err)
	}
	tokens := make([]*audit.APIToken, len(rows))
	for i := range rows {
		if tokens[i], err = rows[i].token(); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// RevokeToken revokes a token and, with descendants, all that it made, down the tree. It gives how many were revoked
// that were in force.
func (db *DB) RevokeToken(ctx context.Context, tenant audit.TenantID, jti string, descendants bool, by audit.Text, at time.Time) (int, error) {
	if _, err := db.Token(ctx, tenant, jti); err != nil {
		return 0, err
	}
	total := 0
	err := db.bun.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		// A child that is being made holds its parent's row, so it is there once the update has had its way: it is
		// looked for again until none is found.
		for {
			revoked, err := revoke(ctx, tx, tenant, jti, descendants, by, at)
			if err != nil || revoked == 0 {
				return err
			}
			total += revoked
		}
	})
	return total, translate("revoking a token", err)
}

func revoke(ctx context.Context, tx bun.Tx, tenant audit.TenantID, jti string, descendants bool, by audit.Text, at time.Time) (int, error) {
	result, err := tx.NewRaw(`
		WITH RECURSIVE tree AS (
			SELECT jti FROM api_tokens WHERE tenant_id = ?0 AND jti = ?1
			UNION
			SELECT t.jti FROM api_tokens t JOIN tree ON t.parent = tree.jti WHERE t.tenant_id = ?0 AND ?2
		)
		UPDATE api_tokens SET revoked_at = ?3, revoked_by = ?4
		WHERE tenant_id = ?0 AND jti IN (SELECT jti FROM tree) AND revoked_at IS NULL AND expires_at > ?3`,
		tenant, jti, descendants, at, string(by)).Exec(ctx)
	if err != nil {
		return 0, err
	}
	count, err := result.RowsAffected()
	return int(count), err
}

// TouchTokens sets when and from where tokens were last used, where that is later than what is known.
func (db *DB) TouchTokens(ctx context.Context, used []*audit.APIToken) error {
	for _, token := range used {
		_, err := db.bun.NewRaw(`UPDATE api_tokens SET last_used_at = ?, last_used_ip = ? WHERE tenant_id = ? AND jti = ?
			AND (last_used_at IS NULL OR last_used_at < ?)`,
			token.LastUsedAt, string(token.LastUsedIP), token.Tenant, token.JTI, token.LastUsedAt).Exec(ctx)
		if err != nil {
			return translate("noting a token's use", err)
		}
	}
	return nil
}

// keyRow is a row of signing_keys.
type keyRow struct {
	bun.BaseModel `bun:"table:signing_keys"`

	KID       string     `bun:"kid,pk"`
	Public    []byte     `bun:"public"`
	Sealed    []byte     `bun:"sealed"`
	CreatedAt time.Time  `bun:"created_at"`
	RetiredAt *time.Time `bun:"retired_at"`
}

// SigningKeys gives all keys, oldest first.
func (db *DB) SigningKeys(ctx context.Context) ([]*audit.SigningKey, error) {
	var rows []keyRow
	if err := db.bun.NewSelect().Model(&rows).OrderExpr("created_at, kid").Scan(ctx); err != nil {
		return nil, translate("reading signing keys", err)
	}
	keys := make([]*audit.SigningKey, len(rows))
	for i, row := range rows {
		keys[i] = &audit.SigningKey{KID: row.KID, Public: row.Public, Sealed: row.Sealed, CreatedAt: row.CreatedAt.UTC(), RetiredAt: row.RetiredAt}
	}
	return keys, nil
}

// InsertSigningKey adds a key.
func (db *DB) InsertSigningKey(ctx context.Context, key *audit.SigningKey) error {
	row := &keyRow{KID: key.KID, Public: key.Public, Sealed: key.Sealed, CreatedAt: key.CreatedAt, RetiredAt: key.RetiredAt}
	_, err := db.bun.NewInsert().Model(row).Exec(ctx)
	return translate("adding a signing key", err)
}
