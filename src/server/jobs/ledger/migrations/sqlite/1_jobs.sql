-- One row for each pair that is to be made, was made, or failed not long ago.
-- Times are Unix times in milliseconds.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, -- the order in which they came
    format TEXT NOT NULL CHECK (format IN ('v2', 'v3')),
    source_repository TEXT NOT NULL,
    source_digest TEXT NOT NULL,
    target_repository TEXT NOT NULL,
    target_digest TEXT NOT NULL,
    fleet TEXT NOT NULL,
    release INTEGER NOT NULL CHECK (release IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('pending', 'preparing', 'ready', 'not-worth', 'failed')),
    crashes INTEGER NOT NULL, -- how often the server ended without warning while it was prepared
    last_used INTEGER, -- ready and not-worth: when somebody asked last
    tag TEXT, -- ready v3
    digest TEXT, -- ready v3
    file TEXT, -- ready v2
    bytes INTEGER,
    pull_bytes INTEGER,
    commands INTEGER,
    seconds REAL,
    cause TEXT, -- failed
    message TEXT, -- failed
    expires INTEGER, -- failed: until when that counts
    UNIQUE (format, source_repository, source_digest, target_repository, target_digest)
) STRICT;
