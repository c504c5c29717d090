-- What a job is for several servers: who holds it, who asked first, for how long it is wanted, and what
-- keeps it from being made. SQLite changes no unique key in place: the rows move.
CREATE TABLE new_jobs (
    id INTEGER PRIMARY KEY, -- the order in which they came
    format TEXT NOT NULL CHECK (format IN ('v2', 'v3')),
    source_repository TEXT NOT NULL,
    source_digest TEXT NOT NULL,
    target_repository TEXT NOT NULL,
    target_digest TEXT NOT NULL,
    home TEXT NOT NULL DEFAULT '', -- the one server that it is for; empty: all
    fleet TEXT NOT NULL,
    asker TEXT, -- who asked first
    release INTEGER NOT NULL CHECK (release IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('pending', 'preparing', 'ready', 'not-worth', 'failed')),
    owner TEXT, -- pending and preparing: the server that holds it
    wanted_until INTEGER, -- pending and preparing: until when somebody waits for sure
    crashes INTEGER NOT NULL, -- how often its holder ended without warning while it was prepared
    troubles INTEGER NOT NULL DEFAULT 0, -- pending: attempts that met with trouble
    trouble_since INTEGER,
    not_before INTEGER,
    last_used INTEGER, -- ready and not-worth: when somebody asked last
    tag TEXT, -- ready v3
    digest TEXT, -- ready v3
    file TEXT, -- ready v2
    bytes INTEGER,
    pull_bytes INTEGER,
    commands INTEGER,
    seconds REAL,
    cause TEXT, -- failed, or the last trouble
    message TEXT, -- failed, or the last trouble
    expires INTEGER, -- failed: until when that counts
    UNIQUE (format, source_repository, source_digest, target_repository, target_digest, home)
) STRICT;
INSERT INTO new_jobs (id, format, source_repository, source_digest, target_repository, target_digest,
    fleet, release, state, wanted_until, crashes, last_used, tag, digest, file, bytes, pull_bytes,
    commands, seconds, cause, message, expires)
SELECT id, format, source_repository, source_digest, target_repository, target_digest,
    fleet, release, state, CASE WHEN state IN ('pending', 'preparing') THEN 0 END, crashes, last_used,
    tag, digest, file, bytes, pull_bytes, commands, seconds, cause, message, expires
FROM jobs;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;
