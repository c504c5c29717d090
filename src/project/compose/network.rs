//! Networks and volumes at the top of a compose file.

use serde_json::{Map, Value};

use super::forms::{boolean, full_pairs, in_form, map, map_value, rule, text};
use super::keys::{NETWORK, Rule, VOLUME};
use super::names::{check_labels, check_plain};
use super::reading::Reading;
use crate::project::error::{Place, ProjectError};
use crate::quote::quoted;

/// The option that names a network's bridge.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";

/// A kind of thing at the top.
struct Shape {
    what: &'static str,
    table: &'static [(&'static str, Rule)],
    drivers: [&'static str; 2],
}

const NETWORKS: Shape = Shape { what: "network", table: NETWORK, drivers: ["bridge", "default"] };
const VOLUMES: Shape = Shape { what: "volume", table: VOLUME, drivers: ["local", "default"] };

/// Reads all networks.
pub(super) fn networks(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Value, ProjectError> {
    all(&NETWORKS, value, place, reading)
}

/// Reads all volumes.
pub(super) fn volumes(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Value, ProjectError> {
    all(&VOLUMES, value, place, reading)
}

fn all(
    shape: &Shape,
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Value, ProjectError> {
    let mut composed = Map::new();
    for (name, value) in map(value, place)?.into_iter().flatten() {
        check_plain(name, shape.what, place)?;
        composed.insert(name.clone(), one(shape, value, &place.key(name), reading)?);
    }
    Ok(Value::Object(composed))
}

fn one(
    shape: &Shape,
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Value, ProjectError> {
    let mut composed = Map::new();
    for (key, value) in map(value, place)?.into_iter().flatten() {
        let inner = place.key(key);
        let kept = match rule(shape.table, key, &inner)? {
            Rule::Keep(_) if value.is_null() => None,
            Rule::Keep(form) => Some(in_form(form, value, &inner)?),
            Rule::Own => own(shape, key, value, &inner, reading)?,
            Rule::Silent | Rule::Dropped(_) | Rule::Refused(_) => None,
        };
        if let Some(kept) = kept {
            composed.insert(key.clone(), kept);
        }
    }
    Ok(Value::Object(composed))
}

fn own(
    shape: &Shape,
    key: &str,
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Option<Value>, ProjectError> {
    match key {
        "driver" => {
            let driver = text(value, place)?;
            let problem = || {
                format!("{} is not supported: use {}, or none", quoted(&driver), shape.drivers[0])
            };
            match shape.drivers.contains(&driver.as_str()) {
                true => Ok(Some(Value::String(driver))),
                false => Err(place.wrong(problem())),
            }
        }
        "labels" => {
            let labels = full_pairs(value, place)?;
            check_labels(&labels, place, reading)?;
            Ok(Some(map_value(&labels)))
        }
        "enable_ipv6" => match boolean(value, place)? {
            true => Err(place.wrong("is not supported: remove it")),
            false => Ok(Some(Value::Bool(false))),
        },
        "driver_opts" => {
            if map(value, place)?.is_some_and(|options| options.contains_key(BRIDGE_NAME)) {
                reading.warn(&place.key(BRIDGE_NAME), "may be in the way of the device's firewall");
            }
            Ok(Some(value.clone()))
        }
        _ => ipam(value, place),
    }
}

fn ipam(value: &Value, place: &Place) -> Result<Option<Value>, ProjectError> {
    let configs = map(value, place)?.and_then(|ipam| ipam.get("config")).and_then(Value::as_array);
    let has_addresses = |config: &Value| config.get("aux_addresses").is_some();
    match configs.is_some_and(|configs| configs.iter().any(has_addresses)) {
        true => Err(place.key("config.aux_addresses").wrong("is not supported: remove it")),
        false => Ok(Some(value.clone())),
    }
}
