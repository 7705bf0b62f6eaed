-- What collects: integrations with their feeds, the fetches that fill them, and the webhooks that push to them.

CREATE TABLE integrations (
    tenant_id    bigint      NOT NULL,
    id           bigint      NOT NULL,
    name         text        NOT NULL COLLATE "C",
    connector    text        NOT NULL COLLATE "C",
    settings     text        NOT NULL,            -- JSON object of the plain settings
    secret_names text[]      NOT NULL DEFAULT '{}',
    sealed       bytea,                           -- sealed JSON object of the secrets; null when there are none
    paused_at    timestamptz,
    deleted_at   timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    webhook_accepted_at timestamptz,
    webhook_refused_at  timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX integrations_name ON integrations (tenant_id, name) WHERE deleted_at IS NULL;

-- Where a vendor pushes to: the random last part of the address.
CREATE TABLE webhook_paths (
    tenant_id      bigint      NOT NULL,
    integration_id bigint      NOT NULL,
    path           text        NOT NULL COLLATE "C",
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz,
    PRIMARY KEY (tenant_id, path)
);
CREATE INDEX webhook_paths_path ON webhook_paths (path);

CREATE TABLE webhook_secrets (
    tenant_id      bigint      NOT NULL,
    integration_id bigint      NOT NULL,
    id             bigint      NOT NULL,
    sealed         bytea       NOT NULL,
    hint           text        NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz,
    PRIMARY KEY (tenant_id, integration_id, id)
);

CREATE TABLE feeds (
    tenant_id        bigint NOT NULL,
    integration_id   bigint NOT NULL,
    name             text   NOT NULL COLLATE "C",
    watermark        timestamptz,
    last_poll_at     timestamptz,
    last_recorded_at timestamptz,
    reason           text   NOT NULL DEFAULT '',
    recorded_count   bigint NOT NULL DEFAULT 0,
    repeated_count   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, integration_id, name)
);

-- One per feed and kind: LIVE for ever, BACKFILL over a window. Work is claimed by a lease; fence counts its holders.
CREATE TABLE fetches (
    tenant_id      bigint      NOT NULL,
    id             bigint      NOT NULL,
    integration_id bigint      NOT NULL,
    feed           text        NOT NULL COLLATE "C",
    kind           text        NOT NULL COLLATE "C" CHECK (kind IN ('LIVE', 'BACKFILL')),
    status         text        NOT NULL COLLATE "C",
    state          text,
    window_from    timestamptz,
    window_to      timestamptz,
    reached_at     timestamptz,
    reason         text        NOT NULL DEFAULT '',
    failures       integer     NOT NULL DEFAULT 0,
    next_run_at    timestamptz NOT NULL,
    poked          boolean     NOT NULL DEFAULT false, -- while it was running
    poll_interval  bigint      NOT NULL DEFAULT 0, -- nanoseconds
    fence          bigint      NOT NULL DEFAULT 0,
    lease_until    timestamptz,
    created_at     timestamptz NOT NULL,
    recorded_count bigint      NOT NULL DEFAULT 0,
    repeated_count bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX fetches_due ON fetches (next_run_at) WHERE status IN ('WAITING', 'RUNNING');
CREATE INDEX fetches_integration ON fetches (tenant_id, integration_id, kind);

-- How far a follower has read each tenant's ledger: the number of activities behind it.
CREATE TABLE positions (
    tenant_id bigint NOT NULL,
    follower  text   NOT NULL COLLATE "C",
    seq       bigint NOT NULL,
    PRIMARY KEY (tenant_id, follower)
);

-- What all processes of the deployment know: its public URL.
CREATE TABLE deployment (
    name  text PRIMARY KEY COLLATE "C",
    value text NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON deployment, integrations, webhook_paths, webhook_secrets, feeds, fetches, positions TO annals_writer;
GRANT SELECT ON integrations, feeds, fetches, positions TO annals_reader;
