//! From the tar of a project to its services.

use std::collections::BTreeMap;

use serde_json::json;

use super::buildkit::needs_buildkit;
use super::dockerfile::{Wanted, find};
use super::error::{Place, ProjectError};
use super::index::ProjectTar;
use super::path::ContextPath;
use super::plan::{BuildPlan, Circumstances, Project, Service, Source};
use super::registry_secrets::RegistrySecrets;

/// Reads what a project says.
///
/// # Errors
/// If a file of the project cannot be used, or says what is not supported.
pub(crate) fn read_project(
    tar: &ProjectTar<'_>,
    circumstances: &Circumstances,
) -> Result<Project, ProjectError> {
    let context = ContextPath::default();
    let given = circumstances.dockerfile_path.as_deref();
    let place = Place::file("the project");
    let wanted = Wanted { service: "main", context: &context, given, place: &place };
    let found = find(tar, &wanted, circumstances)?;
    let needs_buildkit = needs_buildkit(&found.text);
    let plan = BuildPlan {
        context,
        dockerfile: found.name,
        dockerfile_text: found.text,
        project_type: found.project_type,
        arguments: BTreeMap::new(),
        labels: BTreeMap::new(),
        target: None,
        cache_from: Vec::new(),
        extra_hosts: Vec::new(),
        shm_size: None,
        secrets: Vec::new(),
        needs_buildkit,
    };
    let service = Service {
        name: "main".to_owned(),
        source: Source::Build(Box::new(plan)),
        labels: BTreeMap::new(),
        environment: BTreeMap::new(),
        contract: None,
    };
    Ok(Project {
        services: vec![service],
        composition: json!({"services": {"main": {"build": {"context": "."}}}}),
        contract: None,
        semver: None,
        registry_secrets: RegistrySecrets::default(),
        warnings: Vec::new(),
    })
}
