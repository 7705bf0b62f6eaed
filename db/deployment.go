package db

import "context"

// PublicURL is where the deployment says that it is reached, empty before its server first ran.
func (db *DB) PublicURL(ctx context.Context) (string, error) {
	var url string
	err := db.bun.NewRaw(`SELECT coalesce((SELECT value FROM deployment WHERE name = 'public_url'), '')`).Scan(ctx, &url)
	return url, translate("reading the public URL", err)
}

// SetPublicURL notes where the deployment is reached, for commands that run beside the server.
func (db *DB) SetPublicURL(ctx context.Context, url string) error {
	_, err := db.bun.NewRaw(`INSERT INTO deployment (name, value) VALUES ('public_url', ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, url).Exec(ctx)
	return translate("noting the public URL", err)
}

// CheckKeyMark compares the mark of a key with the deployment's, which the first one becomes.
func (db *DB) CheckKeyMark(ctx context.Context, mark string) (same bool, err error) {
	_, err = db.bun.NewRaw(`INSERT INTO deployment (name, value) VALUES ('key_mark', ?) ON CONFLICT (name) DO NOTHING`, mark).Exec(ctx)
	if err != nil {
		return false, translate("noting the key's mark", err)
	}
	err = db.bun.NewRaw(`SELECT value = ? FROM deployment WHERE name = 'key_mark'`, mark).Scan(ctx, &same)
	return same, translate("reading the key's mark", err)
}
