-- Deltas for hosts are formats too. SQLite changes no check in place: the rows move.
CREATE TABLE new_jobs (
    id INTEGER PRIMARY KEY, -- the order in which they came
    format TEXT NOT NULL CHECK (format IN ('v2', 'v3', 'remora', 'oci-delta')),
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
    tag TEXT, -- ready, of all but v2
    digest TEXT, -- ready, of all but v2
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
INSERT INTO new_jobs SELECT * FROM jobs;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;
-- Those of the finished jobs that a server mirrors are the ones that were asked for last.
CREATE INDEX jobs_recent ON jobs (COALESCE(last_used, expires))
    WHERE state IN ('ready', 'not-worth', 'failed');
CREATE INDEX jobs_last_used ON jobs (last_used) WHERE state IN ('ready', 'not-worth');
