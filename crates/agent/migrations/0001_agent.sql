-- What the agent side keeps. Times are Unix milliseconds.

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Every secret, by its place. What else is in this file may be read by whoever has the file.
CREATE TABLE sealed (
    place TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX sealed_by_key ON sealed (key_id);

CREATE TABLE connections (
    name TEXT PRIMARY KEY,
    base TEXT NOT NULL,
    public_key TEXT,
    created_at INTEGER NOT NULL
);

-- Several keys of one connection while they are being changed. `version` grows with every change of state.
CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    connection TEXT NOT NULL REFERENCES connections (name) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('active', 'expired')),
    version INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);
CREATE INDEX credentials_by_connection ON credentials (connection);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    used_at INTEGER
);

CREATE TABLE spent (
    principal TEXT NOT NULL,
    budget TEXT NOT NULL,
    window INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (principal, budget, window)
);

-- The input is sealed at approval/<id>, the answer of its replay at approval/<id>/answer.
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'denied', 'running', 'done', 'failed')),
    binding TEXT NOT NULL,
    principal TEXT NOT NULL,
    request TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    reason TEXT,
    execution TEXT
);
CREATE UNIQUE INDEX approvals_pending ON approvals (binding) WHERE state = 'pending';

-- The answer is sealed at idempotency/<key>.
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- The calls are sealed at undo/<execution>.
CREATE TABLE undo (
    execution TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    connection TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ready', 'running', 'done')),
    created_at INTEGER NOT NULL
);

CREATE TABLE drift (
    action TEXT NOT NULL,
    upstream TEXT NOT NULL,
    contract TEXT NOT NULL,
    pointer TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    sample TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    repaired INTEGER NOT NULL,
    PRIMARY KEY (action, upstream, contract, pointer, kind)
);

-- A chain: each hash is of the one before and the record.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'records are only ever added');
END;
