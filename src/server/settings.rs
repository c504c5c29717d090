//! Everything that can be set, resolved and typed. Where a setting comes from (flag, environment,
//! file, default) and the reasons for the defaults are the command line's matter.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::api::Secret;
use crate::delta::{Effort, Goal};
use crate::image::{Platform, UnpackLimits};
use crate::release::watch::WatchOptions;
use crate::serving::ListenSettings;

/// The settings that a server gets when it starts.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// What it does.
    pub role: Role,
    /// How it is reached.
    pub listen: ListenSettings,
    /// The one registry it serves.
    pub registry: RegistrySettings,
    /// The rules for who may use it; `None`: anybody may.
    pub access: Option<AccessRules>,
    /// How it answers.
    pub answers: AnswerSettings,
    /// How deltas are made.
    pub work: WorkSettings,
    /// The data that it keeps on disk.
    pub data: DataSettings,
    /// The fleets whose new releases it prepares by itself, if it does.
    pub watch: Option<WatchSettings>,
}

/// What a server does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// It answers devices, and builds if [`WorkSettings::max_builds`] leaves room for that.
    #[default]
    All,
    /// It builds what other servers are asked for, with which it shares a database.
    Worker,
}

/// The one registry that is ever contacted.
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// `host[:port]`, as image references name it.
    pub host: String,
    /// The user that the server itself is there.
    pub user: String,
    /// The user's password; without one the server asks for everything without credentials.
    pub password: Option<Secret>,
    /// Certificate authorities to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP will do.
    pub plain_http: bool,
    /// How long it may be silent while a delta is made.
    pub silence: Duration,
    /// How often a request of a build that fails is repeated before the build gives its place back.
    pub retries: u32,
    /// The platform whose image of an index is meant. balena's builders push single manifests,
    /// which this is nothing to. Without it an index is served only if it holds one image.
    pub platform: Option<Platform>,
}

/// The rules for who may use the server.
#[derive(Debug, Clone)]
pub struct AccessRules {
    /// Files with keys that tokens are verified with: certificates, public keys, JWKS.
    pub key_files: Vec<PathBuf>,
    /// The one algorithm that tokens may be signed with.
    pub algorithm: String,
    /// The issuer of tokens (`iss`).
    pub issuer: String,
    /// Whom tokens are for (`aud`).
    pub audience: String,
    /// Networks whose valid tokens are taken although they name no repository.
    pub empty_access_networks: Vec<IpNet>,
    /// Requests a minute that one device may make in the long run, whatever tokens it shows; `None`: any
    /// number. Callers whom their token does not name are counted by network.
    pub rate: Option<u32>,
    /// Requests that one device may make at once.
    pub burst: u32,
}

/// How the server answers.
#[derive(Debug, Clone)]
pub struct AnswerSettings {
    /// How long a request is held while its delta is made.
    pub long_poll: Duration,
    /// The same for a request that says `wait=true`.
    pub wait: Duration,
    /// A delta larger than this share of a plain pull is not worth it.
    pub worth_ratio: f64,
    /// How long the URL of a v2 delta can be used.
    pub download_expiry: Duration,
    /// The key that such URLs are signed with; otherwise a key is made and kept in the data folder.
    pub download_key: Option<Secret>,
}

/// How deltas are made.
#[derive(Debug, Clone)]
pub struct WorkSettings {
    /// Deltas made at the same time; 0: none, other servers make them.
    pub max_builds: usize,
    /// Deltas that may wait to be made.
    pub max_queue: usize,
    /// Deltas among the waiting ones that may be of one fleet, without what releases asked for.
    pub max_fleet_queue: usize,
    /// Deltas among the waiting ones that one caller may have asked for.
    pub max_caller_queue: usize,
    /// The memory that all builds together may take, in bytes; `None`: half of what the process may have.
    pub memory: Option<u64>,
    /// The memory that one build's encoder may take, in bytes.
    pub build_memory: u64,
    /// How hard the encoder tries.
    pub effort: Effort,
    /// The goal that deltas are made for.
    pub goal: Goal,
    /// The fleets that have other links than `goal` says.
    pub link_rates: Option<LinkRateFile>,
    /// The limits on what images may unpack to.
    pub limits: UnpackLimits,
    /// How long a delta that nobody waits for any more is kept in the queue.
    pub grace: Duration,
    /// How long a registry that fails is put up with before a delta counts as failed.
    pub registry_patience: Duration,
    /// How long a pair that cannot be made is remembered.
    pub failure_expiry: Duration,
}

/// How releases are watched.
#[derive(Debug, Clone)]
pub struct WatchSettings {
    /// The URL of openBalena's API.
    pub api: String,
    /// The file with an API key of a user who has access to the fleets. The builder's password is none.
    pub key_file: PathBuf,
    /// What is watched, and what is done with drafts.
    pub options: WatchOptions,
    /// Reads a rate, in bits a second, as people write one; the error says how to.
    pub parse_rate: fn(&str) -> Result<u64, String>,
}

/// A file with the links of fleets, read at each build: a fleet or repository a line, `*` at the end for
/// all that begin so, then the link's rate.
#[derive(Debug, Clone)]
pub struct LinkRateFile {
    /// The file.
    pub path: PathBuf,
    /// Reads a rate, in bits a second, as people write one; the error says how to.
    pub parse_rate: fn(&str) -> Result<u64, String>,
}

/// The data that the server keeps on disk.
#[derive(Debug, Clone)]
pub struct DataSettings {
    /// The folder for everything.
    pub folder: PathBuf,
    /// The database of the jobs, `postgres://…`, that several servers may share; otherwise a file in the
    /// folder.
    pub database: Option<Secret>,
    /// Where v2 deltas are: a URL such as `s3://bucket/prefix`; otherwise in the folder.
    pub artifacts: Option<String>,
    /// Whether that may be reached in plain HTTP.
    pub artifacts_plain_http: bool,
    /// The bucket that servers have for layers together, if they have one.
    pub layer_cache: Option<LayerCacheSettings>,
    /// Bytes that layers and v2 deltas may take together.
    pub budget: u64,
}

/// The bucket that servers have for layers together.
#[derive(Debug, Clone)]
pub struct LayerCacheSettings {
    /// `s3://bucket/prefix`.
    pub url: String,
    /// Whether the service may be reached in plain HTTP.
    pub plain_http: bool,
    /// How long a layer stays there after it was put there.
    pub keep: Duration,
}

impl WorkSettings {
    /// Rules for tests and simulations of what is not these rules: the command line's own, but for memory.
    pub(crate) fn of_tests() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        WorkSettings {
            limits: crate::image::UnpackLimits::default(),
            max_builds: 2,
            max_queue: 10_000,
            max_fleet_queue: 1_000,
            max_caller_queue: 100,
            memory: Some(1 << 30),
            build_memory: 1 << 20,
            effort: Effort::default(),
            goal: Goal::Size,
            link_rates: None,
            grace: 2 * MINUTE,
            registry_patience: 15 * MINUTE,
            failure_expiry: 60 * MINUTE,
        }
    }
}
