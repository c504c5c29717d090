//! From options to a server's settings: what follows from what, and what cannot be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use remora::api::Secret;
use remora::delta::{Effort, Goal};
use remora::image::UnpackLimits;
use remora::server::{
    AccessRules, AnswerSettings, DataSettings, LayerCacheSettings, LinkRateFile, ListenSettings,
    RegistrySettings, Role, ServerSettings, WorkSettings,
};

use super::Serve;
use super::arguments::DataArguments;
use super::arguments::RoleName;
use crate::cli::failure::Failure;
use crate::cli::layers::Derived;
use crate::cli::secret::secret;
use crate::cli::units::parse_rate;

/// How long one of several servers goes on to answer after a stop began.
const STOP_DELAY: Duration = Duration::from_secs(3);

/// Where installations of openBalena have private authorities.
const CA_BUNDLE: &str = "/certs/ca-bundle.pem";

impl Serve {
    /// The defaults that follow from other settings.
    pub(super) fn derived(&self) -> Vec<Derived> {
        let mut derived = Vec::new();
        let registry = self.registry_host();
        if let Some(registry) = &registry {
            derived.push(("registry", vec![registry.clone()]));
            derived.push(("token-audience", vec![registry.clone()]));
        }
        if let Some(tld) = &self.registry.tld {
            derived.push(("token-issuer", vec![format!("api.{tld}")]));
            let keys = usual_keys(tld).into_iter().filter(|key| key.exists());
            let keys: Vec<String> = keys.map(|key| key.display().to_string()).collect();
            if !keys.is_empty() {
                derived.push(("token-keys", keys));
            }
        }
        if Path::new(CA_BUNDLE).exists() {
            derived.push(("ca-file", vec![CA_BUNDLE.to_owned()]));
        }
        derived
    }

    fn registry_host(&self) -> Option<String> {
        let usual = || Some(format!("registry.{}", self.registry.tld.as_ref()?));
        self.registry.registry.clone().or_else(usual)
    }

    /// The settings of a server.
    pub(super) fn settings(&self) -> Result<ServerSettings, Failure> {
        let role = self.role()?;
        Ok(ServerSettings {
            role,
            listen: self.listen_settings(role)?,
            registry: self.registry_settings()?,
            access: self.access_rules()?,
            answers: self.answer_settings()?,
            work: self.work_settings(),
            data: DataSettings {
                folder: self.data.data.clone(),
                database: self.data.database.as_deref().map(Secret::new),
                artifacts: self.data.artifacts.clone(),
                artifacts_plain_http: self.data.artifacts_plain_http,
                layer_cache: self.layer_cache(),
                budget: self.data.disk_budget,
            },
            watch: self.watch.settings(self.registry.tld.as_deref())?,
        })
    }

    fn listen_settings(&self, role: Role) -> Result<ListenSettings, Failure> {
        let listen = self.listen.settings(self.answers.public_url.clone())?;
        // Nobody is led to a server that only builds, and nobody else answers for one that is alone.
        let is_one_of_several = self.data.database.is_some() && role == Role::All;
        let usual = if is_one_of_several { STOP_DELAY } else { Duration::ZERO };
        let stop_delay = self.answers.stop_delay.unwrap_or(usual);
        Ok(ListenSettings { stop_delay, ..listen })
    }

    /// What the server does. Without a database nobody else knows of its jobs.
    fn role(&self) -> Result<Role, Failure> {
        let (is_alone, builds) = (self.data.database.is_none(), self.work.max_builds);
        let shared = "name the database that servers share with --database (REMORA_DATABASE)";
        if std::env::var_os("REMORA_DATABASE").is_some_and(|address| address.is_empty()) && is_alone
        {
            let hint = "give the address of the database, or leave REMORA_DATABASE out";
            return Err(Failure::usage("REMORA_DATABASE is set, and empty", hint));
        }
        match self.work.role {
            RoleName::Worker if is_alone => {
                Err(Failure::usage("a worker builds what other servers are asked for", shared))
            }
            RoleName::Worker if builds == 0 => {
                let hint = "leave --max-builds out, or give 1 or more";
                Err(Failure::usage("a worker without builds does nothing", hint))
            }
            RoleName::Worker if !self.watch.watch.is_empty() => {
                let hint = "give --watch to a server that answers";
                Err(Failure::usage("a worker watches no releases", hint))
            }
            RoleName::All if builds == 0 && is_alone => {
                Err(Failure::usage("nobody would build what this server is asked for", shared))
            }
            RoleName::Worker => Ok(Role::Worker),
            RoleName::All => Ok(Role::All),
        }
    }

    fn layer_cache(&self) -> Option<LayerCacheSettings> {
        let DataArguments { layer_cache, layer_cache_plain_http, layer_cache_age, .. } = &self.data;
        layer_cache.clone().map(|url| LayerCacheSettings {
            url,
            plain_http: *layer_cache_plain_http,
            keep: *layer_cache_age,
        })
    }

    fn registry_settings(&self) -> Result<RegistrySettings, Failure> {
        let registry = &self.registry;
        let host = self.registry_host().ok_or_else(|| {
            let hint = "name it with --registry (REGISTRY_HOST), or --tld (BALENA_TLD)";
            Failure::usage("there is no registry to serve", hint)
        })?;
        let file = registry.builder_token_file.as_deref();
        Ok(RegistrySettings {
            host,
            user: registry.builder_user.clone(),
            password: secret(registry.builder_token.as_deref(), file)?,
            ca_file: registry.ca_file.clone(),
            plain_http: registry.plain_http,
            silence: registry.timeout,
            retries: registry.retries.into(),
            platform: registry.platform.clone(),
        })
    }

    fn access_rules(&self) -> Result<Option<AccessRules>, Failure> {
        let access = &self.access;
        if access.insecure_no_auth || self.work.role == RoleName::Worker {
            return Ok(None);
        }
        if access.token_keys.is_empty() {
            return Err(self.no_keys());
        }
        let name = |given: &Option<String>, what: &str, option: &str| {
            given.clone().ok_or_else(|| {
                Failure::usage(format!("{what} is not known"), format!("give {option}, or --tld"))
            })
        };
        Ok(Some(AccessRules {
            key_files: access.token_keys.clone(),
            algorithm: access.token_algorithm.clone(),
            issuer: name(&access.token_issuer, "who issues tokens", "--token-issuer")?,
            audience: name(&access.token_audience, "whom tokens are for", "--token-audience")?,
            empty_access_networks: access.empty_access_networks.clone(),
            rate: Some(access.rate_limit).filter(|rate| *rate > 0),
            burst: access.rate_burst,
        }))
    }

    fn no_keys(&self) -> Failure {
        let what = match &self.registry.tld {
            Some(tld) => {
                let [certificate, _] = usual_keys(tld);
                let certificate = certificate.display();
                format!("there is no key to verify tokens with, {certificate} is not there")
            }
            None => "there is no key to verify tokens with".to_owned(),
        };
        let hint = "give --token-keys, or let anybody in with --insecure-no-auth";
        Failure::usage(what, hint)
    }

    fn answer_settings(&self) -> Result<AnswerSettings, Failure> {
        let answers = &self.answers;
        let key = secret(answers.download_key.as_deref(), answers.download_key_file.as_deref())?;
        Ok(AnswerSettings {
            long_poll: answers.long_poll,
            wait: answers.wait,
            worth_ratio: answers.worth_ratio,
            download_expiry: answers.download_expiry,
            download_key: key,
        })
    }

    fn work_settings(&self) -> WorkSettings {
        let work = &self.work;
        let goal = Goal::default().on_link(work.link_rate as f64 / 8.0);
        let link_rates = work.link_rates.clone().map(|path| LinkRateFile { path, parse_rate });
        let mut limits = UnpackLimits::default();
        limits.layer_bytes = self.limits.max_layer_size;
        limits.image_bytes = self.limits.max_image_size;
        limits.ratio = self.limits.max_ratio;
        WorkSettings {
            limits,
            max_builds: work.max_builds.into(),
            max_queue: work.max_queue as usize,
            max_fleet_queue: work.max_fleet_queue as usize,
            max_caller_queue: work.max_caller_queue as usize,
            memory: work.memory,
            build_memory: work.build_memory,
            effort: Effort::new(work.effort).unwrap_or_default(),
            goal,
            link_rates,
            grace: work.grace,
            registry_patience: work.registry_patience,
            failure_expiry: work.failure_expiry,
        }
    }
}

/// Where installations of openBalena have the API's keys.
fn usual_keys(tld: &str) -> [PathBuf; 2] {
    ["pem", "jwks.json"].map(|kind| format!("/certs/private/api.{tld}.{kind}").into())
}
