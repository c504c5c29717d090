//! Queries for releases: with their images, or as a watcher wants them.

use super::filters::{Options, Text};

const RELEASE: &str =
    "id,commit,raw_version,status,is_final,is_invalidated,belongs_to__application";
const WATCHED: &str = "id,commit,raw_version,status,is_final,is_invalidated,belongs_to__application,\
    update_timestamp";
const IMAGES: &str = "release_image($select=id;$expand=image($select=id,is_stored_at__image_location,\
    content_hash,image_size,status;$expand=is_a_build_of__service($select=id,service_name)))";
const TAGS: &str = "release_tag($select=tag_key;$filter=tag_key eq 'remora-finalize')";

#[derive(Debug, PartialEq)]
pub(super) enum Releases {
    Ids(Vec<u64>),
    Prefix(String),
    Version { fleet: u64, version: String },
    Latest { fleet: u64 },
    ChangedAfter { fleets: Vec<u64>, time: String, after: u64 },
}

/// Which releases, whether a watcher asks, and how many at most.
pub(super) fn read(
    key: Option<Text<'_>>,
    options: &mut Options,
) -> Option<(Releases, bool, usize)> {
    let watched = match options.take("$select")?.as_str() {
        RELEASE => false,
        WATCHED => true,
        _ => return None,
    };
    options.expect("$expand", if watched { TAGS } else { IMAGES })?;
    let (which, top) = match (key, watched) {
        (Some(mut key), false) => (Releases::Ids(vec![key.id()?]), 1),
        (Some(_), true) => return None,
        (None, false) => some_releases(options)?,
        (None, true) => watched_releases(options)?,
    };
    Some((which, watched, top))
}

fn some_releases(options: &mut Options) -> Option<(Releases, usize)> {
    options.expect("$orderby", "id asc")?;
    let filter = options.take("$filter")?;
    if let Some(ids) = listed(&filter) {
        return Some((Releases::Ids(ids), usize::MAX));
    }
    let which = with_prefix(&filter).or_else(|| of_version(&filter))?;
    Some((which, options.top()?))
}

fn listed(filter: &str) -> Option<Vec<u64>> {
    let mut text = Text::new(filter);
    text.word("id in ")?;
    let ids = text.numbers()?;
    text.end()?;
    Some(ids)
}

fn with_prefix(filter: &str) -> Option<Releases> {
    let mut text = Text::new(filter);
    text.word("startswith(commit,")?;
    let prefix = text.string()?;
    text.word(") and status eq 'success'")?;
    text.end()?;
    Some(Releases::Prefix(prefix))
}

fn of_version(filter: &str) -> Option<Releases> {
    let mut text = Text::new(filter);
    text.word("belongs_to__application eq ")?;
    let fleet = text.number()?;
    text.word(" and raw_version eq ")?;
    let version = text.string()?;
    text.word(" and status eq 'success'")?;
    text.end()?;
    Some(Releases::Version { fleet, version })
}

fn watched_releases(options: &mut Options) -> Option<(Releases, usize)> {
    let filter = options.take("$filter")?;
    let (which, order) = match changed_after(&filter) {
        Some(which) => (which, "id asc"),
        None => (latest(&filter)?, "id desc"),
    };
    options.expect("$orderby", order)?;
    Some((which, options.top()?))
}

fn changed_after(filter: &str) -> Option<Releases> {
    let mut text = Text::new(filter);
    text.word("belongs_to__application in ")?;
    let fleets = text.numbers()?;
    text.word(" and status eq 'success' and is_invalidated eq false and update_timestamp gt ")?;
    let time = text.time()?;
    text.word(" and id gt ")?;
    let after = text.number()?;
    text.end()?;
    Some(Releases::ChangedAfter { fleets, time, after })
}

fn latest(filter: &str) -> Option<Releases> {
    let mut text = Text::new(filter);
    text.word("belongs_to__application eq ")?;
    let fleet = text.number()?;
    text.word(" and status eq 'success' and is_invalidated eq false")?;
    text.end()?;
    Some(Releases::Latest { fleet })
}
