//! The fleet that a release is built for.

use serde::Deserialize;

use super::ReleaseRows;
use crate::release::ReleaseError;
use crate::release::odata::{Query, text};

/// What a build knows of its fleet.
#[derive(Debug, Clone)]
pub(crate) struct BuildFleet {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) device_type: String,
    /// As openBalena calls it, for instance `aarch64`.
    pub(crate) architecture: String,
    pub(crate) multicontainer: bool,
    /// The release that devices without a pin are to run.
    pub(crate) tracked: Option<u64>,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
    slug: String,
    app_name: String,
    application_type: Vec<ApplicationType>,
    #[serde(rename = "is_for__device_type")]
    device_type: Vec<DeviceType>,
    #[serde(rename = "should_be_running__release")]
    tracked: Vec<Identified>,
}

#[derive(Deserialize)]
struct ApplicationType {
    supports_multicontainer: bool,
}

#[derive(Deserialize)]
struct DeviceType {
    slug: String,
    #[serde(rename = "is_of__cpu_architecture")]
    architecture: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    slug: String,
}

#[derive(Deserialize)]
struct Identified {
    id: u64,
}

impl ReleaseRows {
    /// The fleet of this slug, or of this name where it is no slug, if the user may build for it. Public fleets of
    /// others, which everybody can read, are none.
    pub(crate) fn fleet(&self, name: &str) -> Result<Option<BuildFleet>, ReleaseError> {
        let mut found: Vec<Row> = self.api.rows(&query(name))?;
        if found.len() > 1 {
            let choices = found.into_iter().map(|fleet| fleet.slug).collect();
            return Err(ReleaseError::Ambiguous { name: name.to_owned(), choices });
        }
        Ok(found.pop().and_then(BuildFleet::of))
    }
}

fn query(name: &str) -> Query {
    let named = match name.contains('/') {
        true => format!("slug eq {}", text(&name.to_lowercase())),
        false => format!("app_name eq {}", text(name)),
    };
    let mine = "is_directly_accessible_by__user/any(dau:1 eq 1)";
    let expansion = "application_type($select=slug,supports_multicontainer),\
        is_for__device_type($select=slug;$expand=is_of__cpu_architecture($select=slug)),\
        should_be_running__release($select=id,commit)";
    let fields = "id,slug,app_name,uuid,should_track_latest_release";
    Query::of("application").select(fields).filter(&format!("{named} and {mine}")).expand(expansion)
}

impl BuildFleet {
    fn of(row: Row) -> Option<Self> {
        let device_type = row.device_type.into_iter().next()?;
        Some(BuildFleet {
            id: row.id,
            slug: row.slug,
            name: row.app_name,
            device_type: device_type.slug,
            architecture: device_type.architecture.into_iter().next()?.slug,
            multicontainer: row.application_type.iter().any(|kind| kind.supports_multicontainer),
            tracked: row.tracked.first().map(|release| release.id),
        })
    }
}
