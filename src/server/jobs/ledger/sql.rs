//! The SQL of both databases. What stands in braces is put in where a database is spoken to (`Speech`);
//! `$1` to `$6` are a pair and its home, `$7` is the holder in what only the holder may do.

pub(super) const WANT: &str = "\
    INSERT INTO jobs (format, source_repository, source_digest, target_repository, target_digest, home,
        fleet, asker, release, wanted_until, state, crashes, troubles)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now} + $10, 'pending', 0, 0)
    ON CONFLICT (format, source_repository, source_digest, target_repository, target_digest, home)
    DO UPDATE SET
        fleet = CASE WHEN jobs.state = 'failed' THEN excluded.fleet ELSE jobs.fleet END,
        asker = CASE WHEN jobs.state = 'failed' OR excluded.release AND NOT jobs.release
            THEN excluded.asker ELSE jobs.asker END,
        release = excluded.release OR jobs.release AND jobs.state <> 'failed',
        cause = CASE WHEN jobs.state = 'failed' THEN NULL ELSE jobs.cause END,
        message = CASE WHEN jobs.state = 'failed' THEN NULL ELSE jobs.message END,
        expires = NULL,
        wanted_until = excluded.wanted_until,
        state = CASE WHEN jobs.state = 'failed' THEN 'pending' ELSE jobs.state END
    WHERE jobs.state IN ('pending', 'preparing')
        OR jobs.state = 'failed' AND jobs.expires <= {now}
    RETURNING *, {now} AS read_at";

pub(super) const DELETE_UNWANTED: &str = "\
    DELETE FROM jobs WHERE {pair} AND NOT release AND state IN ('pending', 'preparing')
        AND (owner IS NULL OR owner = $7) AND {unwanted}";

/// Where another server prepares it: that server sees that nobody wants it any more.
pub(super) const MARK_UNWANTED: &str = "\
    UPDATE jobs SET wanted_until = NULL WHERE {pair} AND NOT release
        AND state IN ('pending', 'preparing') AND owner <> $7 AND {unwanted}";

pub(super) const DISPLACE: &str = "\
    DELETE FROM jobs WHERE {pair} AND NOT release AND state = 'pending'
        AND owner IS NULL";

pub(super) const BEGIN: &str =
    "UPDATE jobs SET state = 'preparing' WHERE {held} RETURNING *, {now} AS read_at";

pub(super) const PUT_OFF: &str = "\
    UPDATE jobs SET state = 'pending', owner = NULL, cause = $8, message = $9, troubles = $10,
        trouble_since = {now} - $11, not_before = {now} + $12
    WHERE {held} RETURNING *, {now} AS read_at";

pub(super) const RETURN: &str = "\
    UPDATE jobs SET state = 'pending', owner = NULL WHERE {held} RETURNING *, {now} AS read_at";

pub(super) const READY: &str = "\
    UPDATE jobs SET state = $8, owner = NULL, crashes = 0, troubles = 0, cause = NULL, message = NULL,
        trouble_since = NULL, not_before = NULL, wanted_until = NULL, last_used = {now}, tag = $9,
        digest = $10, file = $11, bytes = $12, pull_bytes = $13, commands = $14, seconds = $15
    WHERE {held} RETURNING *, {now} AS read_at";

pub(super) const FAILED: &str = "\
    UPDATE jobs SET state = 'failed', owner = NULL, crashes = 0, troubles = 0, cause = $8,
        message = $9, trouble_since = NULL, not_before = NULL, wanted_until = NULL,
        expires = {now} + $10
    WHERE {held} RETURNING *, {now} AS read_at";

pub(super) const USED: &str = "\
    UPDATE jobs SET last_used = {now} WHERE {pair} AND state IN ('ready', 'not-worth')
    RETURNING *, {now} AS read_at";

pub(super) const EXPIRE: &str =
    "DELETE FROM jobs WHERE {pair} AND state = 'failed' AND expires <= {now}";

pub(super) const FORGET: &str = "\
    DELETE FROM jobs WHERE {pair} AND state IN ('ready', 'not-worth', 'failed')";

pub(super) const CLAIM: &str = "\
    UPDATE jobs SET owner = $7 WHERE id = (SELECT id FROM jobs
        WHERE {pair} AND state = 'pending' AND owner IS NULL AND NOT ($8 AND {elsewhere}) {locking})
    RETURNING *, {now} AS read_at";

pub(super) const LOOK: &str = "SELECT *, {now} AS read_at FROM jobs WHERE {pair}";

pub(super) const LOAD: &str = "SELECT *, {now} AS read_at FROM jobs WHERE home IN ('', $1)
        AND (state IN ('pending', 'preparing') OR file IS NOT NULL
            OR id IN (SELECT id FROM jobs WHERE state IN ('ready', 'not-worth', 'failed')
                ORDER BY COALESCE(last_used, expires) DESC LIMIT $2))
        ORDER BY id";

/// `$1` is how long deltas are remembered, `$2` how many are.
pub(super) const TIDY: &str = "\
    DELETE FROM jobs WHERE state = 'failed' AND expires <= {now}
        OR state IN ('ready', 'not-worth') AND (last_used < {now} - $1
            OR last_used < (SELECT last_used FROM jobs WHERE state IN ('ready', 'not-worth')
                ORDER BY last_used DESC LIMIT 1 OFFSET $2))";

/// Deltas that are remembered, at most: about a gigabyte of a database.
pub(super) const MOST_DELTAS: i64 = 1_000_000;

pub(super) const PAIR: &str = "format = $1 AND source_repository = $2 AND source_digest = $3
        AND target_repository = $4 AND target_digest = $5 AND home = $6";

pub(super) const HELD: &str = "{pair} AND owner = $7 AND state IN ('pending', 'preparing')";
