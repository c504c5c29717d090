//! Which releases a fleet's devices run, and which kind of delta they ask for. Pure.

use std::collections::BTreeMap;

use super::model::Device;
use crate::Dialect;

/// Devices that run the same release and ask for the same kind of delta.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Devices {
    /// Those that follow the fleet.
    pub(super) following: u64,
    /// Those that follow the fleet and are on their way to the release: they may have its images already.
    pub(super) coming: u64,
    /// Those that are kept at a release.
    pub(super) pinned: u64,
}

/// Devices by the release that they run (`None`: they never told) and by kind of delta.
pub(super) type Groups = BTreeMap<(Option<u64>, &'static str), Devices>;

/// The oldest operating system whose engine takes v3 deltas.
const FIRST_OS_WITH_V3: [u64; 3] = [2, 47, 1];
/// The value of the variable that has devices ask for v3.
const VERSION_3: &str = "3";

/// Groups a fleet's devices; `fleet_version` is the version of deltas that they ask for without a variable
/// of their own.
pub(super) fn groups(devices: &[Device], fleet_version: Option<&str>) -> Groups {
    let mut groups = Groups::new();
    for device in devices {
        let format = format(device, fleet_version).name();
        let group = groups.entry((device.running, format)).or_default();
        if device.pinned.is_some() {
            group.pinned += 1;
            continue;
        }
        group.following += 1;
        if device.wanted.is_some() && device.wanted != device.running {
            groups.entry((device.wanted, format)).or_default().coming += 1;
        }
    }
    groups
}

/// The kind of delta that a device asks for. Without any variable that is v2: openBalena sets none.
fn format(device: &Device, fleet_version: Option<&str>) -> Dialect {
    let own = device.variables.first().map(|variable| variable.value.as_str());
    let wants = own.or(fleet_version) == Some(VERSION_3);
    let can =
        device.os_version.as_deref().and_then(version).is_none_or(|os| os >= FIRST_OS_WITH_V3);
    if wants && can { Dialect::V3 } else { Dialect::V2 }
}

/// The kind of delta that a fleet's devices ask for, if nothing else is known of them.
pub(super) fn usual_format(fleet_version: Option<&str>) -> &'static str {
    if fleet_version == Some(VERSION_3) { Dialect::V3.name() } else { Dialect::V2.name() }
}

/// The version in a text such as `balenaOS 2.50.1+rev1`.
fn version(text: &str) -> Option<[u64; 3]> {
    let start = text.find(|letter: char| letter.is_ascii_digit())?;
    let mut numbers = text[start..].split(|letter: char| !letter.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    Some([number()?, number()?, number()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::model::Variable;

    fn device(running: Option<u64>, pinned: Option<u64>, wanted: Option<u64>) -> Device {
        Device { id: 1, running, pinned, wanted, os_version: None, variables: Vec::new() }
    }

    #[test]
    fn devices_are_counted_by_what_they_run_and_where_they_are_going() {
        let devices = [
            device(Some(1), None, Some(2)),
            device(Some(1), None, Some(2)),
            device(Some(1), Some(1), Some(1)),
            device(Some(2), None, Some(2)),
            device(None, None, Some(2)),
        ];
        let groups = groups(&devices, Some("3"));
        let of = |release| groups[&(release, "v3")];
        assert_eq!(of(Some(1)), Devices { following: 2, coming: 0, pinned: 1 });
        assert_eq!(of(Some(2)), Devices { following: 1, coming: 3, pinned: 0 });
        assert_eq!(of(None), Devices { following: 1, coming: 0, pinned: 0 });
    }

    #[test]
    fn a_device_asks_for_v3_if_it_is_told_to_and_can() {
        for (own, fleet, os, expected) in [
            (None, None, Some("balenaOS 2.50.1+rev1"), Dialect::V2),
            (None, Some("3"), Some("balenaOS 2.50.1+rev1"), Dialect::V3),
            (None, Some("3"), None, Dialect::V3),
            (None, Some("3"), Some("balenaOS 2.47.0+rev2"), Dialect::V2),
            (None, Some("3"), Some("balenaOS 2.47.1"), Dialect::V3),
            (None, Some("3"), Some("Resin OS 1.30.1"), Dialect::V2),
            (Some("2"), Some("3"), None, Dialect::V2),
            (Some("3"), Some("2"), Some("balenaOS 6.0.10"), Dialect::V3),
        ] {
            let variables = own.map(|value| Variable { value: str::to_owned(value) });
            let device = Device {
                os_version: os.map(str::to_owned),
                variables: variables.into_iter().collect(),
                ..device(None, None, None)
            };
            assert_eq!(format(&device, fleet), expected, "{own:?} {fleet:?} {os:?}");
        }
    }
}
