//! The tables that a build reads and writes: their columns, their keys, and their rows as JSON.

use serde_json::{Map, Value, json};

use super::answers::reference;
use super::data::{Data, Fleet, Image, Named, Release, ReleaseImage, Service};
use super::query::Version;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Fleets,
    Releases,
    Services,
    Images,
    ReleaseImages,
    Labels,
    Variables,
    Tags,
}

/// Columns of a release that are kept as they were written.
pub(super) const KEPT_OF_RELEASES: [&str; 6] =
    ["composition", "source", "start_timestamp", "end_timestamp", "contract", "note"];
/// The same of an image.
pub(super) const KEPT_OF_IMAGES: [&str; 8] = [
    "start_timestamp",
    "end_timestamp",
    "push_timestamp",
    "dockerfile",
    "project_type",
    "build_log",
    "error_message",
    "contract",
];

impl Table {
    /// `release_image` is the other name of `image__is_part_of__release`.
    pub(super) fn named(resource: &str) -> Option<Self> {
        Some(match resource {
            "application" => Table::Fleets,
            "release" => Table::Releases,
            "service" => Table::Services,
            "image" => Table::Images,
            "image__is_part_of__release" | "release_image" => Table::ReleaseImages,
            "image_label" => Table::Labels,
            "image_environment_variable" => Table::Variables,
            "release_tag" => Table::Tags,
            _ => return None,
        })
    }

    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Fleets => &["id", "slug", "app_name", "uuid", "should_track_latest_release"],
            Table::Releases => &[
                "id",
                "belongs_to__application",
                "commit",
                "status",
                "semver",
                "raw_version",
                "revision",
                "is_final",
                "is_invalidated",
                "composition",
                "source",
                "start_timestamp",
                "end_timestamp",
                "update_timestamp",
                "contract",
                "note",
            ],
            Table::Services => &["id", "application", "service_name"],
            Table::Images => &[
                "id",
                "is_a_build_of__service",
                "is_stored_at__image_location",
                "status",
                "content_hash",
                "image_size",
                "start_timestamp",
                "end_timestamp",
                "push_timestamp",
                "dockerfile",
                "project_type",
                "build_log",
                "error_message",
                "contract",
            ],
            Table::ReleaseImages => &["id", "image", "is_part_of__release"],
            Table::Labels => &["id", "release_image", "label_name", "value"],
            Table::Variables => &["id", "release_image", "name", "value"],
            Table::Tags => &["id", "release", "tag_key", "value"],
        }
    }

    /// The columns that no two rows have the same, beside `id`.
    pub(super) fn key(self) -> &'static [&'static str] {
        match self {
            Table::Fleets => &["slug"],
            Table::Releases | Table::Images => &[],
            Table::Services => &["application", "service_name"],
            Table::ReleaseImages => &["image", "is_part_of__release"],
            Table::Labels => &["release_image", "label_name"],
            Table::Variables => &["release_image", "name"],
            Table::Tags => &["release", "tag_key"],
        }
    }

    pub(super) fn rows(self, data: &Data, version: Version) -> Vec<Value> {
        match self {
            Table::Fleets => data.fleets.iter().map(fleet).collect(),
            Table::Releases => data.releases.iter().map(release).collect(),
            Table::Services => data.services.iter().map(service).collect(),
            Table::Images => data.images.iter().map(|one| image(one, version)).collect(),
            Table::ReleaseImages => data.release_images.iter().map(release_image).collect(),
            Table::Labels => data.labels.iter().map(|row| named(row, "label_name")).collect(),
            Table::Variables => data.variables.iter().map(|row| named(row, "name")).collect(),
            Table::Tags => data.releases.iter().flat_map(tags).collect(),
        }
    }
}

fn fleet(row: &Fleet) -> Value {
    json!({
        "id": row.id,
        "slug": row.slug,
        "app_name": row.app_name,
        "uuid": format!("{:032x}", row.id),
        "should_track_latest_release": row.tracks_latest,
    })
}

pub(super) fn release(row: &Release) -> Value {
    let known = json!({
        "id": row.id,
        "belongs_to__application": reference(Some(row.fleet)),
        "commit": row.commit,
        "status": row.status,
        "semver": row.semver,
        "raw_version": row.raw_version(),
        "revision": row.revision,
        "is_final": row.is_final(),
        "is_invalidated": row.invalidated,
        "update_timestamp": row.updated,
    });
    with_kept(known, &KEPT_OF_RELEASES, &row.columns)
}

fn service(row: &Service) -> Value {
    let fleet = reference(Some(row.fleet));
    json!({ "id": row.id, "application": fleet, "service_name": row.name })
}

/// /v7 writes sizes as text.
pub(super) fn image(row: &Image, version: Version) -> Value {
    let size = row.size.map(|size| match version {
        Version::V7 => json!(size.to_string()),
        Version::V6 => json!(size),
    });
    let known = json!({
        "id": row.id,
        "is_a_build_of__service": reference(Some(row.service)),
        "is_stored_at__image_location": row.location,
        "status": row.status,
        "content_hash": row.content_hash,
        "image_size": size,
    });
    with_kept(known, &KEPT_OF_IMAGES, &row.columns)
}

fn with_kept(mut row: Value, names: &[&str], kept: &Map<String, Value>) -> Value {
    for &name in names {
        row[name] = kept.get(name).cloned().unwrap_or_default();
    }
    row
}

fn release_image(row: &ReleaseImage) -> Value {
    let (image, release) = (reference(Some(row.image)), reference(Some(row.release)));
    json!({ "id": row.id, "image": image, "is_part_of__release": release })
}

fn named(row: &Named, name: &str) -> Value {
    let of = reference(Some(row.release_image));
    json!({ "id": row.id, "release_image": of, name: row.name, "value": row.value })
}

fn tags(row: &Release) -> Vec<Value> {
    let of = reference(Some(row.id));
    let shown = |tag: &super::data::Tag| json!({ "id": tag.id, "release": of, "tag_key": tag.key, "value": tag.value });
    row.tags.iter().map(shown).collect()
}
