-- One row for each pair that is to be made, was made, or failed not long ago.
-- Times are Unix times in milliseconds, of the database's clock.
CREATE TABLE jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they came
    format TEXT NOT NULL CHECK (format IN ('v2', 'v3')),
    source_repository TEXT NOT NULL,
    source_digest TEXT NOT NULL,
    target_repository TEXT NOT NULL,
    target_digest TEXT NOT NULL,
    home TEXT NOT NULL DEFAULT '', -- the one server that it is for; empty: all
    fleet TEXT NOT NULL,
    asker TEXT, -- who asked first
    release BOOLEAN NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'preparing', 'ready', 'not-worth', 'failed')),
    owner TEXT, -- pending and preparing: the server that holds it
    wanted_until BIGINT, -- pending and preparing: until when somebody waits for sure
    crashes BIGINT NOT NULL, -- how often its holder ended without warning while it was prepared
    troubles BIGINT NOT NULL DEFAULT 0, -- pending: attempts that met with trouble
    trouble_since BIGINT,
    not_before BIGINT,
    last_used BIGINT, -- ready and not-worth: when somebody asked last
    tag TEXT, -- ready v3
    digest TEXT, -- ready v3
    file TEXT, -- ready v2
    bytes BIGINT,
    pull_bytes BIGINT,
    commands BIGINT,
    seconds DOUBLE PRECISION,
    cause TEXT, -- failed, or the last trouble
    message TEXT, -- failed, or the last trouble
    expires BIGINT, -- failed: until when that counts
    changed BIGINT NOT NULL DEFAULT 0, -- the transaction that changed it last
    UNIQUE (format, source_repository, source_digest, target_repository, target_digest, home)
);
CREATE INDEX jobs_changed ON jobs (changed);
CREATE INDEX jobs_owner ON jobs (owner) WHERE owner IS NOT NULL;

-- Jobs that are no more, for an hour: servers that mirror the jobs have to hear of it.
CREATE TABLE removed_jobs (
    format TEXT NOT NULL,
    source_repository TEXT NOT NULL,
    source_digest TEXT NOT NULL,
    target_repository TEXT NOT NULL,
    target_digest TEXT NOT NULL,
    home TEXT NOT NULL,
    removed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    changed BIGINT NOT NULL
);
CREATE INDEX removed_jobs_changed ON removed_jobs (changed);

-- The servers that live. What a server holds is its own while its lease lasts.
CREATE TABLE servers (
    name TEXT PRIMARY KEY, -- made anew at each start
    home TEXT NOT NULL, -- its data folder's, from one start to the next
    lease_until BIGINT NOT NULL
);

-- Whatever changes a row notes the transaction and wakes the servers; the payload says who did it.
CREATE FUNCTION note_job() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('remora_jobs', current_setting('application_name'));
    IF TG_OP = 'DELETE' THEN
        INSERT INTO removed_jobs (format, source_repository, source_digest, target_repository,
            target_digest, home, changed)
        VALUES (OLD.format, OLD.source_repository, OLD.source_digest, OLD.target_repository,
            OLD.target_digest, OLD.home, pg_current_xact_id()::text::bigint);
        RETURN OLD;
    END IF;
    NEW.changed := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$$;
CREATE TRIGGER job_added_or_removed BEFORE INSERT OR DELETE ON jobs
    FOR EACH ROW EXECUTE FUNCTION note_job();
-- That a job goes on being wanted is no news: it is said again and again.
CREATE TRIGGER job_changed BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (NEW.release <> OLD.release OR NEW.state <> OLD.state OR OLD.wanted_until IS NULL
        OR NEW.wanted_until IS NULL OR NEW.wanted_until = OLD.wanted_until)
    EXECUTE FUNCTION note_job();
