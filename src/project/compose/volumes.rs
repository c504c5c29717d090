//! Volumes of a service: short forms, bind mounts that become labels, and those that are refused.

use serde_json::Value;

use super::forms::{boolean, map, text};
use super::reading::Reading;
use crate::project::error::{Place, ProjectError};
use crate::quote::quoted;

/// Bind mounts that devices give by a label. The label is set if all of a row are mounted.
const LABELS: [(&str, &[&str]); 8] = [
    ("io.balena.features.balena-socket", &["/var/run/docker.sock"]),
    ("io.balena.features.balena-socket", &["/var/run/balena-engine.sock"]),
    ("io.balena.features.dbus", &["/run/dbus"]),
    ("io.balena.features.sysfs", &["/sys"]),
    ("io.balena.features.procfs", &["/proc"]),
    ("io.balena.features.kernel-modules", &["/lib/modules"]),
    ("io.balena.features.firmware", &["/lib/firmware"]),
    (
        "io.balena.features.journal-logs",
        &["/var/log/journal", "/run/log/journal", "/etc/machine-id"],
    ),
];

/// What the volumes of a service come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Volumes {
    /// Named volumes, each `name:path[:ro]`.
    pub(super) short: Vec<String>,
    /// Their names.
    pub(super) names: Vec<String>,
    /// Paths with file systems in memory.
    pub(super) tmpfs: Vec<String>,
    /// Labels in place of bind mounts.
    pub(super) labels: Vec<&'static str>,
}

/// A mount.
#[derive(Debug, Default)]
struct Mount {
    kind: String,
    source: String,
    target: String,
    read_only: bool,
}

/// Reads a service's volumes.
///
/// # Errors
/// If one of them is of a kind that devices do not have.
pub(super) fn volumes(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Volumes, ProjectError> {
    let items = match value {
        Value::Null => return Ok(Volumes::default()),
        Value::Array(items) => items,
        _ => return Err(place.wrong("has to be a list")),
    };
    let mut volumes = Volumes::default();
    let mut bound = Vec::new();
    for item in items {
        let mount =
            if item.is_object() { long(item, place)? } else { short(&text(item, place)?, place)? };
        let source = mount.source.trim_end_matches('/');
        if LABELS.iter().any(|(_, sources)| sources.contains(&source)) {
            bound.push(source.to_owned());
        } else {
            volumes.add(mount, place)?;
        }
    }
    volumes.label(&bound, place, reading);
    Ok(volumes)
}

impl Volumes {
    fn add(&mut self, mount: Mount, place: &Place) -> Result<(), ProjectError> {
        match mount.kind.as_str() {
            "tmpfs" if mount.target.is_empty() => Err(place.wrong("has a tmpfs without a target: name one")),
            "tmpfs" => {
                self.tmpfs.push(mount.target);
                Ok(())
            }
            "volume" if mount.source.is_empty() || mount.target.is_empty() => Err(place.wrong(format!(
                "{} has no name: write name:{0}, and the name under volumes at the top",
                quoted(&mount.target)
            ))),
            "volume" => {
                let mode = if mount.read_only { ":ro" } else { "" };
                self.short.push(format!("{}:{}{mode}", mount.source, mount.target));
                self.names.push(mount.source);
                Ok(())
            }
            "bind" => Err(place.wrong(format!(
                "{} of the device cannot be mounted: use a named volume, or one of the labels io.balena.features",
                quoted(&mount.source)
            ))),
            kind => Err(place.wrong(format!("volumes of type {} are not supported: use a named volume", quoted(kind)))),
        }
    }

    fn label(&mut self, bound: &[String], place: &Place, reading: &mut Reading<'_, '_>) {
        for (label, sources) in LABELS {
            let is_bound = |source: &&str| bound.iter().any(|bound| bound == source);
            let count = sources.iter().filter(|source| is_bound(source)).count();
            if count == sources.len() {
                self.labels.push(label);
            } else if count > 0 {
                let all = sources.join(", ");
                reading.warn(place, &format!("a mount is left out: {label} needs all of {all}"));
            }
        }
    }
}

/// A mount in short form: `[source:]target[:mode]`.
fn short(text: &str, place: &Place) -> Result<Mount, ProjectError> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, modes) = match parts[..] {
        [target] => ("", target, ""),
        [source, target] => (source, target, ""),
        [source, target, modes] => (source, target, modes),
        _ => return Err(place.wrong(format!("{} is not of the form name:path[:ro]", quoted(text)))),
    };
    let is_path = source.starts_with(['/', '.', '~', '\\']);
    let kind = if is_path { "bind" } else { "volume" };
    let modes: Vec<&str> = modes.split(',').collect();
    if modes.contains(&"nocopy") {
        return Err(place.wrong("the mode nocopy is not supported: remove it"));
    }
    let (kind, source, target) = (kind.to_owned(), source.to_owned(), target.to_owned());
    Ok(Mount { kind, source, target, read_only: modes.contains(&"ro") })
}

/// A mount in long form.
fn long(value: &Value, place: &Place) -> Result<Mount, ProjectError> {
    let mut mount = Mount::default();
    for (key, value) in map(value, place)?.into_iter().flatten() {
        let inner = place.key(key);
        match key.as_str() {
            "type" => mount.kind = text(value, &inner)?,
            "source" | "src" => mount.source = text(value, &inner)?,
            "target" | "dst" => mount.target = text(value, &inner)?,
            "read_only" => mount.read_only = boolean(value, &inner)?,
            "bind" | "consistency" => {}
            "tmpfs" | "volume" => {
                if map(value, &inner)?.is_some_and(|options| !options.is_empty()) {
                    return Err(inner.wrong("options of volumes are not supported: remove them"));
                }
            }
            "image" | "cluster" => return Err(inner.wrong("is not supported: use a named volume")),
            key if key.starts_with("x-") => {}
            _ => return Err(inner.wrong("is not a key that is known here: correct or remove it")),
        }
    }
    match mount.kind.is_empty() {
        true => Err(place.wrong("a mount in long form has no type: write type: volume")),
        false => Ok(mount),
    }
}
