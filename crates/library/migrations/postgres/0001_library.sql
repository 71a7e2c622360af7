-- Times are milliseconds since 1970-01-01 UTC. Ids are 24 lower-case hex characters. Text sorts by bytes.

CREATE TABLE folders (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    parent_id TEXT COLLATE "C" REFERENCES folders (id),
    path TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT COLLATE "C" NOT NULL,
    custom_metadata TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The root is a row, so that every file has a folder and every lookup is the same join. Listings leave it out.
INSERT INTO folders (id, parent_id, path, name, created_at, updated_at)
VALUES ('000000000000000000000000', NULL, '/', '', 0, 0);

CREATE INDEX folders_in_folder_by_created ON folders (parent_id, created_at, id) WHERE parent_id IS NOT NULL;
CREATE INDEX folders_in_folder_by_updated ON folders (parent_id, updated_at, id) WHERE parent_id IS NOT NULL;
CREATE INDEX folders_in_folder_by_name ON folders (parent_id, name, id) WHERE parent_id IS NOT NULL;
CREATE INDEX folders_by_created ON folders (created_at, id) WHERE parent_id IS NOT NULL;
CREATE INDEX folders_by_updated ON folders (updated_at, id) WHERE parent_id IS NOT NULL;
CREATE INDEX folders_by_name ON folders (name, id) WHERE parent_id IS NOT NULL;

CREATE TABLE blobs (
    sha256 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Set when the last version that named the blob went away, cleared when one comes back.
    unreferenced_at BIGINT
);

CREATE INDEX blobs_unreferenced ON blobs (unreferenced_at) WHERE unreferenced_at IS NOT NULL;

-- What all versions of a file share: its identity, and the counter that numbers them and is never wound back.
CREATE TABLE files (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- One row a version, with everything that a listing shows, filters or sorts by. Place (folder and name) and the
-- creation time of the file are repeated on each of its versions (at most a hundred), so that the listing of a million
-- files walks one index of one table.
CREATE TABLE versions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL REFERENCES files (id),
    number BIGINT NOT NULL,
    is_current BOOLEAN NOT NULL,
    token TEXT COLLATE "C" NOT NULL UNIQUE,
    folder_id TEXT COLLATE "C" NOT NULL REFERENCES folders (id),
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    uploaded_at BIGINT NOT NULL,
    blob TEXT COLLATE "C" NOT NULL REFERENCES blobs (sha256),
    size BIGINT NOT NULL,
    mime TEXT COLLATE "C" NOT NULL,
    is_image BOOLEAN NOT NULL,
    -- 0 where there is none: NULL would sort differently from database to database.
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    orientation BIGINT,
    has_alpha BOOLEAN,
    duration_ms BIGINT,
    bit_rate BIGINT,
    audio_codec TEXT COLLATE "C",
    video_codec TEXT COLLATE "C",
    embedded_metadata TEXT COLLATE "C",
    tags TEXT COLLATE "C" NOT NULL,
    ai_tags TEXT COLLATE "C" NOT NULL,
    custom_metadata TEXT COLLATE "C" NOT NULL,
    custom_coordinates TEXT COLLATE "C",
    is_private BOOLEAN NOT NULL,
    is_published BOOLEAN NOT NULL,
    description TEXT COLLATE "C",
    UNIQUE (file_id, number)
);

CREATE UNIQUE INDEX current_by_file ON versions (file_id) WHERE is_current;
CREATE UNIQUE INDEX current_in_folder_by_name ON versions (folder_id, name) WHERE is_current;
CREATE INDEX current_in_folder_by_created ON versions (folder_id, created_at, file_id) WHERE is_current;
CREATE INDEX current_in_folder_by_updated ON versions (folder_id, updated_at, file_id) WHERE is_current;
CREATE INDEX current_in_folder_by_size ON versions (folder_id, size, file_id) WHERE is_current;
CREATE INDEX current_in_folder_by_width ON versions (folder_id, width, file_id) WHERE is_current;
CREATE INDEX current_in_folder_by_height ON versions (folder_id, height, file_id) WHERE is_current;
CREATE INDEX current_by_name ON versions (name, file_id) WHERE is_current;
CREATE INDEX current_by_created ON versions (created_at, file_id) WHERE is_current;
CREATE INDEX current_by_updated ON versions (updated_at, file_id) WHERE is_current;
CREATE INDEX current_by_size ON versions (size, file_id) WHERE is_current;
CREATE INDEX current_by_width ON versions (width, file_id) WHERE is_current;
CREATE INDEX current_by_height ON versions (height, file_id) WHERE is_current;
CREATE INDEX past_by_created ON versions (created_at, id) WHERE NOT is_current;
CREATE INDEX past_in_folder_by_created ON versions (folder_id, created_at, id) WHERE NOT is_current;
CREATE INDEX versions_by_blob ON versions (blob);

-- The tags of `versions.tags` once more, a row each, to find versions by tag.
CREATE TABLE version_tags (
    tag TEXT COLLATE "C" NOT NULL,
    version_id TEXT COLLATE "C" NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, version_id)
);

CREATE INDEX version_tags_by_version ON version_tags (version_id);

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    file_id TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT
);

CREATE TABLE spent_tokens (
    digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX spent_tokens_by_expiry ON spent_tokens (expires_at);
