-- What deltas spared and cost, by day (UTC, days since 1970) and fleet; '' is whoever is not told apart.
CREATE TABLE daily (
    day BIGINT NOT NULL,
    fleet TEXT NOT NULL,
    deltas BIGINT NOT NULL DEFAULT 0, -- that devices were told of
    saved_bytes BIGINT NOT NULL DEFAULT 0, -- that devices did not have to fetch
    saved_seconds DOUBLE PRECISION NOT NULL DEFAULT 0, -- these bytes over the fleet's link
    builds BIGINT NOT NULL DEFAULT 0, -- that ended well
    failures BIGINT NOT NULL DEFAULT 0, -- builds that failed for good
    build_seconds DOUBLE PRECISION NOT NULL DEFAULT 0, -- of the builds that ended well
    PRIMARY KEY (day, fleet)
);
