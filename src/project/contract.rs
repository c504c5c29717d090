//! Contracts: of the release, and of images.

use serde_json::Value;

use super::error::{Place, ProjectError};
use super::index::ProjectTar;
use super::path::ContextPath;
use super::yaml;
use crate::quote::quoted;

/// The file with the release's contract.
const RELEASE_FILE: &str = "balena.yml";
/// What a release may be.
const RELEASE_TYPES: [&str; 2] = ["sw.application", "sw.block"];
/// Files with an image's contract.
const IMAGE_FILES: [&str; 2] = ["contract.yml", "contract.yaml"];
/// What an image is.
const IMAGE_TYPE: &str = "sw.container";

/// The contract of a release, and the version that it names.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ReleaseContract {
    pub(super) contract: Option<Value>,
    pub(super) semver: Option<String>,
}

/// Reads the release's contract.
///
/// # Errors
/// If the file is no contract of a release.
pub(super) fn of_release(tar: &ProjectTar<'_>) -> Result<ReleaseContract, ProjectError> {
    let Some(text) = tar.text(RELEASE_FILE)? else { return Ok(ReleaseContract::default()) };
    let place = Place::file(RELEASE_FILE);
    let contract = yaml::parse(text, &place)?;
    let kind = contract.get("type").and_then(Value::as_str);
    if !kind.is_some_and(|kind| RELEASE_TYPES.contains(&kind)) {
        return Err(place.key("type").wrong("has to be sw.application or sw.block"));
    }
    let semver = contract
        .get("version")
        .map(|version| version_of(version, &place.key("version")))
        .transpose()?;
    Ok(ReleaseContract { semver, contract: Some(contract) })
}

fn version_of(value: &Value, place: &Place) -> Result<String, ProjectError> {
    let version = value.as_str().filter(|version| semver::Version::parse(version).is_ok());
    let shown = quoted(&value.to_string()).to_string();
    version.map(str::to_owned).ok_or_else(|| {
        place.wrong(format!(
            "{shown} is not a semantic version: write three numbers, for instance 1.2.3"
        ))
    })
}

/// Reads the contract of an image that is built from `context`; `labelled` is what the service's labels ask for.
///
/// # Errors
/// If the file is no contract of an image, or there are several contracts.
pub(super) fn of_image(
    tar: &ProjectTar<'_>,
    context: &ContextPath,
    service: &str,
    labelled: Option<Value>,
) -> Result<Option<Value>, ProjectError> {
    let paths = IMAGE_FILES.map(|name| context.join(name));
    let mut present = paths.into_iter().filter(|path| tar.has(path));
    let Some(path) = present.next() else { return Ok(labelled) };
    let place = Place::file(&path).service(service);
    if let Some(other) = present.next() {
        return Err(place.wrong(format!("there is {other} too: a service has one contract")));
    }
    if labelled.is_some() {
        let problem = "the service's keys in the compose file ask for something too (labels io.balena.features.requires, or \
                       keys for newer supervisors), and a service has one contract: write all of it into the file";
        return Err(place.wrong(problem));
    }
    let contract = yaml::parse(tar.text(&path)?.unwrap_or_default(), &place)?;
    check_image(&contract, &place)?;
    Ok(Some(contract))
}

fn check_image(contract: &Value, place: &Place) -> Result<(), ProjectError> {
    if contract.get("type").and_then(Value::as_str) != Some(IMAGE_TYPE) {
        return Err(place.key("type").wrong(format!("has to be {IMAGE_TYPE}")));
    }
    match ["name", "slug"].iter().find(|key| contract.get(**key).is_none_or(Value::is_null)) {
        Some(key) => Err(place.key(key).wrong("is missing: the contract of an image has one")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
