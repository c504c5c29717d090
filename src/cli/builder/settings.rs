//! From options to a builder's settings: what follows from what, and what cannot be.

use std::path::Path;

use remora::api::Secret;
use remora::builder::engine::{EngineAddress, EngineSettings, Pruning};
use remora::builder::{BuilderError, BuilderSettings, InstallationSettings, ProjectSettings};
use remora::small_file::read_small_text;

use super::Builder;
use crate::cli::failure::Failure;
use crate::cli::layers::Derived;

/// Where installations of openBalena have private authorities.
const CA_BUNDLE: &str = "/certs/ca-bundle.pem";
/// Bytes of a file with a key, at most.
const MAX_KEY_BYTES: u64 = 16 << 10;

impl Builder {
    /// The defaults that follow from other settings.
    pub(super) fn derived(&self) -> Vec<Derived> {
        let mut derived = Vec::new();
        if let Some(tld) = &self.installation.tld {
            derived.push(("api", vec![format!("https://api.{tld}")]));
            derived.push(("delta-server", vec![format!("https://delta.{tld}")]));
        }
        if Path::new(CA_BUNDLE).exists() {
            derived.push(("ca-file", vec![CA_BUNDLE.to_owned()]));
        }
        derived
    }

    /// The settings of a builder.
    pub(super) fn settings(&self) -> Result<BuilderSettings, Failure> {
        let (engines, projects) = (&self.engines, &self.projects);
        Ok(BuilderSettings {
            listen: self.listen.settings(None)?,
            installation: self.installation_settings()?,
            engines: self.engine_settings()?,
            buildkit: engines.buildkit.into(),
            projects: ProjectSettings {
                packed: projects.project_packed,
                unpacked: projects.project_unpacked,
                entries: projects.project_files as usize,
                silence: projects.project_silence,
                pushes_of_a_user: projects.user_pushes.into(),
            },
            heartbeat: self.installation.heartbeat,
            deltas_within: self.installation.delta_wait,
            folder: self.data.data.clone(),
        })
    }

    fn installation_settings(&self) -> Result<InstallationSettings, Failure> {
        let installation = &self.installation;
        let api = installation.api.as_deref().filter(|api| !api.is_empty());
        let api = api.ok_or_else(|| {
            let hint = "name it with --tld (BALENA_TLD), or --api (API_HOST)";
            Failure::usage("there is no openBalena to build for", hint)
        })?;
        let delta_server = installation.delta_server.as_deref().filter(|url| !url.is_empty());
        let key = installation.api_key_file.as_deref().map(key_in).transpose()?;
        Ok(InstallationSettings {
            api: url(api),
            delta_server: delta_server.map(url),
            ca_file: installation.ca_file.clone(),
            plain_http: installation.plain_http,
            local_registries: installation.local_registries.clone(),
            api_key: key,
        })
    }

    fn engine_settings(&self) -> Result<EngineSettings, Failure> {
        let engines = &self.engines;
        let list = |text: &Option<String>| {
            let addresses = EngineAddress::list(text.as_deref().unwrap_or(""), engines.engine_tls);
            addresses.map_err(|error| Failure::from(BuilderError::Engines(error.into())))
        };
        let (amd64, arm64) = (list(&engines.engines_amd64)?, list(&engines.engines_arm64)?);
        if amd64.is_empty() && arm64.is_empty() {
            let hint = "name some with --engines-amd64 (DOCKER_HOST_AMD64) or --engines-arm64 \
                        (DOCKER_HOST_ARM64)";
            return Err(Failure::usage("there is no engine to build with", hint));
        }
        let pruning = (!engines.no_pruning).then(|| Pruning {
            keep_for: engines.keep_cache_for,
            keep_bytes: engines.keep_cache_bytes,
            ..Pruning::default()
        });
        Ok(EngineSettings {
            amd64,
            arm64,
            certificates: engines.engine_certificates.clone(),
            places: engines.engine_builds.into(),
            places_of_a_user: engines.user_builds.map(usize::from),
            max_waiting: engines.max_waiting as usize,
            network_mode: engines.build_network.clone(),
            build: engines.build_time,
            pruning,
            ..EngineSettings::default()
        })
    }
}

/// A server's URL; installations name hosts.
fn url(text: &str) -> String {
    match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    }
}

fn key_in(path: &Path) -> Result<Secret, Failure> {
    let text = read_small_text(path, MAX_KEY_BYTES)
        .map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?;
    match text.trim() {
        "" => {
            let what = format!("there is no key in {}", path.display());
            Err(Failure::usage(what, "make one with balena api-key generate"))
        }
        key => Ok(Secret::new(key)),
    }
}
