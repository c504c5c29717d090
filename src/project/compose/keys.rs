//! The keys of compose files: which are taken, in what form, and which are not.

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The key is refused; the text says what to do instead.
    Refused(&'static str),
    /// The key is left out without a word.
    Silent,
    /// The key is left out; the text says why.
    Dropped(&'static str),
    /// The key is handed on in this form.
    Keep(Form),
    /// The key has rules of its own.
    Own,
}

/// The form of a value that is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A text.
    Text,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A number or a text with a unit.
    Amount,
    /// A text, or a list of texts.
    Texts,
    /// A map of texts, written as a map or as a list with equal signs.
    Pairs,
    /// A list of texts.
    List,
    /// A list of texts, or one text for a list of one.
    ListOrOne,
    /// Anything.
    Any,
}

use Form::{Amount, Any, Bool, List, ListOrOne, Number, Pairs, Text, Texts};
use Rule::{Dropped, Keep, Own, Refused, Silent};

const REMOVE: &str = "remove it";
const BY_VARIABLES: &str = "remove it; give secrets to devices as variables of the fleet";
const BY_LIMITS: &str = "remove it; limits have keys of their own, for instance mem_limit and cpus";
const BY_FLEET: &str = "remove it; the fleet's device type decides";
const BY_NAMES: &str = "remove it; services of one network find each other by their names";
const ONE_FILE: &str = "write all in one file; YAML anchors and << can repeat parts of it";
const BY_CONTEXT: &str = "remove it, and put into the build context what the build needs";
const BY_BUILDER: &str = "remove it; the builder decides";

/// Keys at the top.
pub(super) const TOP: &[(&str, Rule)] = &[
    ("version", Own),
    ("name", Silent),
    ("services", Own),
    ("networks", Own),
    ("volumes", Own),
    ("include", Refused(ONE_FILE)),
    ("secrets", Refused(BY_VARIABLES)),
    ("configs", Refused("remove it, and put files into the image")),
    ("models", Refused(REMOVE)),
];

/// Keys of a service.
pub(super) const SERVICE: &[(&str, Rule)] = &[
    ("annotations", Keep(Pairs)),
    ("attach", Keep(Bool)),
    ("blkio_config", Refused(REMOVE)),
    ("build", Own),
    ("cap_add", Keep(List)),
    ("cap_drop", Keep(List)),
    ("cgroup", Keep(Text)),
    ("cgroup_parent", Keep(Text)),
    ("command", Keep(Texts)),
    ("configs", Refused("remove it, and put files into the image")),
    ("container_name", Dropped("devices choose the names of containers")),
    ("cpu_count", Refused(BY_LIMITS)),
    ("cpu_percent", Refused(BY_LIMITS)),
    ("cpu_period", Refused(BY_LIMITS)),
    ("cpu_quota", Keep(Amount)),
    ("cpu_rt_period", Keep(Amount)),
    ("cpu_rt_runtime", Keep(Amount)),
    ("cpu_shares", Keep(Number)),
    ("cpus", Keep(Amount)),
    ("cpuset", Keep(Text)),
    ("credential_spec", Refused(REMOVE)),
    ("depends_on", Own),
    ("deploy", Refused(BY_LIMITS)),
    ("develop", Refused(REMOVE)),
    ("device_cgroup_rules", Keep(List)),
    ("devices", Own),
    ("dns", Keep(ListOrOne)),
    ("dns_opt", Keep(List)),
    ("dns_search", Keep(ListOrOne)),
    ("domainname", Keep(Text)),
    ("entrypoint", Keep(Texts)),
    ("env_file", Own),
    ("environment", Own),
    ("expose", Dropped("it opens nothing")),
    ("extends", Refused(ONE_FILE)),
    ("external_links", Refused(BY_NAMES)),
    ("extra_hosts", Own),
    ("gpus", Refused(REMOVE)),
    ("group_add", Keep(List)),
    ("healthcheck", Own),
    ("hostname", Keep(Text)),
    ("image", Own),
    ("init", Keep(Bool)),
    ("ipc", Own),
    ("isolation", Refused(REMOVE)),
    ("label_file", Own),
    ("labels", Own),
    ("links", Refused(BY_NAMES)),
    ("logging", Refused("remove it; devices keep logs themselves")),
    ("mac_address", Keep(Text)),
    ("mem_limit", Keep(Amount)),
    ("mem_reservation", Keep(Amount)),
    ("mem_swappiness", Refused(REMOVE)),
    ("memswap_limit", Refused(REMOVE)),
    ("models", Refused(REMOVE)),
    ("network_mode", Own),
    ("networks", Own),
    ("oom_kill_disable", Refused(REMOVE)),
    ("oom_score_adj", Own),
    ("pid", Own),
    ("pids_limit", Own),
    ("platform", Refused(BY_FLEET)),
    ("ports", Own),
    ("post_start", Keep(Any)),
    ("pre_stop", Keep(Any)),
    ("privileged", Keep(Bool)),
    ("profiles", Refused("remove it; devices run all services of a release")),
    ("provider", Refused(REMOVE)),
    ("pull_policy", Refused(BY_BUILDER)),
    ("read_only", Keep(Bool)),
    ("restart", Keep(Text)),
    ("runtime", Refused(REMOVE)),
    ("scale", Refused("write a service of its own for each container")),
    ("secrets", Refused(BY_VARIABLES)),
    ("security_opt", Own),
    ("shm_size", Keep(Amount)),
    ("stdin_open", Refused(REMOVE)),
    ("stop_grace_period", Keep(Text)),
    ("stop_signal", Keep(Text)),
    ("storage_opt", Refused(REMOVE)),
    ("sysctls", Keep(Pairs)),
    ("tmpfs", Own),
    ("tty", Keep(Bool)),
    ("ulimits", Keep(Any)),
    ("use_api_socket", Refused(REMOVE)),
    ("user", Keep(Text)),
    ("userns_mode", Keep(Text)),
    ("uts", Keep(Text)),
    ("volumes", Own),
    ("volumes_from", Own),
    ("working_dir", Keep(Text)),
];

/// Keys of a service's `build`.
pub(super) const BUILD: &[(&str, Rule)] = &[
    ("additional_contexts", Refused(BY_CONTEXT)),
    ("args", Own),
    ("cache_from", Keep(List)),
    ("cache_to", Refused(BY_BUILDER)),
    ("context", Own),
    ("dockerfile", Keep(Text)),
    ("dockerfile_inline", Refused("write it into a file, and name that with dockerfile")),
    ("entitlements", Refused(REMOVE)),
    ("extra_hosts", Own),
    ("isolation", Refused(REMOVE)),
    ("labels", Own),
    ("network", Refused(BY_BUILDER)),
    ("no_cache", Refused("remove it, and push with nocache")),
    ("platforms", Refused(BY_FLEET)),
    ("privileged", Refused(REMOVE)),
    ("provenance", Refused(REMOVE)),
    ("pull", Refused(BY_BUILDER)),
    ("sbom", Refused(REMOVE)),
    ("secrets", Refused("remove it, and use build-secrets in .balena/balena.yml")),
    ("shm_size", Keep(Amount)),
    ("ssh", Refused(REMOVE)),
    ("tags", Refused(BY_BUILDER)),
    ("target", Keep(Text)),
    ("ulimits", Refused(REMOVE)),
];

/// Keys of a service's `healthcheck`.
pub(super) const HEALTHCHECK: &[(&str, Rule)] = &[
    ("disable", Keep(Bool)),
    ("interval", Keep(Text)),
    ("retries", Keep(Number)),
    ("start_interval", Keep(Text)),
    ("start_period", Keep(Text)),
    ("test", Keep(Texts)),
    ("timeout", Keep(Text)),
];

/// Keys of a network in a service.
pub(super) const ATTACHED: &[(&str, Rule)] = &[
    ("aliases", Keep(List)),
    ("driver_opts", Keep(Any)),
    ("gw_priority", Keep(Number)),
    ("interface_name", Keep(Text)),
    ("ipv4_address", Keep(Text)),
    ("ipv6_address", Keep(Text)),
    ("link_local_ips", Refused(REMOVE)),
    ("mac_address", Keep(Text)),
    ("priority", Keep(Number)),
];

/// Keys of a network.
pub(super) const NETWORK: &[(&str, Rule)] = &[
    ("attachable", Refused(REMOVE)),
    ("driver", Own),
    ("driver_opts", Own),
    ("enable_ipv4", Refused(REMOVE)),
    ("enable_ipv6", Own),
    ("external", Refused("remove it; devices make the networks of a release")),
    ("internal", Keep(Bool)),
    ("ipam", Own),
    ("labels", Own),
    ("name", Silent),
];

/// Keys of a volume.
pub(super) const VOLUME: &[(&str, Rule)] = &[
    ("driver", Own),
    ("driver_opts", Keep(Any)),
    ("external", Refused("remove it; devices make the volumes of a release")),
    ("labels", Own),
    ("name", Silent),
];

/// Keys of a service that devices with an old supervisor ignore. A release that has one asks for a newer supervisor.
pub(super) const NEWER_SERVICE: [&str; 11] = [
    "annotations",
    "attach",
    "cgroup",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpus",
    "device_cgroup_rules",
    "post_start",
    "pre_stop",
    "uts",
    "volumes_from",
];
/// The same of a network in a service.
pub(super) const NEWER_ATTACHED: [&str; 5] =
    ["ipv6_address", "mac_address", "driver_opts", "gw_priority", "priority"];
