//! From the tar of a project to its services.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bases::bases;
use super::buildkit::needs_buildkit;
use super::compose::build::Build;
use super::compose::service::Described;
use super::compose::{self, Composed};
use super::dockerfile::{Found, Wanted, find};
use super::error::{Place, ProjectError};
use super::index::ProjectTar;
use super::metadata::Metadata;
use super::path::{ContextPath, resolve};
use super::plan::{BuildPlan, Circumstances, Project, Service, Source};
use super::{contract, registry_secrets};
use crate::quote::listed;

/// What stands for a compose file if there is none.
const NO_FILE: &str = "the project";
/// Parts of names whose values are likely secrets.
const SECRET_WORDS: [&str; 9] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
];

/// Reads what a project says.
///
/// # Errors
/// If a file of the project cannot be used, or says what is not supported.
pub(crate) fn read_project(
    tar: &ProjectTar<'_>,
    circumstances: &Circumstances,
) -> Result<Project, ProjectError> {
    let metadata = Metadata::read(tar)?;
    let release = contract::of_release(tar)?;
    let Composed { file, services: described, composition, mut warnings } =
        composed(tar, circumstances)?;
    if described.len() > 1 && !circumstances.multicontainer {
        return Err(ProjectError::OneServiceOnly { file, services: described.len() });
    }
    let mut services = Vec::new();
    for described in described {
        let reader = Reader { tar, circumstances, metadata: &metadata, file };
        services.push(reader.service(described, &mut warnings)?);
    }
    let registry_secrets: registry_secrets::RegistrySecrets = metadata.registry_secrets;
    let (contract, semver) = (release.contract, release.semver);
    Ok(Project { services, composition, contract, semver, registry_secrets, warnings })
}

/// What the compose file says, or what counts without one.
fn composed(tar: &ProjectTar<'_>, circumstances: &Circumstances) -> Result<Composed, ProjectError> {
    let given = circumstances.dockerfile_path.as_deref().filter(|path| !path.is_empty());
    if let Some(mut composed) = compose::read_file(tar)? {
        if given.is_some() {
            let warning = format!(
                "dockerfilePath is ignored: {} says which Dockerfiles are used",
                composed.file
            );
            composed.warnings.push(warning);
        }
        return Ok(composed);
    }
    let given = given.map(dockerfile_path).transpose()?;
    compose::read(tar, NO_FILE, default_composition(given))
}

/// The path that a request names, seen from the project's folder.
fn dockerfile_path(path: &str) -> Result<String, ProjectError> {
    let wrong = |problem| ProjectError::DockerfilePath { path: path.to_owned(), problem };
    let plain = resolve("", path).filter(|plain| !plain.is_empty());
    let plain = plain.ok_or_else(|| wrong("leads out of the project: name a Dockerfile in it"))?;
    match path.contains(char::is_control) || path.contains('$') {
        true => Err(wrong("has characters that names of Dockerfiles do not have")),
        false => Ok(plain),
    }
}

/// The composition of a project without a compose file, as balena's own tools have it.
fn default_composition(dockerfile: Option<String>) -> Value {
    let features = ["kernel-modules", "firmware", "dbus", "supervisor-api", "resin-api"];
    let labels: BTreeMap<String, &str> =
        features.iter().map(|feature| (format!("io.resin.features.{feature}"), "1")).collect();
    let mut build = json!({"context": "."});
    if let Some(dockerfile) = dockerfile {
        build["dockerfile"] = Value::String(dockerfile);
    }
    let main = json!({
        "privileged": true,
        "tty": true,
        "restart": "always",
        "network_mode": "host",
        "volumes": ["resin-data:/data"],
        "labels": labels,
        "build": build,
    });
    json!({"networks": {}, "volumes": {"resin-data": {}}, "services": {"main": main}})
}

struct Reader<'r, 'a> {
    tar: &'r ProjectTar<'a>,
    circumstances: &'r Circumstances,
    metadata: &'r Metadata,
    file: &'static str,
}

impl Reader<'_, '_> {
    fn service(
        &self,
        described: Described,
        warnings: &mut Vec<String>,
    ) -> Result<Service, ProjectError> {
        let Described { name, build, image, labels, environment, contract, .. } = described;
        let context = build.as_ref().map(|build| build.context.clone());
        let source = match (build, image) {
            (Some(build), _) => Source::Build(Box::new(self.plan(&name, build, warnings)?)),
            (None, image) => Source::Image(image.unwrap_or_default()),
        };
        let contract = match context {
            Some(context) => contract::of_image(self.tar, &context, &name, contract)?,
            None => contract,
        };
        Ok(Service { name, source, labels, environment, contract })
    }

    fn plan(
        &self,
        service: &str,
        build: Build,
        warnings: &mut Vec<String>,
    ) -> Result<BuildPlan, ProjectError> {
        let place = Place::file(self.file).service(service);
        if !self.has_files(&build.context) {
            let problem = format!("there are no files in the context {}", build.context.as_str());
            return Err(place.key("build.context").wrong(problem));
        }
        let Found { name, text, project_type, .. } = self.dockerfile(service, &build, &place)?;
        let mut arguments = build.arguments;
        warn_of_secrets(&arguments, &place.key("build.args"), warnings);
        let variables = self.metadata.variables_of(service);
        warn_of_secrets(
            &variables,
            &self.metadata.place().service(service).key("build-variables"),
            warnings,
        );
        arguments.extend(variables);
        Ok(BuildPlan {
            context: build.context,
            dockerfile: name,
            needs_buildkit: needs_buildkit(&text),
            bases: bases(&text, &arguments),
            dockerfile_text: text,
            project_type,
            arguments,
            labels: build.labels,
            target: build.target,
            cache_from: build.cache_from,
            extra_hosts: build.extra_hosts,
            shm_size: build.shm_size,
            secrets: self.metadata.secrets_of(service),
        })
    }

    fn has_files(&self, context: &ContextPath) -> bool {
        self.tar.has_folder(context.as_str())
    }

    fn dockerfile(
        &self,
        service: &str,
        build: &Build,
        place: &Place,
    ) -> Result<Found, ProjectError> {
        let given = build.dockerfile.as_deref();
        let place = if self.file == NO_FILE { Place::file(NO_FILE) } else { place.key("build") };
        let wanted = Wanted { service, context: &build.context, given, place: &place };
        find(self.tar, &wanted, self.circumstances)
    }
}

/// Warns of names that sound like secrets: build arguments stay in the history of the image.
fn warn_of_secrets(
    arguments: &BTreeMap<String, String>,
    place: &Place,
    warnings: &mut Vec<String>,
) {
    let sounds_secret =
        |name: &&String| SECRET_WORDS.iter().any(|word| name.to_ascii_uppercase().contains(word));
    let names: Vec<&String> = arguments.keys().filter(sounds_secret).collect();
    if !names.is_empty() {
        let names = listed(&names);
        warnings.push(format!(
            "{place}: {names} may be a secret, and whoever has the image can read build arguments"
        ));
    }
}

#[cfg(test)]
mod tests;
