//! The rows that a build begins with.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{NewImage, NewRelease, ReleaseRows, lookup, time};
use crate::release::ReleaseError;

#[derive(Deserialize)]
struct Identified {
    id: u64,
}

#[derive(Deserialize)]
struct Located {
    id: u64,
    #[serde(rename = "is_stored_at__image_location")]
    location: String,
}

impl ReleaseRows {
    /// Begins a release; a draft, whatever becomes of it. Returns its ID.
    pub(crate) fn create_release(&self, release: &NewRelease<'_>) -> Result<u64, ReleaseError> {
        let mut row = json!({
            "belongs_to__application": release.fleet,
            "composition": release.composition,
            "commit": release.commit,
            "status": "running",
            "source": "cloud",
            "start_timestamp": time(release.started),
            "is_final": false,
        });
        add(&mut row, "contract", release.contract.cloned());
        add(&mut row, "semver", release.semver.map(Value::from));
        self.create_identified("release", &row, &lookup::release(release.fleet, release.commit))
    }

    /// The ID of a fleet's service, which is made if it is not there.
    pub(crate) fn service(&self, fleet: u64, name: &str) -> Result<u64, ReleaseError> {
        let query = lookup::service(fleet, name);
        let known: Vec<Identified> = self.api.rows(&query)?;
        if let Some(service) = known.first() {
            return Ok(service.id);
        }
        let row = json!({ "application": fleet, "service_name": name });
        self.create_identified("service", &row, &query)
    }

    /// Begins an image of a service.
    pub(crate) fn create_image(
        &self,
        service: u64,
        started: SystemTime,
        contract: Option<&Value>,
    ) -> Result<NewImage, ReleaseError> {
        let mut row = json!({
            "is_a_build_of__service": service,
            "status": "running",
            "start_timestamp": time(started),
        });
        add(&mut row, "contract", contract.cloned());
        let made: Located = self.api.create("image", &row, &lookup::image(service, started))?;
        Ok(NewImage { id: made.id, location: made.location })
    }

    /// Makes an image part of a release. Returns the ID that labels and variables hang on.
    pub(crate) fn add_image(&self, release: u64, image: u64) -> Result<u64, ReleaseError> {
        let row = json!({ "is_part_of__release": release, "image": image });
        let query = lookup::release_image(release, image);
        self.create_identified("image__is_part_of__release", &row, &query)
    }

    /// Gives an image in a release a label.
    pub(crate) fn add_label(
        &self,
        release_image: u64,
        name: &str,
        value: &str,
    ) -> Result<(), ReleaseError> {
        let row = json!({ "release_image": release_image, "label_name": name, "value": value });
        let query = lookup::label(release_image, name);
        self.create_identified("image_label", &row, &query).map(drop)
    }

    /// Gives an image in a release a variable.
    pub(crate) fn add_variable(
        &self,
        release_image: u64,
        name: &str,
        value: &str,
    ) -> Result<(), ReleaseError> {
        let row = json!({ "release_image": release_image, "name": name, "value": value });
        let query = lookup::variable(release_image, name);
        self.create_identified("image_environment_variable", &row, &query).map(drop)
    }

    fn create_identified(
        &self,
        resource: &str,
        row: &Value,
        known: &crate::release::odata::Query,
    ) -> Result<u64, ReleaseError> {
        let made: Identified = self.api.create(resource, row, known)?;
        Ok(made.id)
    }
}

fn add(row: &mut Value, field: &str, value: Option<Value>) {
    let fields: Option<&mut Map<String, Value>> = row.as_object_mut();
    if let (Some(fields), Some(value)) = (fields, value) {
        fields.insert(field.to_owned(), value);
    }
}
