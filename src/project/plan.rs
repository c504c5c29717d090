//! What a project says, as values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::index::ProjectTar;
use super::path::ContextPath;
use super::registry_secrets::RegistrySecrets;

/// What the fleet and the request say.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances {
    /// The architecture of the fleet's devices, as balena calls it: `aarch64`.
    pub(crate) architecture: String,
    /// The fleet's device type.
    pub(crate) device_type: String,
    /// The fleet's name.
    pub(crate) fleet_name: String,
    /// The commit of the release to be.
    pub(crate) commit: String,
    /// The Dockerfile that was asked for.
    pub(crate) dockerfile_path: Option<String>,
    /// Whether the fleet takes more than one service.
    pub(crate) multicontainer: bool,
}

/// A project that can be built.
#[derive(Debug)]
pub(crate) struct Project {
    /// The services, by name in order.
    pub(crate) services: Vec<Service>,
    /// The composition, as the API keeps it and devices get it.
    pub(crate) composition: Value,
    /// The release's contract.
    pub(crate) contract: Option<Value>,
    /// The version that the contract names.
    pub(crate) semver: Option<String>,
    /// Logins for registries.
    pub(crate) registry_secrets: RegistrySecrets,
    /// What the person who pushes should know, a line each.
    pub(crate) warnings: Vec<String>,
}

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    /// The name.
    pub(crate) name: String,
    /// Where its image comes from.
    pub(crate) source: Source,
    /// Labels, for the API's rows.
    pub(crate) labels: BTreeMap<String, String>,
    /// Variables, for the API's rows.
    pub(crate) environment: BTreeMap<String, String>,
    /// The contract of the image.
    pub(crate) contract: Option<Value>,
}

/// Where an image comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The project builds it.
    Build(Box<BuildPlan>),
    /// A registry has it, under this name.
    Image(String),
}

/// How an image is built.
#[derive(Debug)]
pub(crate) struct BuildPlan {
    /// The folder with the context.
    pub(crate) context: ContextPath,
    /// The name of the Dockerfile within the context.
    pub(crate) dockerfile: String,
    /// The Dockerfile, with a template's names replaced.
    pub(crate) dockerfile_text: String,
    /// How the Dockerfile was found, in the API's words.
    pub(crate) project_type: &'static str,
    /// Build arguments. Variables of the project's settings are stronger than arguments of the compose file.
    pub(crate) arguments: BTreeMap<String, String>,
    /// Labels of the image.
    pub(crate) labels: BTreeMap<String, String>,
    /// The stage to stop at.
    pub(crate) target: Option<String>,
    /// Images to take layers from.
    pub(crate) cache_from: Vec<String>,
    /// Hosts for RUN steps, each `host:address`.
    pub(crate) extra_hosts: Vec<String>,
    /// The size of `/dev/shm` in RUN steps, in bytes.
    pub(crate) shm_size: Option<u64>,
    /// Files for RUN steps that are to be in no image.
    pub(crate) secrets: Vec<BuildSecret>,
    /// Why only BuildKit can build it.
    pub(crate) needs_buildkit: Option<NeedsBuildKit>,
    /// What the image is built from.
    pub(crate) bases: Bases,
}

/// What the Dockerfile takes files from, beside the context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bases {
    /// Names of images, as far as they are known before the build.
    pub(crate) images: Vec<String>,
    /// Whether a stage begins with nothing (`FROM scratch`).
    pub(crate) from_nothing: bool,
}

/// A file for RUN steps, at `/run/secrets/<id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildSecret {
    /// The name.
    pub(crate) id: String,
    /// The path of its content within the project.
    pub(super) path: String,
}

impl BuildSecret {
    /// The content. `tar` is the tar that the project was read from.
    pub(crate) fn content<'a>(&self, tar: &ProjectTar<'a>) -> &'a [u8] {
        tar.file(&self.path).ok().flatten().unwrap_or_default()
    }
}

/// What of a Dockerfile the classic builder does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NeedsBuildKit {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) what: String,
}
