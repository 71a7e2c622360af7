-- Links for one upload each, by the hash of what they hold. How the upload ended is sealed at upload/<id>.
CREATE TABLE upload_links (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('open', 'uploading', 'used', 'failed', 'revoked')),
    principal TEXT NOT NULL,
    connection TEXT NOT NULL,
    about TEXT NOT NULL,
    max_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    taken_at INTEGER,
    execution TEXT
);
CREATE INDEX upload_links_of ON upload_links (principal, state);

-- Until when a way back can be gone; NULL as long as it is kept.
ALTER TABLE undo ADD COLUMN until INTEGER;
