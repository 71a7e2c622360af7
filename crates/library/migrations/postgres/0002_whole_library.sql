-- What search, editing, jobs, accounts and webhooks need. Everything here is alike in both dialects but for the types of texts and counters.

ALTER TABLE versions ADD COLUMN format TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN taken_at BIGINT;
ALTER TABLE versions ADD COLUMN latitude DOUBLE PRECISION;
ALTER TABLE versions ADD COLUMN longitude DOUBLE PRECISION;
-- The same place on a sphere of radius 1: distances between such points need no trigonometry, which SQLite may lack.
ALTER TABLE versions ADD COLUMN place_x DOUBLE PRECISION;
ALTER TABLE versions ADD COLUMN place_y DOUBLE PRECISION;
ALTER TABLE versions ADD COLUMN place_z DOUBLE PRECISION;
-- The 64 bits of the perceptual hash, as a signed number.
ALTER TABLE versions ADD COLUMN phash BIGINT;
ALTER TABLE versions ADD COLUMN created_by TEXT COLLATE "C";

-- Small facts about the library itself, such as how far its search index was built.
CREATE TABLE library_state (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- The inverted index: which versions have a term. `kind` says of what: 'name' and 'tag' hold the words of names and of tags (those of machines
-- included), 'label' whole tags of both sorts, 'keyword' whole keywords, 'field:<id>' the words of a custom metadata text.
CREATE TABLE version_terms (
    kind TEXT COLLATE "C" NOT NULL,
    term TEXT COLLATE "C" NOT NULL,
    -- When the file was made, which never changes: the index alone gives the usual order.
    created_at BIGINT NOT NULL,
    version_id TEXT COLLATE "C" NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, term, created_at, version_id)
);

-- Whole, so that asking a version for its terms touches this index alone.
CREATE INDEX version_terms_by_version ON version_terms (version_id, kind, term);

CREATE TABLE folder_terms (
    term TEXT COLLATE "C" NOT NULL,
    folder_id TEXT COLLATE "C" NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    PRIMARY KEY (term, folder_id)
);

CREATE INDEX folder_terms_by_folder ON folder_terms (folder_id);

-- The values of custom metadata, one row a value (several for a multiple choice). Texts stand in `text_value` (the end of a long one as a digest),
-- numbers, dates (milliseconds) and truth values (0, 1) in `number_value`; an option of a select field in the first, and if it is a number in both.
CREATE TABLE version_values (
    field_id TEXT COLLATE "C" NOT NULL,
    version_id TEXT COLLATE "C" NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    text_value TEXT COLLATE "C",
    number_value DOUBLE PRECISION,
    PRIMARY KEY (version_id, field_id, position)
);

CREATE INDEX version_values_by_text ON version_values (field_id, text_value, created_at, version_id) WHERE text_value IS NOT NULL;
CREATE INDEX version_values_by_number ON version_values (field_id, number_value, created_at, version_id) WHERE number_value IS NOT NULL;

-- Perceptual hashes, to find those that differ in a few bits: a row for each of the four 16-bit parts of one, with the number of the part above it.
CREATE TABLE version_bands (
    band BIGINT NOT NULL,
    phash BIGINT NOT NULL,
    version_id TEXT COLLATE "C" NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    PRIMARY KEY (band, phash, version_id)
);

CREATE INDEX version_bands_by_version ON version_bands (version_id);

-- Each order again, with the version's id to tell apart what is equal, and the time at the end: then a search that lists a range of one of these,
-- or asks the index tables about what it walks along, has no need to look at the versions themselves before it knows which it wants.
DROP INDEX current_in_folder_by_created;
DROP INDEX current_in_folder_by_updated;
DROP INDEX current_in_folder_by_size;
DROP INDEX current_in_folder_by_width;
DROP INDEX current_in_folder_by_height;
DROP INDEX current_by_name;
DROP INDEX current_by_created;
DROP INDEX current_by_updated;
DROP INDEX current_by_size;
DROP INDEX current_by_width;
DROP INDEX current_by_height;
CREATE INDEX current_in_folder_by_created ON versions (folder_id, created_at, id) WHERE is_current;
CREATE INDEX current_in_folder_by_updated ON versions (folder_id, updated_at, id) WHERE is_current;
CREATE INDEX current_in_folder_by_size ON versions (folder_id, size, id) WHERE is_current;
CREATE INDEX current_in_folder_by_width ON versions (folder_id, width, id) WHERE is_current;
CREATE INDEX current_in_folder_by_height ON versions (folder_id, height, id) WHERE is_current;
CREATE INDEX current_by_created ON versions (created_at, id) WHERE is_current;
CREATE INDEX current_by_name ON versions (name, id, created_at) WHERE is_current;
CREATE INDEX current_by_updated ON versions (updated_at, id, created_at) WHERE is_current;
CREATE INDEX current_by_size ON versions (size, id, created_at) WHERE is_current;
CREATE INDEX current_by_width ON versions (width, id, created_at) WHERE is_current;
CREATE INDEX current_by_height ON versions (height, id, created_at) WHERE is_current;

CREATE INDEX current_by_format ON versions (format, created_at, id) WHERE is_current;
CREATE INDEX current_by_creator ON versions (created_by, created_at, id) WHERE is_current AND created_by IS NOT NULL;
CREATE INDEX current_by_privacy ON versions (is_private, created_at, id) WHERE is_current;
CREATE INDEX current_by_publication ON versions (is_published, created_at, id) WHERE is_current;
CREATE INDEX current_by_alpha ON versions (has_alpha, created_at, id) WHERE is_current AND has_alpha IS NOT NULL;
CREATE INDEX current_untagged ON versions (created_at, id) WHERE is_current AND tags = '[]' AND ai_tags = '[]';
CREATE INDEX current_by_taken ON versions (taken_at, id, created_at) WHERE is_current AND taken_at IS NOT NULL;
CREATE INDEX current_by_latitude ON versions (latitude, longitude, created_at, id) WHERE is_current AND latitude IS NOT NULL;
CREATE INDEX current_by_phash ON versions (phash, created_at, id) WHERE is_current AND phash IS NOT NULL;

CREATE TABLE custom_metadata_fields (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Stays taken for ever, also when the field is deleted.
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    label TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    schema TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE UNIQUE INDEX custom_metadata_fields_by_label ON custom_metadata_fields (label) WHERE deleted_at IS NULL;

CREATE TABLE saved_extensions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    config TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE named_transformations (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    transformation TEXT COLLATE "C" NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- `secret` is sealed with the server's key; `settings` is what may be shown.
CREATE TABLE origins (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE url_endpoints (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    url_prefix TEXT COLLATE "C" NOT NULL UNIQUE,
    description TEXT COLLATE "C" NOT NULL,
    origins TEXT COLLATE "C" NOT NULL,
    url_rewriter TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Keys beside the first pair. `digest` is the SHA-256 of the private key, `secret` the key itself, sealed, because it also signs.
CREATE TABLE api_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    public_key TEXT COLLATE "C" NOT NULL UNIQUE,
    digest TEXT COLLATE "C" NOT NULL UNIQUE,
    secret TEXT COLLATE "C" NOT NULL,
    -- A level for each area, as JSON; NULL for a key that may do all.
    restrictions TEXT COLLATE "C",
    is_disabled BOOLEAN NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);

-- Work that goes on after the answer. `state` is pending, running, completed or failed. A worker holds a job by its lease; one whose lease ran out is taken by
-- another, so every job can be done twice.
CREATE TABLE jobs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    input TEXT COLLATE "C" NOT NULL,
    -- Where a job that is taken up again goes on, as the job itself wrote it.
    cursor TEXT COLLATE "C",
    result TEXT COLLATE "C",
    done BIGINT NOT NULL DEFAULT 0,
    total BIGINT,
    failures TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    failed BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    run_at BIGINT NOT NULL,
    lease_owner TEXT COLLATE "C",
    leased_until BIGINT,
    last_error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE INDEX jobs_to_run ON jobs (run_at) WHERE state IN ('pending', 'running');
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

-- Folders that a job works on. A path is locked with everything below it.
CREATE TABLE folder_locks (
    path TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    job_id TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
);

-- Event receivers that an operator registered. `events` is a JSON list of types, or ["*"]. `secret` is sealed.
CREATE TABLE webhooks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    url TEXT COLLATE "C" NOT NULL,
    events TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- One row for each message that has to reach a receiver: an event for a webhook, or the result of an extension for the URL of its request (then `webhook_id` is NULL).
CREATE TABLE webhook_deliveries (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    webhook_id TEXT COLLATE "C" REFERENCES webhooks (id) ON DELETE CASCADE,
    url TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    event_type TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    run_at BIGINT NOT NULL,
    lease_owner TEXT COLLATE "C",
    leased_until BIGINT,
    last_status BIGINT,
    last_error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    delivered_at BIGINT,
    given_up_at BIGINT
);

CREATE INDEX webhook_deliveries_to_send ON webhook_deliveries (run_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, created_at);
CREATE INDEX outbox_undelivered ON outbox (id) WHERE delivered_at IS NULL;

CREATE TABLE purges (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    url TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    completed_at BIGINT
);

CREATE INDEX purges_by_time ON purges (created_at);

-- What was served and used, by UTC day (days since 1970). `dimension` names the list that `name` belongs to; '' holds the totals.
CREATE TABLE usage_days (
    day BIGINT NOT NULL,
    dimension TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    requests BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, dimension, name)
);

-- Deleted files, whole, until they are restored or their time is up. `versions` holds their rows as JSON; `trash_blobs` keeps their bytes.
CREATE TABLE trash (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    folder_path TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- The versions of a file that goes whole, or one version of a file that stays.
    is_whole_file BOOLEAN NOT NULL,
    -- The file's current version, or the one version; and how many there are.
    version_id TEXT COLLATE "C" NOT NULL,
    version_number BIGINT NOT NULL,
    version_count BIGINT NOT NULL,
    file_row TEXT COLLATE "C" NOT NULL,
    versions TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    purge_at BIGINT NOT NULL
);

CREATE INDEX trash_by_time ON trash (deleted_at, id);
CREATE INDEX trash_by_end ON trash (purge_at);
CREATE INDEX trash_by_file ON trash (file_id);

CREATE TABLE trash_blobs (
    trash_id TEXT COLLATE "C" NOT NULL REFERENCES trash (id) ON DELETE CASCADE,
    blob TEXT COLLATE "C" NOT NULL REFERENCES blobs (sha256),
    PRIMARY KEY (trash_id, blob)
);

CREATE INDEX trash_blobs_by_blob ON trash_blobs (blob);
