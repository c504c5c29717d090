//! Everything that can be set, resolved and typed. The reasons for the defaults are the command line's matter.

use std::path::PathBuf;
use std::time::Duration;

use super::engine::EngineSettings;
use crate::api::Secret;
use crate::serving::ListenSettings;

/// The settings that a builder gets when it starts.
#[derive(Debug, Clone)]
pub struct BuilderSettings {
    /// How it is reached.
    pub listen: ListenSettings,
    /// The openBalena that it builds for.
    pub installation: InstallationSettings,
    /// Who builds.
    pub engines: EngineSettings,
    /// Which builds are BuildKit's.
    pub buildkit: BuildKitUse,
    /// How large a project may be.
    pub projects: ProjectSettings,
    /// How long an answer says nothing at most: proxies cut connections that are silent.
    pub heartbeat: Duration,
    /// How long deltas may keep a release waiting.
    pub deltas_within: Duration,
    /// Where it keeps what it needs: projects while they are built, and which releases are open.
    pub folder: PathBuf,
}

/// An openBalena, as a builder knows it.
#[derive(Debug, Clone)]
pub struct InstallationSettings {
    /// The URL of the API.
    pub api: String,
    /// The URL of the delta server; `None`: no deltas are made.
    pub delta_server: Option<String>,
    /// Certificate authorities to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP will do for the registry.
    pub plain_http: bool,
    /// Registries on the builder's own machine, `host[:port]`, that services' images may come from. Others there are
    /// nobody's who pushes.
    pub local_registries: Vec<String>,
    /// An API key that closes what a killed builder left open. Without one the next push to the same fleet does.
    pub api_key: Option<Secret>,
}

/// Which builds are BuildKit's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BuildKitUse {
    /// Those whose Dockerfile needs BuildKit.
    #[default]
    WhereNeeded,
    /// All.
    Always,
    /// None: a Dockerfile that needs BuildKit is refused.
    Never,
}

/// How large a project may be, and how many there are.
#[derive(Debug, Clone, Copy)]
pub struct ProjectSettings {
    /// Bytes as they are sent.
    pub packed: u64,
    /// Bytes of the tar.
    pub unpacked: u64,
    /// Files, folders and links.
    pub entries: usize,
    /// How long nothing may come.
    pub silence: Duration,
    /// Pushes of one user at the same time.
    pub pushes_of_a_user: usize,
}
