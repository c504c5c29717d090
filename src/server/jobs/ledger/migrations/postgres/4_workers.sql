-- What servers say of themselves, so that builds go where their layers are.
ALTER TABLE servers
    ADD COLUMN places INTEGER NOT NULL DEFAULT 0, -- builds at the same time
    ADD COLUMN answers BOOLEAN NOT NULL DEFAULT TRUE; -- whether devices may ask it

-- Images whose layers a server has, by the digests of their manifests, as far as anybody noted them.
CREATE TABLE server_images (
    home TEXT NOT NULL,
    image TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (home, image)
);
CREATE INDEX server_images_image ON server_images (image);

-- Those of the finished jobs that a server mirrors are the ones that were asked for last.
CREATE INDEX jobs_recent ON jobs (COALESCE(last_used, expires))
    WHERE state IN ('ready', 'not-worth', 'failed');
CREATE INDEX jobs_last_used ON jobs (last_used) WHERE state IN ('ready', 'not-worth');
