//! Every setting of the builder. This text is its documentation: `--help`, the manual page and completions are made
//! from it, and the configuration file uses the same names.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{Args, ValueEnum};
use remora::builder::BuildKitUse;

use crate::cli::units::{parse_age, parse_size, parse_time};

/// The installation.
#[derive(Debug, Args)]
#[command(next_help_heading = "Installation")]
pub(super) struct InstallationArguments {
    /// Top-level domain of the openBalena installation; also read from BALENA_TLD
    #[arg(long, env = "REMORA_TLD", value_name = "DOMAIN")]
    pub(super) tld: Option<String>,
    /// openBalena's API, a URL or a host; also read from API_HOST [default: api.DOMAIN]
    #[arg(long, env = "REMORA_API", value_name = "URL")]
    pub(super) api: Option<String>,
    /// The delta server, a URL or a host; also read from DELTA_HOST. Empty: no deltas are made
    /// [default: delta.DOMAIN]
    #[arg(long, env = "REMORA_DELTA_SERVER", value_name = "URL")]
    pub(super) delta_server: Option<String>,
    // A dozen services from a dozen releases take some minutes.
    /// How long deltas may keep a release waiting; without them devices pull in full
    #[arg(long, env = "REMORA_DELTA_WAIT", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "10m")]
    pub(super) delta_wait: Duration,
    /// Registries on the builder's own machine that images of services (image:) may come from; others on
    /// the internet or in the network may be any, with TLS
    #[arg(long, env = "REMORA_LOCAL_REGISTRIES", value_name = "HOSTS", value_delimiter = ',')]
    pub(super) local_registries: Vec<String>,
    /// File with an API key that closes releases which a killed builder left open. Without one the next
    /// push to the same fleet does
    #[arg(long, env = "REMORA_API_KEY_FILE", value_name = "FILE")]
    pub(super) api_key_file: Option<PathBuf>,
    // openBalena's proxies cut after 63 s.
    /// How long an answer says nothing at most: proxies cut connections that are silent
    #[arg(long, env = "REMORA_HEARTBEAT", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "15s")]
    pub(super) heartbeat: Duration,
    /// Trust the certificates in this PEM file beside the system's [default: /certs/ca-bundle.pem
    /// where it is there]
    #[arg(long, env = "REMORA_CA_FILE", value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Talk plain HTTP to the registry
    #[arg(long, env = "REMORA_PLAIN_HTTP", value_parser = BoolishValueParser::new())]
    pub(super) plain_http: bool,
}

/// Which builds are BuildKit's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum BuildKit {
    /// Those whose Dockerfile needs it
    #[default]
    Auto,
    /// All
    #[value(alias = "1")]
    Always,
    /// None
    #[value(alias = "0")]
    Never,
}

impl From<BuildKit> for BuildKitUse {
    fn from(choice: BuildKit) -> Self {
        match choice {
            BuildKit::Auto => BuildKitUse::WhereNeeded,
            BuildKit::Always => BuildKitUse::Always,
            BuildKit::Never => BuildKitUse::Never,
        }
    }
}

/// Who builds.
#[derive(Debug, Args)]
#[command(next_help_heading = "Engines")]
pub(super) struct EngineArguments {
    /// Docker Engines for amd64 and i386, as tcp://HOST:PORT, https://HOST:PORT or unix:///PATH; also
    /// read from DOCKER_HOST_AMD64
    #[arg(long, env = "REMORA_ENGINES_AMD64", value_name = "ADDRESSES")]
    pub(super) engines_amd64: Option<String>,
    /// Docker Engines for aarch64, armv7hf and rpi; also read from DOCKER_HOST_ARM64
    #[arg(long, env = "REMORA_ENGINES_ARM64", value_name = "ADDRESSES")]
    pub(super) engines_arm64: Option<String>,
    /// Speak TLS to tcp:// addresses; also read from DOCKER_TLS_VERIFY
    #[arg(long, env = "REMORA_ENGINE_TLS", value_parser = BoolishValueParser::new())]
    pub(super) engine_tls: bool,
    /// Folder with ca.pem, cert.pem and key.pem for engines that speak TLS; a folder HOST in it has those
    /// for that host. Also read from DOCKER_CERT_PATH
    #[arg(long, env = "REMORA_ENGINE_CERTIFICATES", value_name = "FOLDER")]
    pub(super) engine_certificates: Option<PathBuf>,
    // A build leaves cores idle while it fetches and pushes; more only share them.
    /// Builds at the same time on one engine
    #[arg(long, env = "REMORA_ENGINE_BUILDS", value_name = "N", default_value_t = 2)]
    #[arg(value_parser = RangedU64ValueParser::<u16>::new().range(1..=256))]
    pub(super) engine_builds: u16,
    /// Builds at the same time of one user, on all engines [default: any number]
    #[arg(long, env = "REMORA_USER_BUILDS", value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<u16>::new().range(1..=4096))]
    pub(super) user_builds: Option<u16>,
    // A classroom that pushes at once.
    /// Builds that may wait for a place
    #[arg(long, env = "REMORA_MAX_WAITING", value_name = "N", default_value_t = 1000)]
    pub(super) max_waiting: u32,
    /// When BuildKit builds instead of the classic builder; DOCKER_BUILDKIT=0 means never
    #[arg(long, env = "REMORA_BUILDKIT", value_name = "WHEN", value_enum, default_value_t)]
    pub(super) buildkit: BuildKit,
    /// Network of RUN steps, as Docker names it [default: the engine's own]
    #[arg(long, env = "REMORA_BUILD_NETWORK", value_name = "NAME")]
    pub(super) build_network: Option<String>,
    // As long as openBalena's proxies wait for a builder.
    /// How long the build of one image may take
    #[arg(long, env = "REMORA_BUILD_TIME", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "6h")]
    pub(super) build_time: Duration,
    /// Never remove images and caches from engines
    #[arg(long, env = "REMORA_NO_PRUNING", value_parser = BoolishValueParser::new())]
    pub(super) no_pruning: bool,
    // Releases come at least once a fortnight in fleets that are worked on.
    /// Idle engines lose what was not needed for so long
    #[arg(long, env = "REMORA_KEEP_CACHE_FOR", value_name = "AGE", value_parser = parse_age)]
    #[arg(default_value = "10d")]
    pub(super) keep_cache_for: Duration,
    /// Idle engines lose what is above this, the oldest first
    #[arg(long, env = "REMORA_KEEP_CACHE_BYTES", value_name = "SIZE", value_parser = parse_size)]
    #[arg(default_value = "50GB")]
    pub(super) keep_cache_bytes: u64,
}

/// How large a project may be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Projects")]
pub(super) struct ProjectArguments {
    // What pushes over a slow line for hours would have.
    /// Bytes of a project as it is sent
    #[arg(long, env = "REMORA_PROJECT_PACKED", value_name = "SIZE", value_parser = parse_size)]
    #[arg(default_value = "2GiB")]
    pub(super) project_packed: u64,
    /// Bytes of a project
    #[arg(long, env = "REMORA_PROJECT_UNPACKED", value_name = "SIZE", value_parser = parse_size)]
    #[arg(default_value = "4GiB")]
    pub(super) project_unpacked: u64,
    // node_modules of a large project have some 100,000.
    /// Files, folders and links of a project
    #[arg(long, env = "REMORA_PROJECT_FILES", value_name = "N", default_value_t = 200_000)]
    pub(super) project_files: u32,
    /// How long nothing may come of a project
    #[arg(long, env = "REMORA_PROJECT_SILENCE", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "60s")]
    pub(super) project_silence: Duration,
    // Each may keep its project on disk; a team's pipeline has a handful.
    /// Pushes of one user at the same time, from upload to end; one more is refused
    #[arg(long, env = "REMORA_USER_PUSHES", value_name = "N", default_value_t = 16)]
    #[arg(value_parser = RangedU64ValueParser::<u16>::new().range(1..=4096))]
    pub(super) user_pushes: u16,
}

/// What the builder keeps.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArguments {
    /// Folder for projects while they are built, and for which releases are open
    #[arg(long, env = "REMORA_BUILDER_DATA", value_name = "FOLDER")]
    #[arg(default_value = "/var/lib/remora-builder")]
    pub(super) data: PathBuf,
}
