//! The queries that Remora sends, and nothing else: one that asks for another field, forgets an escape or
//! a condition gives none.

use super::filters::{Options, Text, decode};
use super::release_query::{self, Releases};
use crate::scripted_server::Request;

const FLEET: &str = "id,slug,app_name,should_track_latest_release";
const TARGET: &str = "should_be_running__release($select=id)";
const DEVICE: &str =
    "id,is_running__release,is_pinned_on__release,should_be_running__release,os_version";
const DEVICE_V6: &str = "id,is_running__release,should_be_running__release,os_version";
const DELTA_VERSION: &str =
    "name eq 'BALENA_SUPERVISOR_DELTA_VERSION' or name eq 'RESIN_SUPERVISOR_DELTA_VERSION'";
const LINK_RATE: &str = "name eq 'REMORA_LINK_RATE' and application gt ";

/// Of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V6,
    V7,
}

#[derive(Debug, PartialEq)]
pub(super) enum Query {
    WhoAmI,
    OldWhoAmI,
    /// With their images, or as a watcher wants them.
    Releases {
        which: Releases,
        watched: bool,
        top: usize,
    },
    Fleets {
        which: Fleets,
        top: usize,
    },
    Devices {
        fleet: u64,
        after: u64,
        top: usize,
    },
    /// The delta version that a fleet's devices are told.
    DeltaVersion {
        fleet: u64,
    },
    LinkRates {
        after: u64,
        top: usize,
    },
    Finalise {
        release: u64,
        is_final: bool,
    },
}

#[derive(Debug, PartialEq)]
pub(super) enum Fleets {
    Id(u64),
    Slug(String),
    Name(String),
    After(u64),
}

impl Query {
    /// Whether the API lets everybody ask, though strangers see no rows.
    pub(super) fn is_public(&self) -> bool {
        matches!(self, Query::Releases { .. } | Query::Fleets { .. })
    }
}

/// A request's query. Those to `/actor` and `/user` have no version.
pub(super) fn read(request: &Request) -> Option<(Option<Version>, Query)> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/actor/v1/whoami") => return Some((None, Query::WhoAmI)),
        ("GET", "/user/v1/whoami") => return Some((None, Query::OldWhoAmI)),
        _ => {}
    }
    let (version, rest) = match request.path.split_at_checked(4)? {
        ("/v6/", rest) => (Version::V6, rest),
        ("/v7/", rest) => (Version::V7, rest),
        _ => return None,
    };
    let query = match request.method.as_str() {
        "GET" => resource(version, rest)?,
        "PATCH" => finalise(rest, &request.body)?,
        _ => return None,
    };
    Some((Some(version), query))
}

fn resource(version: Version, rest: &str) -> Option<Query> {
    let (path, query) = rest.split_once('?')?;
    let (path, mut options) = (decode(path)?, Options::read(query)?);
    let (resource, key) = match path.split_once('(') {
        Some((resource, key)) => (resource, Some(Text::new(key))),
        None => (path.as_str(), None),
    };
    let query = match (resource, key) {
        ("release", key) => {
            let (which, watched, top) = release_query::read(key, &mut options)?;
            Query::Releases { which, watched, top }
        }
        ("application", key) => fleets(key, &mut options)?,
        ("device", None) => devices(version, &mut options)?,
        ("application_config_variable", None) => delta_version(&mut options)?,
        ("application_environment_variable", None) => link_rates(&mut options)?,
        _ => return None,
    };
    options.end()?;
    Some(query)
}

fn fleets(key: Option<Text<'_>>, options: &mut Options) -> Option<Query> {
    options.expect("$select", FLEET)?;
    options.expect("$expand", TARGET)?;
    if let Some(mut key) = key {
        let which = if key.word("slug=").is_some() {
            let slug = key.string()?;
            key.word(")")?;
            key.end()?;
            Fleets::Slug(slug)
        } else {
            Fleets::Id(key.id()?)
        };
        return Some(Query::Fleets { which, top: 1 });
    }
    options.expect("$orderby", "id asc")?;
    let filter = options.take("$filter")?;
    let mut text = Text::new(&filter);
    let which = if text.word("app_name eq ").is_some() {
        let name = text.string()?;
        text.word(" and is_of__class eq 'fleet'")?;
        Fleets::Name(name)
    } else {
        text.word("id gt ")?;
        let after = text.number()?;
        text.word(" and is_of__class eq 'fleet' and is_archived eq false")?;
        Fleets::After(after)
    };
    text.end()?;
    Some(Query::Fleets { which, top: options.top()? })
}

fn devices(version: Version, options: &mut Options) -> Option<Query> {
    options.expect("$select", if version == Version::V7 { DEVICE } else { DEVICE_V6 })?;
    let variables = format!("device_config_variable($select=value;$filter={DELTA_VERSION})");
    options.expect("$expand", &variables)?;
    options.expect("$orderby", "id asc")?;
    let filter = options.take("$filter")?;
    let mut text = Text::new(&filter);
    text.word("belongs_to__application eq ")?;
    let fleet = text.number()?;
    text.word(" and id gt ")?;
    let after = text.number()?;
    text.end()?;
    Some(Query::Devices { fleet, after, top: options.top()? })
}

fn delta_version(options: &mut Options) -> Option<Query> {
    options.expect("$select", "name,value")?;
    let filter = options.take("$filter")?;
    let mut text = Text::new(&filter);
    text.word("application eq ")?;
    let fleet = text.number()?;
    text.word(&format!(" and ({DELTA_VERSION})"))?;
    text.end()?;
    Some(Query::DeltaVersion { fleet })
}

fn link_rates(options: &mut Options) -> Option<Query> {
    options.expect("$select", "application,value")?;
    options.expect("$orderby", "application asc")?;
    let filter = options.take("$filter")?;
    let mut text = Text::new(&filter);
    text.word(LINK_RATE)?;
    let after = text.number()?;
    text.end()?;
    Some(Query::LinkRates { after, top: options.top()? })
}

fn finalise(path: &str, body: &[u8]) -> Option<Query> {
    let mut key = Text::new(path);
    key.word("release(")?;
    let release = key.id()?;
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let fields = body.as_object().filter(|fields| fields.len() == 1)?;
    Some(Query::Finalise { release, is_final: fields.get("is_final")?.as_bool()? })
}
