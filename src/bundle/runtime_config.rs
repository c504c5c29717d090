//! The whole of `config.json`. Pure: the same image and surroundings give the same bytes.

use serde_json::{Map, Value, json};

use super::mount::mount;
use super::process::process;
use super::root::Root;
use super::surroundings::{Isolation, Surroundings};
use super::user::User;
use crate::image::Image;
use crate::user_namespace::IdMapping;

/// The version of the OCI runtime spec that the file is written to.
const SPEC_VERSION: &str = "1.0.2";

/// The group of terminals on Linux.
const TTY_GROUP: u32 = 5;

/// What of the system's own a container does not see, as runc and Podman mask it.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];

/// What a container sees and cannot change.
const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Returns the configuration that starts `image` as `user`.
///
/// # Errors
/// If the image's config says something that nothing can be started with: one line that says what.
pub(super) fn runtime_config(
    image: &Image,
    user: &User,
    surroundings: &Surroundings,
    root: &Root,
) -> Result<Value, String> {
    let config = image.config();
    let whole: Value = serde_json::from_slice(config.bytes()).map_err(|error| error.to_string())?;
    Ok(json!({
        "ociVersion": SPEC_VERSION,
        "process": process(config.runtime(), user)?,
        "root": root.config(),
        "hostname": "remora",
        "mounts": all_mounts(surroundings, root),
        "annotations": annotations(&whole, config.runtime()),
        "linux": linux(surroundings),
    }))
}

/// The annotations that the image spec derives from a config. Labels of the same name win.
fn annotations(whole: &Value, runtime: &Map<String, Value>) -> Value {
    const DERIVED: [(&str, &str); 6] = [
        ("os", "org.opencontainers.image.os"),
        ("architecture", "org.opencontainers.image.architecture"),
        ("variant", "org.opencontainers.image.variant"),
        ("os.version", "org.opencontainers.image.os.version"),
        ("author", "org.opencontainers.image.author"),
        ("created", "org.opencontainers.image.created"),
    ];
    let mut found = std::collections::BTreeMap::new();
    let mut put = |key: &str, value: &str| {
        if !value.is_empty() {
            found.insert(key.to_owned(), value.to_owned());
        }
    };
    for (field, key) in DERIVED {
        put(key, whole.get(field).and_then(Value::as_str).unwrap_or_default());
    }
    let signal = runtime.get("StopSignal").and_then(Value::as_str);
    put("org.opencontainers.image.stopSignal", signal.unwrap_or_default());
    if let Some(ports) = runtime.get("ExposedPorts").and_then(Value::as_object) {
        let mut ports: Vec<&str> = ports.keys().map(String::as_str).collect();
        ports.sort_unstable();
        put("org.opencontainers.image.exposedPorts", &ports.join(","));
    }
    for (key, value) in runtime.get("Labels").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.as_str().filter(|_| !key.is_empty()) {
            found.insert(key.clone(), value.to_owned());
        }
    }
    json!(found)
}

fn all_mounts(surroundings: &Surroundings, root: &Root) -> Vec<Value> {
    let (first, last) = root.mounts(surroundings);
    [first, mounts(surroundings), last].concat()
}

fn mounts(surroundings: &Surroundings) -> Vec<Value> {
    let is_root = surroundings.is_root();
    let mut pts = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    let gid = format!("gid={TTY_GROUP}");
    if is_root {
        pts.push(&gid);
    }
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", &pts),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ];
    let options = ["nosuid", "noexec", "nodev", "ro"];
    mounts.push(match is_root {
        true => mount("/sys", "sysfs", "sysfs", &options),
        // A new sysfs is for whoever owns the network.
        false => mount("/sys", "none", "/sys", &[&["rbind"], &options[..]].concat()),
    });
    if surroundings.has_resolver {
        let options = ["bind", "nosuid", "noexec", "nodev", "ro"];
        mounts.push(mount("/etc/resolv.conf", "none", "/etc/resolv.conf", &options));
    }
    mounts
}

/// What is Linux's own. The network is the machine's, and so are the limits on memory and processors.
fn linux(surroundings: &Surroundings) -> Value {
    let mut kinds = vec!["pid", "ipc", "uts", "mount"];
    let mut linux = Map::new();
    if surroundings.isolation == Isolation::UserNamespace {
        kinds.push("user");
        linux.insert("uidMappings".to_owned(), mappings(&surroundings.users));
        linux.insert("gidMappings".to_owned(), mappings(&surroundings.groups));
    } else {
        let nothing = json!({ "allow": false, "access": "rwm" });
        linux.insert("resources".to_owned(), json!({ "devices": [nothing] }));
    }
    let kinds: Vec<Value> = kinds.into_iter().map(|kind| json!({ "type": kind })).collect();
    linux.insert("namespaces".to_owned(), Value::Array(kinds));
    linux.insert("maskedPaths".to_owned(), json!(MASKED));
    linux.insert("readonlyPaths".to_owned(), json!(READ_ONLY));
    Value::Object(linux)
}

fn mappings(ranges: &[IdMapping]) -> Value {
    let range = |it: &IdMapping| json!({ "containerID": it.inside, "hostID": it.outside, "size": it.count });
    Value::Array(ranges.iter().map(range).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_namespace(count: u32) -> Surroundings {
        let own = IdMapping { inside: 0, outside: 1000, count: 1 };
        let more = IdMapping { inside: 1, outside: 100_000, count };
        let ranges = if count > 0 { vec![own, more] } else { vec![own] };
        let groups = ranges.clone();
        Surroundings {
            isolation: Isolation::UserNamespace,
            users: ranges,
            groups,
            has_resolver: true,
        }
    }

    #[test]
    fn a_user_that_the_namespace_lacks_becomes_root() {
        let user = User { uid: 33, gid: 33, groups: vec![44, 70_000] };
        assert_eq!(in_namespace(0).possible(&user), User::default());
        let possible = in_namespace(1000).possible(&user);
        assert_eq!(possible, User { uid: 33, gid: 33, groups: Vec::new() });
        let root = User { uid: 0, gid: 0, groups: vec![44] };
        assert_eq!(in_namespace(0).possible(&root), User::default());
        let everybody = Surroundings { isolation: Isolation::Root, ..in_namespace(0) };
        assert_eq!(everybody.possible(&user), user);
    }

    #[test]
    fn annotations_are_the_image_specs_and_labels_win() {
        let whole = json!({
            "os": "linux", "architecture": "arm", "variant": "v7", "author": "", "created": "2026-01-02T03:04:05Z",
        });
        let runtime = json!({
            "Labels": { "a": "b", "org.opencontainers.image.os": "mine" },
            "ExposedPorts": { "8080/tcp": {}, "53/udp": {} },
            "StopSignal": "SIGINT",
        });
        let found = annotations(&whole, runtime.as_object().expect("an object"));
        let expected = json!({
            "a": "b",
            "org.opencontainers.image.architecture": "arm",
            "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
            "org.opencontainers.image.exposedPorts": "53/udp,8080/tcp",
            "org.opencontainers.image.os": "mine",
            "org.opencontainers.image.stopSignal": "SIGINT",
            "org.opencontainers.image.variant": "v7",
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn only_a_namespaces_container_has_mappings() {
        let inside = linux(&in_namespace(65_536));
        assert_eq!(inside["uidMappings"][1]["hostID"], 100_000);
        assert_eq!(inside["namespaces"].as_array().map(Vec::len), Some(5));
        let everybody = Surroundings { isolation: Isolation::Root, ..in_namespace(0) };
        assert_eq!(linux(&everybody).get("uidMappings"), None);
        let bare = Surroundings { has_resolver: false, ..in_namespace(0) };
        assert_eq!(mounts(&everybody).len(), mounts(&bare).len() + 1);
    }
}
