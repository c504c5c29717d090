//! The questions to the API, each in one place.

use super::odata::{Query, one_of, text};

/// Rows of a page.
pub(super) const PAGE: usize = 1000;
/// Releases that a name may stand for before it is called ambiguous: enough to list them.
const MATCHES: usize = 10;
/// The variables with the version of deltas that a device asks for.
const DELTA_VERSION: &str =
    "name eq 'BALENA_SUPERVISOR_DELTA_VERSION' or name eq 'RESIN_SUPERVISOR_DELTA_VERSION'";

const RELEASE: &str =
    "id,commit,raw_version,status,is_final,is_invalidated,belongs_to__application";
const IMAGES: &str = "release_image($select=id;$expand=image($select=id,is_stored_at__image_location,\
    content_hash,image_size,status;$expand=is_a_build_of__service($select=id,service_name)))";

/// A release by its ID.
pub(super) fn release(id: &str) -> Query {
    Query::with_key("release", id).select(RELEASE).expand(IMAGES)
}

/// Releases whose commit begins so.
pub(super) fn releases_by_commit(start: &str) -> Query {
    let condition = format!("startswith(commit,{}) and status eq 'success'", text(start));
    matching(&condition)
}

/// Releases of a fleet with this version.
pub(super) fn releases_by_version(fleet: u64, version: &str) -> Query {
    let condition = format!(
        "belongs_to__application eq {fleet} and raw_version eq {} and status eq 'success'",
        text(version)
    );
    matching(&condition)
}

fn matching(condition: &str) -> Query {
    let all = Query::of("release").select(RELEASE).filter(condition).order_by("id asc");
    all.top(MATCHES).expand(IMAGES)
}

/// These releases.
pub(super) fn releases(ids: &[u64]) -> Query {
    let all = Query::of("release").select(RELEASE).filter(&one_of("id", ids));
    all.order_by("id asc").expand(IMAGES)
}

/// A fleet by its ID.
pub(super) fn fleet(id: u64) -> Query {
    of_fleet(Query::with_key("application", &id.to_string()))
}

/// A fleet by its slug.
pub(super) fn fleet_by_slug(slug: &str) -> Query {
    of_fleet(Query::with_key("application", &format!("slug={}", text(slug))))
}

/// Fleets of this name, in whichever organisation.
pub(super) fn fleets_by_name(name: &str) -> Query {
    let condition = format!("app_name eq {} and is_of__class eq 'fleet'", text(name));
    of_fleet(Query::of("application")).filter(&condition).order_by("id asc").top(MATCHES)
}

fn of_fleet(query: Query) -> Query {
    let fields = "id,slug,app_name,should_track_latest_release";
    query.select(fields).expand("should_be_running__release($select=id)")
}

/// The fleet's devices whose IDs are above `after`: a page.
pub(super) fn devices(fleet: u64, after: u64, with_pins: bool) -> Query {
    let pins = if with_pins { "is_pinned_on__release," } else { "" };
    let fields = format!("id,is_running__release,{pins}should_be_running__release,os_version");
    let condition = format!("belongs_to__application eq {fleet} and id gt {after}");
    let variables = format!("device_config_variable($select=value;$filter={DELTA_VERSION})");
    let all = Query::of("device").select(&fields).expand(&variables).filter(&condition);
    all.order_by("id asc").top(PAGE)
}

/// The version of deltas that the fleet's devices ask for, where they have none of their own.
pub(super) fn fleet_delta_version(fleet: u64) -> Query {
    let condition = format!("application eq {fleet} and ({DELTA_VERSION})");
    Query::of("application_config_variable").select("name,value").filter(&condition)
}

/// Releases that a fleet's last changes are looked for among.
const RECENT: usize = 20;
const CHANGE: &str = "id,commit,raw_version,status,is_final,is_invalidated,belongs_to__application,\
    update_timestamp";
/// The tag by which a draft may be let out.
const FINALIZE_TAG: &str = "release_tag($select=tag_key;$filter=tag_key eq 'remora-finalize')";
const GOOD: &str = "status eq 'success' and is_invalidated eq false";

/// A fleet's last releases, the newest first.
pub(super) fn recent(fleet: u64) -> Query {
    let condition = format!("belongs_to__application eq {fleet} and {GOOD}");
    let all = Query::of("release").select(CHANGE).filter(&condition).order_by("id desc");
    all.top(RECENT).expand(FINALIZE_TAG)
}

/// Releases of these fleets that have changed since `time` (RFC 3339) and whose IDs are above `after`: a page.
pub(super) fn changed(fleets: &[u64], time: &str, after: u64) -> Query {
    let fleets = one_of("belongs_to__application", fleets);
    let condition =
        format!("{fleets} and {GOOD} and update_timestamp gt datetime'{time}' and id gt {after}");
    let all = Query::of("release").select(CHANGE).filter(&condition).order_by("id asc");
    all.top(PAGE).expand(FINALIZE_TAG)
}

/// The link rates that fleets whose IDs are above `after` are set to: a page.
pub(super) fn link_rates(after: u64) -> Query {
    let condition = format!("name eq 'REMORA_LINK_RATE' and application gt {after}");
    let all = Query::of("application_environment_variable").select("application,value");
    all.filter(&condition).order_by("application asc").top(PAGE)
}

/// All fleets whose IDs are above `after`: a page.
pub(super) fn fleets(after: u64) -> Query {
    let condition = format!("id gt {after} and is_of__class eq 'fleet' and is_archived eq false");
    of_fleet(Query::of("application")).filter(&condition).order_by("id asc").top(PAGE)
}
