-- What all servers share beside the jobs. The first server to write a value makes it for all.
CREATE TABLE shared (
    name TEXT PRIMARY KEY, -- download-key: what v2 URLs are signed with; bucket-folder: where v2 files are in a bucket
    value BYTEA NOT NULL
);

-- Files of the bucket whose jobs are no more: URLs of such files were given out until then, and still hold.
CREATE TABLE forgotten_files (
    file TEXT PRIMARY KEY,
    forgotten_at BIGINT NOT NULL -- a Unix time in milliseconds, of the database's clock
);

CREATE FUNCTION note_file() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    -- Files of other homes are in a server's own data folder, which no other server looks after.
    INSERT INTO forgotten_files (file, forgotten_at)
    SELECT OLD.file, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM shared
        WHERE name = 'bucket-folder' AND convert_from(value, 'UTF8') = OLD.home
    ON CONFLICT (file) DO UPDATE SET forgotten_at = excluded.forgotten_at;
    RETURN OLD;
END
$$;
CREATE TRIGGER file_forgotten BEFORE DELETE ON jobs FOR EACH ROW
    WHEN (OLD.file IS NOT NULL) EXECUTE FUNCTION note_file();
