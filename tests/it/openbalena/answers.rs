//! What the API answers to a query: `{"d": […]}`, with the fields that were asked for.

use serde_json::{Value, json};

use super::data::{Data, Device, Fleet, Release, Variable};
use super::query::{Fleets, Query, Version};
use super::release_query::Releases;
use crate::scripted_server::Reply;

const DELTA_VERSIONS: [&str; 2] =
    ["BALENA_SUPERVISOR_DELTA_VERSION", "RESIN_SUPERVISOR_DELTA_VERSION"];

/// The greatest ID that its database can compare with.
const GREATEST_ID: u64 = i32::MAX as u64;

/// Answers from the rows that the user sees.
pub(super) fn answer(data: &Data, version: Version, query: &Query) -> Reply {
    if names_too_great_an_id(query) {
        return Reply::status(500);
    }
    let rows: Vec<Value> = match query {
        Query::Releases { which, watched, top } => {
            let found = releases(data, which);
            let shown = |release: &&Release| match watched {
                false => with_images(data, version, release),
                true => watched_release(release),
            };
            found.iter().take(*top).map(shown).collect()
        }
        Query::Fleets { which, top } => {
            fleets(data, which).into_iter().take(*top).map(fleet).collect()
        }
        Query::Devices { fleet, after, top } => {
            let own = |device: &&Device| device.fleet == *fleet && device.id > *after;
            let devices = data.devices.iter().filter(own).take(*top);
            devices.map(|device| shown_device(data, version, device)).collect()
        }
        Query::DeltaVersion { fleet } => {
            let variables = data.config_variables.iter().filter(|one| one.fleet == *fleet);
            let named = variables.filter(|one| DELTA_VERSIONS.contains(&one.name.as_str()));
            named.map(|one| json!({ "name": one.name, "value": one.value })).collect()
        }
        Query::LinkRates { after, top } => link_rates(data, *after).take(*top).collect(),
        Query::WhoAmI | Query::OldWhoAmI | Query::Finalise { .. } => {
            unreachable!("answered before")
        }
    };
    answered(&rows)
}

pub(super) fn answered(rows: &[Value]) -> Reply {
    Reply::ok(json!({ "d": rows }).to_string()).header("Content-Type", "application/json")
}

fn names_too_great_an_id(query: &Query) -> bool {
    match query {
        Query::Releases { which: Releases::Ids(ids), .. } => ids.iter().any(|id| *id > GREATEST_ID),
        Query::Fleets { which: Fleets::Id(id), .. } => *id > GREATEST_ID,
        _ => false,
    }
}

/// The releases that are wanted, in the order that is.
fn releases<'a>(data: &'a Data, which: &Releases) -> Vec<&'a Release> {
    let wanted = |release: &Release| {
        let successful = release.status == "success";
        match which {
            Releases::Ids(ids) => ids.contains(&release.id),
            Releases::Prefix(prefix) => successful && release.commit.starts_with(prefix),
            Releases::Version { fleet, version } => {
                successful && release.fleet == *fleet && release.raw_version() == *version
            }
            Releases::Latest { fleet } => {
                successful && !release.invalidated && release.fleet == *fleet
            }
            Releases::ChangedAfter { fleets, time, after } => {
                successful
                    && !release.invalidated
                    && fleets.contains(&release.fleet)
                    && release.updated > *time
                    && release.id > *after
            }
        }
    };
    let mut found: Vec<&Release> = data.releases.iter().filter(|one| wanted(one)).collect();
    if matches!(which, Releases::Latest { .. }) {
        found.reverse();
    }
    found
}

fn plain(release: &Release) -> Value {
    json!({
        "id": release.id,
        "commit": release.commit,
        "raw_version": release.raw_version(),
        "status": release.status,
        "is_final": release.is_final(),
        "is_invalidated": release.invalidated,
        "belongs_to__application": reference(Some(release.fleet)),
    })
}

fn with_images(data: &Data, version: Version, release: &Release) -> Value {
    let rows = data.release_images.iter().filter(|row| row.release == release.id);
    let images =
        rows.map(|row| json!({ "id": row.id, "image": [image(data, version, row.image)] }));
    let mut shown = plain(release);
    shown["release_image"] = images.collect();
    shown
}

fn image(data: &Data, version: Version, id: u64) -> Value {
    let image = data.image(id);
    let service = data.service(image.service);
    let size = image.size.map(|size| match version {
        Version::V7 => json!(size.to_string()),
        Version::V6 => json!(size),
    });
    json!({
        "id": image.id,
        "is_stored_at__image_location": image.location,
        "content_hash": image.content_hash,
        "image_size": size,
        "status": image.status,
        "is_a_build_of__service": [{ "id": service.id, "service_name": service.name }],
    })
}

fn watched_release(release: &Release) -> Value {
    let tags = release.tags.iter().filter(|tag| tag.key == "remora-finalize");
    let mut shown = plain(release);
    shown["update_timestamp"] = json!(release.updated);
    shown["release_tag"] = tags.map(|tag| json!({ "tag_key": tag.key })).collect();
    shown
}

fn fleets<'a>(data: &'a Data, which: &Fleets) -> Vec<&'a Fleet> {
    let wanted = |fleet: &&Fleet| match which {
        Fleets::Id(id) => fleet.id == *id,
        Fleets::Slug(slug) => fleet.slug == *slug,
        Fleets::Name(name) => fleet.app_name == *name,
        Fleets::After(after) => fleet.id > *after && !fleet.archived,
    };
    data.fleets.iter().filter(wanted).collect()
}

fn fleet(fleet: &Fleet) -> Value {
    let target: Vec<Value> = fleet.target.iter().map(|id| json!({ "id": id })).collect();
    json!({
        "id": fleet.id,
        "slug": fleet.slug,
        "app_name": fleet.app_name,
        "should_track_latest_release": fleet.tracks_latest,
        "should_be_running__release": target,
    })
}

/// /v7 works out what a device should run; /v6 knows the pin only.
fn shown_device(data: &Data, version: Version, device: &Device) -> Value {
    let variables = device.config_variables.iter();
    let named = variables.filter(|(name, _)| DELTA_VERSIONS.contains(&name.as_str()));
    let values: Vec<Value> = named.map(|(_, value)| json!({ "value": value })).collect();
    let should = match version {
        Version::V7 => device.pinned.or(data.fleet(device.fleet).target),
        Version::V6 => device.pinned,
    };
    let mut shown = json!({
        "id": device.id,
        "is_running__release": reference(device.running),
        "should_be_running__release": reference(should),
        "os_version": device.os_version,
        "device_config_variable": values,
    });
    if version == Version::V7 {
        shown["is_pinned_on__release"] = reference(device.pinned);
    }
    shown
}

fn link_rates(data: &Data, after: u64) -> impl Iterator<Item = Value> {
    let wanted = |one: &&Variable| one.name == "REMORA_LINK_RATE" && one.fleet > after;
    let mut rates: Vec<&Variable> = data.environment_variables.iter().filter(wanted).collect();
    rates.sort_by_key(|one| one.fleet);
    let shown =
        |one: &Variable| json!({ "application": reference(Some(one.fleet)), "value": one.value });
    rates.into_iter().map(shown)
}

/// A row that is referred to and not expanded.
pub(super) fn reference(id: Option<u64>) -> Value {
    id.map_or(Value::Null, |id| json!({ "__id": id }))
}
