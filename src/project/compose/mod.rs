//! Compose files: what devices can run of them, in one form, and everything else refused by name.

pub(super) mod build;
mod forms;
mod keys;
mod named_files;
pub(super) mod names;
mod network;
mod reading;
mod requirements;
pub(super) mod service;
mod short;
mod small_keys;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use self::forms::{map, rule, text};
use self::keys::TOP;
use self::names::check_service;
use self::reading::Reading;
use self::service::Described;
use super::error::{Place, ProjectError};
use super::index::ProjectTar;
use super::limits::{MAX_COMPOSITION_BYTES, MAX_SERVICES};
use super::yaml;
use crate::quote::quoted;

/// The names of compose files, the stronger first.
const FILES: [&str; 2] = ["docker-compose.yml", "docker-compose.yaml"];
/// The network that services have without naming one.
const DEFAULT_NETWORK: &str = "default";

/// What a compose file says.
#[derive(Debug)]
pub(super) struct Composed {
    /// The file.
    pub(super) file: &'static str,
    pub(super) services: Vec<Described>,
    pub(super) composition: Value,
    pub(super) warnings: Vec<String>,
}

/// Reads a project's compose file; `None` if it has none.
///
/// # Errors
/// If the file is malformed or has what is not supported.
pub(super) fn read_file(tar: &ProjectTar<'_>) -> Result<Option<Composed>, ProjectError> {
    for file in FILES {
        if let Some(text) = tar.text(file)? {
            let value = yaml::parse(text, &Place::file(file))?;
            return read(tar, file, value).map(Some);
        }
    }
    Ok(None)
}

/// Reads a composition that stands for `file`.
pub(super) fn read(
    tar: &ProjectTar<'_>,
    file: &'static str,
    mut value: Value,
) -> Result<Composed, ProjectError> {
    let place = Place::file(file);
    let mut reading = Reading::new(tar)?;
    check_top(&value, &place, &mut reading)?;
    fill(&mut value, &place, &mut reading)?;
    let part = |key: &str| value.get(key).unwrap_or(&Value::Null);
    let networks = network::networks(part("networks"), &place.key("networks"), &mut reading)?;
    let volumes = network::volumes(part("volumes"), &place.key("volumes"), &mut reading)?;
    let services = services(part("services"), &place, &mut reading)?;
    check_references(&services, &networks, &volumes, &place)?;
    check_circles(&services, &place)?;
    let composition = compose(&services, networks, volumes, &place)?;
    Ok(Composed { file, services, composition, warnings: reading.into_warnings() })
}

fn check_top(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<(), ProjectError> {
    for (key, value) in map(value, place)?.into_iter().flatten() {
        let inner = place.key(key);
        rule(TOP, key, &inner)?;
        if key == "version" {
            check_version(&text(value, &inner)?, &inner, reading)?;
        }
    }
    Ok(())
}

fn check_version(
    version: &str,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<(), ProjectError> {
    match version.split('.').next() {
        Some("2") => Ok(()),
        Some("3") => {
            reading.warn(
                place,
                "makes no difference: keys are read as the Compose Specification has them",
            );
            Ok(())
        }
        _ => {
            Err(place
                .wrong(format!("{} is not supported: write 2.4, or no version", quoted(version))))
        }
    }
}

/// Replaces variables in everything that is read.
fn fill(
    value: &mut Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<(), ProjectError> {
    let Value::Object(top) = value else { return Ok(()) };
    for (key, value) in top {
        match (key.as_str(), value) {
            ("services", Value::Object(services)) => {
                for (name, service) in services {
                    reading.fill(service, &place.service(name))?;
                }
            }
            ("networks" | "volumes", value) => reading.fill(value, &place.key(key))?,
            _ => {}
        }
    }
    Ok(())
}

fn services(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Vec<Described>, ProjectError> {
    let inner = place.key("services");
    let described = map(value, &inner)?.filter(|services| !services.is_empty());
    let described = described.ok_or_else(|| inner.wrong("there are none: describe one"))?;
    if described.len() > MAX_SERVICES {
        return Err(inner.wrong(format!(
            "there are {}, and at most {MAX_SERVICES} are built",
            described.len()
        )));
    }
    let mut services = Vec::new();
    for (name, value) in described {
        check_service(name, &inner)?;
        services.push(service::read(name, value, &place.service(name), reading)?);
    }
    services.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(services)
}

/// Everything that a service names has to be in the file.
fn check_references(
    services: &[Described],
    networks: &Value,
    volumes: &Value,
    place: &Place,
) -> Result<(), ProjectError> {
    let has = |map: &Value, name: &str| map.get(name).is_some();
    for service in services {
        let place = place.service(&service.name);
        let missing = |key: &str, what: &str, name: &str| {
            let problem = format!(
                "the {what} {} is not in the file: describe it, or correct the name",
                quoted(name)
            );
            Err(place.key(key).wrong(problem))
        };
        for (key, name) in &service.services {
            if !services.iter().any(|other| other.name == *name) {
                return missing(key, "service", name);
            }
        }
        for name in &service.networks {
            if name != DEFAULT_NETWORK && !has(networks, name) {
                return missing("networks", "network", name);
            }
        }
        for name in &service.volumes {
            if !has(volumes, name) {
                return missing("volumes", "volume", name);
            }
        }
    }
    Ok(())
}

/// No service may have to wait for itself.
fn check_circles(services: &[Described], place: &Place) -> Result<(), ProjectError> {
    let needs =
        |service: &Described| service.services.iter().map(|(_, name)| name.clone()).collect();
    let mut waiting: BTreeMap<String, BTreeSet<String>> =
        services.iter().map(|service| (service.name.clone(), needs(service))).collect();
    loop {
        let ready = |needs: &BTreeSet<String>| needs.iter().all(|name| !waiting.contains_key(name));
        let started: Vec<String> = waiting
            .iter()
            .filter(|(_, needs)| ready(needs))
            .map(|(name, _)| name.clone())
            .collect();
        if started.is_empty() {
            break;
        }
        waiting.retain(|name, _| !started.contains(name));
    }
    match waiting.keys().next() {
        None => Ok(()),
        Some(name) => {
            let problem = "services depend on each other in a circle: remove one dependency";
            Err(place.service(name).key("depends_on").wrong(problem))
        }
    }
}

fn compose(
    services: &[Described],
    networks: Value,
    volumes: Value,
    place: &Place,
) -> Result<Value, ProjectError> {
    let by_name = services
        .iter()
        .map(|service| (service.name.clone(), Value::Object(service.composed.clone())));
    let mut composition = Map::new();
    composition.insert("services".to_owned(), Value::Object(by_name.collect()));
    composition.insert("networks".to_owned(), networks);
    composition.insert("volumes".to_owned(), volumes);
    let composition = Value::Object(composition);
    match composition.to_string().len() > MAX_COMPOSITION_BYTES {
        true => Err(place
            .wrong(format!("the composition has more than {MAX_COMPOSITION_BYTES} bytes, which openBalena does not take: shorten it"))),
        false => Ok(composition),
    }
}
