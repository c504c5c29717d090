//! What an engine is asked for to build one service's image.

use std::collections::BTreeMap;

use super::failure::ImageFailure;
use super::image::ImageMaker;
use super::registry::split;
use crate::api::Secret;
use crate::builder::engine::{BuildRequest, BuildSecret, Login};
use crate::builder::settings::BuildKitUse;
use crate::project::BuildPlan;

impl ImageMaker<'_> {
    /// Whether BuildKit builds it.
    pub(super) fn uses_buildkit(&self, plan: &BuildPlan) -> Result<bool, ImageFailure> {
        let settings = &self.work.service.settings;
        let needs = plan.needs_buildkit.as_ref();
        let why = needs.map(|needs| format!("line {} has {}", needs.line, needs.what));
        let why = why.or_else(|| (!plan.secrets.is_empty()).then(|| "it has build secrets".into()));
        match (settings.buildkit, why) {
            (BuildKitUse::Always, _) | (BuildKitUse::WhereNeeded, Some(_)) => Ok(true),
            (BuildKitUse::WhereNeeded | BuildKitUse::Never, None) => Ok(false),
            (BuildKitUse::Never, Some(why)) => Err(ImageFailure::Refused(format!(
                "{} needs BuildKit, which this builder is set not to use: {why}",
                plan.dockerfile
            ))),
        }
    }

    /// The build of a service's image, which gets the name `location`.
    pub(super) fn request(
        &self,
        plan: &BuildPlan,
        location: &str,
        buildkit: bool,
        token: Secret,
    ) -> Result<BuildRequest, ImageFailure> {
        let mut registries: BTreeMap<String, Login> = self
            .secrets
            .iter()
            .map(|(registry, login)| {
                let (username, password) = (login.username.clone(), login.password.clone());
                (registry.to_owned(), Login::Password { username, password })
            })
            .collect();
        registries.entry(split(location).0.to_owned()).or_insert(Login::Token(token));
        let secret = |secret: &crate::project::BuildSecret| BuildSecret {
            id: secret.id.clone(),
            content: secret.content(self.tar).to_vec(),
        };
        let mut request = BuildRequest::new(location, &plan.dockerfile, self.architecture);
        request.bases = plan.bases.images.clone();
        request.arguments = plan.arguments.clone();
        request.labels = plan.labels.clone();
        request.no_cache = self.work.push.no_cache;
        request.pull = self.work.push.no_cache;
        request.target = plan.target.clone();
        request.cache_from = plan.cache_from.clone();
        request.extra_hosts = plan.extra_hosts.clone();
        request.shm_size = plan.shm_size;
        request.registries = registries;
        request.buildkit = buildkit;
        request.secrets = plan.secrets.iter().map(secret).collect();
        Ok(request)
    }
}
