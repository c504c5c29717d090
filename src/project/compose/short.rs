//! Ports, dependencies, devices and hosts in their short forms.

use serde_json::Value;

use super::forms::{boolean, map, text, texts};
use super::reading::Reading;
use crate::project::error::{Place, ProjectError};
use crate::quote::quoted;

/// The permissions of a device if none are given.
const PERMISSIONS: &str = "rwm";
/// Options of `security_opt`, each with a value or without.
const SECURITY: [(&str, &[&str]); 3] =
    [("no-new-privileges", &[]), ("apparmor", &["unconfined"]), ("seccomp", &["unconfined"])];

/// Ports as `[ip:][published:]target[/udp]`.
pub(super) fn ports(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Vec<String>, ProjectError> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(place.wrong("has to be a list")),
    };
    let port = |item: &Value| match item {
        Value::Object(_) => long_port(item, place, reading),
        item => text(item, place),
    };
    items.iter().map(port).collect()
}

fn long_port(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<String, ProjectError> {
    let (mut ip, mut published, mut target, mut protocol) =
        <(String, String, String, String)>::default();
    for (key, value) in map(value, place)?.into_iter().flatten() {
        let inner = place.key(key);
        match key.as_str() {
            "host_ip" => ip = text(value, &inner)? + ":",
            "published" => published = text(value, &inner)? + ":",
            "target" => target = text(value, &inner)?,
            "protocol" => protocol = text(value, &inner)?,
            "name" | "app_protocol" | "mode" => {
                reading.warn(&inner, "is left out: devices have no use for it")
            }
            key if key.starts_with("x-") => {}
            _ => return Err(inner.wrong("is not a key that is known here: correct or remove it")),
        }
    }
    if target.is_empty() {
        return Err(place.wrong("a port has no target: name one"));
    }
    let protocol = if matches!(protocol.as_str(), "" | "tcp") {
        String::new()
    } else {
        format!("/{protocol}")
    };
    // An address without a published port has a place for the port that is empty.
    let published = if !ip.is_empty() && published.is_empty() { ":".to_owned() } else { published };
    Ok(format!("{ip}{published}{target}{protocol}"))
}

/// Names of services that have to be started before.
pub(super) fn depends_on(value: &Value, place: &Place) -> Result<Vec<String>, ProjectError> {
    let Value::Object(services) = value else { return texts(value, false, place) };
    for (service, options) in services {
        let inner = place.key(service);
        for (key, value) in map(options, &inner)?.into_iter().flatten() {
            let inner = inner.key(key);
            match key.as_str() {
                "condition" if text(value, &inner)? == "service_started" => {}
                "condition" => {
                    return Err(
                        inner.wrong("has to be service_started: devices wait for nothing else")
                    );
                }
                "required" if boolean(value, &inner)? => {}
                "required" => {
                    return Err(
                        inner.wrong("has to be true: devices run all services of a release")
                    );
                }
                "restart" => {}
                _ => {
                    return Err(
                        inner.wrong("is not a key that is known here: correct or remove it")
                    );
                }
            }
        }
    }
    Ok(services.keys().cloned().collect())
}

/// Devices as `source:target:permissions`.
pub(super) fn devices(value: &Value, place: &Place) -> Result<Vec<String>, ProjectError> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(place.wrong("has to be a list")),
    };
    items.iter().map(|item| device(item, place)).collect()
}

fn device(value: &Value, place: &Place) -> Result<String, ProjectError> {
    let (mut source, mut target, mut permissions) = <(String, String, String)>::default();
    if value.is_object() {
        for (key, value) in map(value, place)?.into_iter().flatten() {
            let inner = place.key(key);
            match key.as_str() {
                "source" => source = text(value, &inner)?,
                "target" => target = text(value, &inner)?,
                "permissions" => permissions = text(value, &inner)?,
                key if key.starts_with("x-") => {}
                _ => {
                    return Err(
                        inner.wrong("is not a key that is known here: correct or remove it")
                    );
                }
            }
        }
    } else {
        let whole = text(value, place)?;
        let mut parts = whole.splitn(3, ':').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        (source, target, permissions) = (next(), next(), next());
    }
    if target.is_empty() {
        target.clone_from(&source);
    }
    if permissions.is_empty() {
        PERMISSIONS.clone_into(&mut permissions);
    }
    match source.starts_with('/') && target.starts_with('/') {
        true => Ok(format!("{source}:{target}:{permissions}")),
        false => Err(place.wrong(format!(
            "{} is not a path of the device: CDI names are not supported",
            quoted(&source)
        ))),
    }
}

/// Hosts as `host:address`.
pub(super) fn extra_hosts(value: &Value, place: &Place) -> Result<Vec<String>, ProjectError> {
    let mut hosts = Vec::new();
    match value {
        Value::Object(map) => {
            for (host, addresses) in map {
                let addresses = texts(addresses, true, &place.key(host))?;
                hosts.extend(addresses.iter().map(|address| format!("{host}:{address}")));
            }
        }
        value => {
            let written = texts(value, false, place)?;
            hosts.extend(written.iter().map(|host| host.replacen('=', ":", 1)));
        }
    }
    match hosts.iter().find(|host| !host.contains(':')) {
        Some(host) => Err(place.wrong(format!("{} is not of the form host:address", quoted(host)))),
        None => Ok(hosts),
    }
}

/// Security options as `name=value`.
pub(super) fn security_opt(value: &Value, place: &Place) -> Result<Vec<String>, ProjectError> {
    let is_allowed = |option: &str| {
        let (name, value) = option
            .split_once(['=', ':'])
            .map_or((option, None), |(name, value)| (name, Some(value)));
        SECURITY.iter().any(|(known, values)| {
            *known == name
                && (values.is_empty() || value.is_some_and(|value| values.contains(&value)))
        })
    };
    let options = texts(value, false, place)?;
    match options.iter().find(|option| !is_allowed(option)) {
        Some(option) => Err(place.wrong(format!(
            "{} is not supported: no-new-privileges, apparmor=unconfined and seccomp=unconfined are",
            quoted(option)
        ))),
        None => Ok(options.iter().map(|option| option.replacen(':', "=", 1)).collect()),
    }
}
