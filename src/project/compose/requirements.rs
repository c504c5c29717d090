//! Contracts of images that labels of services ask for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::project::error::{Place, ProjectError};
use crate::quote::quoted;

/// What such labels begin with.
const PREFIX: &str = "io.balena.features.requires.";
/// Architectures that can be required.
const ARCHITECTURES: [&str; 5] = ["aarch64", "rpi", "amd64", "armv7hf", "i386"];

/// Checks the values of labels that ask for something.
pub(super) fn check(labels: &BTreeMap<String, String>, place: &Place) -> Result<(), ProjectError> {
    let name = format!("{PREFIX}arch.sw");
    match labels.get(&name).filter(|value| !ARCHITECTURES.contains(&value.as_str())) {
        Some(value) => {
            let known = ARCHITECTURES.join(", ");
            Err(place
                .key(&name)
                .wrong(format!("{} is not an architecture; known are {known}", quoted(value))))
        }
        None => Ok(()),
    }
}

/// The contract that a service's labels make; `None` if they ask for nothing. `newer` says that the service has keys
/// that only newer supervisors know.
pub(super) fn contract(
    service: &str,
    labels: &BTreeMap<String, String>,
    newer: bool,
) -> Option<Value> {
    let (mut plain, mut systems, mut kernels) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in labels {
        match name.strip_prefix(PREFIX) {
            Some("sw.supervisor") => plain.push(json!({"type": "sw.supervisor", "version": value})),
            Some("sw.l4t") => plain.push(json!({"type": "sw.l4t", "version": value})),
            Some("hw.device-type") => plain.push(json!({"type": "hw.device-type", "slug": value})),
            Some("arch.sw") => plain.push(json!({"type": "arch.sw", "slug": value})),
            Some("sw.balena-os") => {
                systems.push(json!({"type": "sw.os", "slug": "balena-os", "version": value}))
            }
            Some("sw.linux") => {
                kernels.push(json!({"type": "sw.kernel", "slug": "linux", "version": value}))
            }
            _ => {}
        }
    }
    let either = [systems, kernels].into_iter().filter(|group| !group.is_empty());
    plain.extend(either.map(|group| json!({"or": group})));
    if newer {
        plain.push(json!({"type": "sw.spec", "slug": "compose", "version": ">=2"}));
    }
    let slug = format!("contract-for-{service}");
    (!plain.is_empty()).then(|| json!({"type": "sw.container", "slug": slug, "requires": plain}))
}
