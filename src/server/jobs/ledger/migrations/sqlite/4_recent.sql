-- Those of the finished jobs that a server mirrors are the ones that were asked for last.
CREATE INDEX jobs_recent ON jobs (COALESCE(last_used, expires))
    WHERE state IN ('ready', 'not-worth', 'failed');
CREATE INDEX jobs_last_used ON jobs (last_used) WHERE state IN ('ready', 'not-worth');
