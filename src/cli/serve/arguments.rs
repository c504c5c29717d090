//! Every setting of the server. This text is its documentation: `--help`, the manual page and
//! completions are made from it, and the configuration file uses the same names.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use remora::image::Platform;

use crate::cli::units::{parse_network, parse_rate, parse_size, parse_time};

/// The registry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct RegistryArguments {
    /// Top-level domain of the openBalena installation; also read from BALENA_TLD
    #[arg(long, env = "REMORA_TLD", value_name = "DOMAIN")]
    pub(super) tld: Option<String>,
    /// The only registry that is ever contacted; also read from REGISTRY_HOST [default:
    /// registry.DOMAIN]
    #[arg(long, env = "REMORA_REGISTRY", value_name = "HOST[:PORT]")]
    pub(super) registry: Option<String>,
    /// The server's own user at the registry's token server
    #[arg(long, env = "REMORA_BUILDER_USER", value_name = "NAME", default_value = "builder")]
    pub(super) builder_user: String,
    /// Its password, also the credential for preparing deltas; also read from
    /// TOKEN_AUTH_BUILDER_TOKEN. Better given by the environment or a file: others can read flags
    #[arg(long, env = "REMORA_BUILDER_TOKEN", hide_env_values = true, value_name = "SECRET")]
    pub(super) builder_token: Option<String>,
    /// File with the builder's password; also read from TOKEN_AUTH_BUILDER_TOKEN_FILE
    #[arg(long, env = "REMORA_BUILDER_TOKEN_FILE", value_name = "FILE")]
    pub(super) builder_token_file: Option<PathBuf>,
    /// Trust the certificates in this PEM file beside the system's [default: /certs/ca-bundle.pem
    /// where it is there]
    #[arg(long, env = "REMORA_CA_FILE", value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Talk plain HTTP to the registry
    #[arg(long, env = "REMORA_PLAIN_HTTP", value_parser = BoolishValueParser::new())]
    pub(super) plain_http: bool,
    // A build that waits holds one of few places.
    /// How long the registry may be silent while a delta is made
    #[arg(long, env = "REMORA_TIMEOUT", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "45s")]
    pub(super) timeout: Duration,
    // The job tries all of it again later, without holding a place meanwhile.
    /// How often a request of a build that fails is repeated before the build waits for its next turn
    #[arg(long, env = "REMORA_RETRIES", value_name = "N", default_value_t = 2)]
    pub(super) retries: u16,
    /// Which image of a multi-platform one is meant, as os/arch[/variant] [default: the only one;
    /// where there are several, none]
    #[arg(long, env = "REMORA_PLATFORM")]
    pub(super) platform: Option<Platform>,
}

/// Who may.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who may")]
pub(super) struct AccessArguments {
    /// Files with keys that tokens are verified with: certificates or public keys (PEM), JWKS.
    /// Read again when they change [default: /certs/private/api.DOMAIN.pem and .jwks.json, those
    /// that are there]
    #[arg(long, env = "REMORA_TOKEN_KEYS", value_name = "FILES", value_delimiter = ',')]
    pub(super) token_keys: Vec<PathBuf>,
    /// The one algorithm that tokens may be signed with; also read from JWT_ALGO
    #[arg(long, env = "REMORA_TOKEN_ALGORITHM", value_name = "NAME", default_value = "ES256")]
    pub(super) token_algorithm: String,
    /// Who issues tokens [default: api.DOMAIN]
    #[arg(long, env = "REMORA_TOKEN_ISSUER", value_name = "NAME")]
    pub(super) token_issuer: Option<String>,
    /// Whom tokens are for [default: the registry]
    #[arg(long, env = "REMORA_TOKEN_AUDIENCE", value_name = "NAME")]
    pub(super) token_audience: Option<String>,
    /// Run without authentication: anybody may have any image of the registry
    #[arg(long, env = "REMORA_INSECURE_NO_AUTH", value_parser = BoolishValueParser::new())]
    pub(super) insecure_no_auth: bool,
    /// Networks from which valid tokens without permissions are taken; open-balena-builder has such.
    /// Whoever can come from there, or through a proxy there, may have any image
    #[arg(long, env = "REMORA_EMPTY_ACCESS_NETWORKS", value_name = "NETWORKS")]
    #[arg(value_delimiter = ',', value_parser = parse_network)]
    pub(super) empty_access_networks: Vec<IpNet>,
    // A device's long poll asks every 25 s for each of its services: two a second leave room for fifty,
    // and stop a client that goes round in circles.
    /// Requests a minute that one device may make in the long run, whatever tokens it shows; 0: any
    /// number. Callers whom their token does not name are counted by network
    #[arg(long, env = "REMORA_RATE_LIMIT", value_name = "N", default_value_t = 120)]
    pub(super) rate_limit: u32,
    /// Requests that one device may make at once
    #[arg(long, env = "REMORA_RATE_BURST", value_name = "N", default_value_t = 60)]
    pub(super) rate_burst: u32,
}

/// What devices are answered.
#[derive(Debug, Args)]
#[command(next_help_heading = "Answers")]
pub(super) struct AnswerArguments {
    // Old supervisors give up after 30 s.
    /// How long a request is held while its delta is made
    #[arg(long, env = "REMORA_LONG_POLL", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "25s")]
    pub(super) long_poll: Duration,
    // What open-balena-delta does, and builders count on.
    /// The same for requests with wait=true
    #[arg(long, env = "REMORA_WAIT", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "15m")]
    pub(super) wait: Duration,
    // A pull resumes at the layer, a delta has to be applied: nearly the same size is no gain.
    /// A v3 delta larger than this share of a plain pull is not worth it
    #[arg(long, env = "REMORA_WORTH_RATIO", value_name = "SHARE", value_parser = parse_share)]
    #[arg(default_value = "0.9")]
    pub(super) worth_ratio: f64,
    // A balancer looks every second or two; docker stop kills after 10 s.
    /// How long a server that was told to stop goes on to answer at least, so that balancers notice; no longer
    /// than --stop-within [default: 3s if servers share a database, otherwise 0s]
    #[arg(long, env = "REMORA_STOP_DELAY", value_name = "TIME", value_parser = parse_time)]
    pub(super) stop_delay: Option<Duration>,
    // A gigabyte at 100 kbit/s.
    /// How long the URL of a v2 delta can be used
    #[arg(long, env = "REMORA_DOWNLOAD_EXPIRY", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "24h")]
    pub(super) download_expiry: Duration,
    /// What devices reach the server by, for v2 downloads [default: what the request says]
    #[arg(long, env = "REMORA_PUBLIC_URL", value_name = "URL")]
    pub(super) public_url: Option<String>,
    /// What those URLs are signed with, 32 characters or more [default: a key kept in the database that
    /// servers share, otherwise in the data folder]
    #[arg(long, env = "REMORA_DOWNLOAD_KEY", hide_env_values = true, value_name = "SECRET")]
    pub(super) download_key: Option<String>,
    /// File with that key
    #[arg(long, env = "REMORA_DOWNLOAD_KEY_FILE", value_name = "FILE")]
    pub(super) download_key_file: Option<PathBuf>,
}

/// How deltas are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Work")]
pub(super) struct WorkArguments {
    /// What the server does: all, or worker: it only builds what other servers are asked for, which
    /// share its database
    #[arg(long, env = "REMORA_ROLE", value_name = "ROLE", value_enum, default_value_t = RoleName::All)]
    #[arg(hide_possible_values = true)]
    pub(super) role: RoleName,
    // One build leaves cores idle while it fetches and pushes; more only share them.
    /// Deltas made at the same time; 0: none, servers that share the database make them
    #[arg(long, visible_alias = "builds", env = "REMORA_MAX_BUILDS", value_name = "N")]
    #[arg(default_value_t = 2, value_parser = RangedU64ValueParser::<u16>::new().range(..=256))]
    pub(super) max_builds: u16,
    /// Deltas that may wait to be made
    #[arg(long, env = "REMORA_MAX_QUEUE", value_name = "N", default_value_t = 10_000)]
    pub(super) max_queue: u32,
    // A release of a dozen services, updated from some eighty earlier ones.
    /// Those among them that may be of one fleet, without what was asked for ahead of a release
    #[arg(long, env = "REMORA_MAX_FLEET_QUEUE", value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(super) max_fleet_queue: u32,
    // Fifty services, each in both formats.
    /// Those among them that one device may have asked for
    #[arg(long, env = "REMORA_MAX_CALLER_QUEUE", value_name = "N", default_value_t = 100)]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(super) max_caller_queue: u32,
    /// What all builds together may take [default: half of the memory there is]
    #[arg(long, env = "REMORA_MEMORY", value_name = "SIZE", value_parser = parse_size)]
    pub(super) memory: Option<u64>,
    /// What one build's indexes may take
    #[arg(long, env = "REMORA_BUILD_MEMORY", value_name = "SIZE", value_parser = parse_size)]
    #[arg(default_value = "256MiB")]
    pub(super) build_memory: u64,
    /// How hard to try: 1 is fastest, 9 is smallest
    #[arg(long, env = "REMORA_EFFORT", value_name = "1-9", default_value_t = 5)]
    #[arg(value_parser = RangedU64ValueParser::<u8>::new().range(1..=9))]
    pub(super) effort: u8,
    /// The devices' links, in bits a second: what a byte of a delta costs
    #[arg(long, env = "REMORA_LINK_RATE", value_name = "RATE", value_parser = parse_rate)]
    #[arg(default_value = "1M")]
    pub(super) link_rate: u64,
    /// A file with other rates: a fleet or repository (`*` at its end: all that begin so) and a rate on
    /// each line; it may be changed at any time
    #[arg(long, env = "REMORA_LINK_RATES", value_name = "FILE")]
    pub(super) link_rates: Option<PathBuf>,
    // After a 504 a device asks again at once; it may be slow, or restart.
    /// How long a queued delta outlives the last request for it
    #[arg(long, env = "REMORA_GRACE", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "2m")]
    pub(super) grace: Duration,
    /// How long a failing registry is put up with before a delta counts as failed
    #[arg(long, env = "REMORA_REGISTRY_PATIENCE", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "15m")]
    pub(super) registry_patience: Duration,
    /// How long it is remembered that a delta cannot be made
    #[arg(long, env = "REMORA_FAILURE_EXPIRY", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "1h")]
    pub(super) failure_expiry: Duration,
}

/// What is refused because it unpacks to too much.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArguments {
    /// The largest layer that is taken, uncompressed
    #[arg(long, env = "REMORA_MAX_LAYER_SIZE", value_name = "SIZE", value_parser = parse_size)]
    #[arg(default_value = "16GiB")]
    pub(super) max_layer_size: u64,
    /// The most that all layers of an image may have together, uncompressed
    #[arg(long, env = "REMORA_MAX_IMAGE_SIZE", value_name = "SIZE", value_parser = parse_size)]
    #[arg(default_value = "64GiB")]
    pub(super) max_image_size: u64,
    /// How many times its size a layer may unpack to, beyond 64 MiB
    #[arg(long, env = "REMORA_MAX_RATIO", value_name = "N", default_value = "1100")]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(super) max_ratio: u64,
}

/// What is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArguments {
    // The volume that installations of open-balena-delta have.
    /// Folder for the job database, layers and v2 deltas
    #[arg(long, env = "REMORA_DATA", value_name = "DIR", default_value = "/delta-rsync")]
    pub(super) data: PathBuf,
    // A password in it: not among the values that help shows, and better not a flag.
    /// PostgreSQL database of the jobs that several servers share, postgres://USER:PASSWORD@HOST/NAME
    /// [default: a file in the data folder]. Better given by the environment: others can read flags
    #[arg(long, env = "REMORA_DATABASE", hide_env_values = true, value_name = "URL")]
    pub(super) database: Option<String>,
    /// Where v2 deltas are kept, s3://BUCKET[/PREFIX] [default: the data folder]. Credentials, region and
    /// endpoint are those of the AWS_… variables
    #[arg(long, env = "REMORA_ARTIFACTS", value_name = "URL")]
    pub(super) artifacts: Option<String>,
    /// Talk plain HTTP to that
    #[arg(long, env = "REMORA_ARTIFACTS_PLAIN_HTTP", value_parser = BoolishValueParser::new())]
    pub(super) artifacts_plain_http: bool,
    /// Where servers have unpacked layers together, s3://BUCKET/PREFIX: what one has unpacked comes from there to
    /// the others, if that is faster than the registry [default: nowhere]. Credentials, region and endpoint
    /// are those of the AWS_… variables
    #[arg(long, env = "REMORA_LAYER_CACHE", value_name = "URL")]
    pub(super) layer_cache: Option<String>,
    /// Talk plain HTTP to that
    #[arg(long, env = "REMORA_LAYER_CACHE_PLAIN_HTTP", value_parser = BoolishValueParser::new())]
    pub(super) layer_cache_plain_http: bool,
    // A layer that is needed longer comes from the registry once in that time.
    /// How long a layer stays there after it was put there
    #[arg(long, env = "REMORA_LAYER_CACHE_AGE", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "30d")]
    pub(super) layer_cache_age: Duration,
    /// What layers and v2 deltas may take together; those used longest ago go first
    #[arg(long, env = "REMORA_DISK_BUDGET", value_name = "SIZE", value_parser = parse_size)]
    #[arg(default_value = "20GiB")]
    pub(super) disk_budget: u64,
}

/// A role by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleName {
    All,
    Worker,
}

/// Reads a share: a number above 0.
fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| share.is_finite() && *share > 0.0);
    share.ok_or_else(|| "write a share like 0.9".to_owned())
}
