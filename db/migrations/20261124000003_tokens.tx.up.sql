-- Who may ask: tokens by their jti (never the tokens themselves), and the sealed keys that sign them.

CREATE TABLE api_tokens (
    tenant_id    bigint      NOT NULL,
    jti          text        NOT NULL COLLATE "C",
    name         text        NOT NULL,
    hint         text        NOT NULL,
    scopes       text[]      NOT NULL,
    restriction  text,                 -- JSON of a filter
    parent       text        NOT NULL DEFAULT '' COLLATE "C", -- jti of the token that made it
    created_at   timestamptz NOT NULL,
    created_by   text        NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    last_used_ip text        NOT NULL DEFAULT '',
    revoked_at   timestamptz,
    revoked_by   text        NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, jti)
);
CREATE INDEX api_tokens_parent ON api_tokens (tenant_id, parent);

CREATE TABLE signing_keys (
    kid        text        PRIMARY KEY COLLATE "C",
    public     bytea       NOT NULL,
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);

GRANT SELECT, INSERT, UPDATE ON api_tokens, signing_keys TO annals_writer;
