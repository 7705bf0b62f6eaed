-- The ledger of every tenant: heads, activities, their raw bytes and the keys that recognise repeats.
-- Nothing here is ever changed or removed: the writer has no such right, and triggers refuse it to everyone else.

CREATE TABLE tenants (
    id         bigint      PRIMARY KEY,
    name       text        NOT NULL COLLATE "C" UNIQUE,
    created_at timestamptz NOT NULL
);

-- One row per tenant: the lock of its ledger, the number of its activities, and the clock that never goes back.
CREATE TABLE heads (
    tenant_id   bigint      PRIMARY KEY,
    size        bigint      NOT NULL DEFAULT 0 CHECK (size >= 0),
    recorded_at timestamptz NOT NULL
);

CREATE TABLE activities (
    tenant_id      bigint      NOT NULL,
    seq            bigint      NOT NULL,
    occurred_at    timestamptz NOT NULL,
    observed_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    integration_id bigint      NOT NULL,
    connector      text        NOT NULL COLLATE "C",
    feed           text        NOT NULL COLLATE "C",
    path           text        NOT NULL COLLATE "C",
    type           text        NOT NULL COLLATE "C",
    action         text        NOT NULL COLLATE "C",
    category       text        NOT NULL COLLATE "C",
    outcome        text        NOT NULL COLLATE "C",
    outcome_reason text        NOT NULL COLLATE "C",
    description    text        NOT NULL COLLATE "C",
    actor_key      text        NOT NULL COLLATE "C",
    actor_type     text        NOT NULL COLLATE "C",
    actor_id       text        NOT NULL COLLATE "C",
    actor_name     text        NOT NULL COLLATE "C",
    actor_email    text        NOT NULL COLLATE "C",
    on_behalf_of   text        NOT NULL COLLATE "C", -- JSON of an actor, empty for none
    targets        text        NOT NULL COLLATE "C", -- JSON list, empty for none
    ip             inet,
    user_agent     text        NOT NULL COLLATE "C",
    country        text        NOT NULL COLLATE "C",
    city           text        NOT NULL COLLATE "C",
    location       text        NOT NULL COLLATE "C", -- JSON of what else is known of the place, empty for none
    session_id     text        NOT NULL COLLATE "C",
    request_id     text        NOT NULL COLLATE "C",
    vendor_id      text        NOT NULL COLLATE "C",
    changes        text        NOT NULL COLLATE "C", -- JSON list, empty for none
    metadata       text        NOT NULL COLLATE "C", -- JSON object, empty for none
    PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX activities_occurred ON activities (tenant_id, occurred_at, seq);

-- The vendor's bytes of a batch, compressed together: for each activity from first_seq on its length and its bytes.
CREATE TABLE raw_blocks (
    tenant_id bigint  NOT NULL,
    first_seq bigint  NOT NULL,
    count     integer NOT NULL CHECK (count > 0),
    data      bytea   NOT NULL,
    PRIMARY KEY (tenant_id, first_seq)
);
ALTER TABLE raw_blocks ALTER COLUMN data SET STORAGE EXTERNAL;

-- What tells repeats: a digest of integration and key, and one of what the vendor said.
CREATE TABLE dedupe_keys (
    tenant_id bigint NOT NULL,
    key       uuid   NOT NULL,
    content   bigint NOT NULL,
    seq       bigint NOT NULL,
    PRIMARY KEY (tenant_id, key, content)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON activities
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE activities ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON raw_blocks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE raw_blocks ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dedupe_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE dedupe_keys ENABLE ALWAYS TRIGGER append_only;

GRANT SELECT, INSERT ON tenants, activities, raw_blocks, dedupe_keys TO annals_writer;
GRANT SELECT, INSERT ON heads TO annals_writer;
GRANT UPDATE (size, recorded_at) ON heads TO annals_writer;
GRANT SELECT ON tenants, heads, activities, raw_blocks, dedupe_keys TO annals_reader;
