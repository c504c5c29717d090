//! An openBalena installation, as far as a delta server sees one: the API's token endpoint, a registry
//! behind a proxy that can go wrong, and `remora serve` as a process of its own.

mod api;
mod http;
mod pairs;
mod process;
mod proxy;
pub(crate) mod trials;

use std::path::PathBuf;

use remora::image::{Image, TransportSettings, Transports};
use remora::progress::Silent;
use serde_json::json;
use tempfile::TempDir;

pub(crate) use self::api::{Api, BUILDER_TOKEN, Claims, DEVICE, DEVICE_KEY, TLD};
pub(crate) use self::http::{Answer, Exchange};
pub(crate) use self::pairs::{Pair, Pushed, repository};
pub(crate) use self::process::ServerProcess;
pub(crate) use self::proxy::{Fault, Proxy};
use crate::registry_server::{Access, RegistryServer};
use crate::sample_image::SampleImage;

/// Everything but the delta server itself.
pub(crate) struct Installation {
    pub(crate) api: Api,
    pub(crate) registry: RegistryServer,
    pub(crate) proxy: Proxy,
    folder: TempDir,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let api = Api::start();
        let proxy = Proxy::bind();
        let registry = RegistryServer::start(
            &Access::Balena {
                realm: &api.realm(),
                certificate: &api.certificate,
                issuer: &api.issuer(),
                host: &proxy.address(),
            },
            None,
        );
        proxy.lead_to(&registry);
        let installation =
            Installation { api, registry, proxy, folder: tempfile::tempdir().expect("a folder") };
        installation.write("api.pem", &installation.api.certificate);
        installation.write("login.json", &installation.login());
        installation
    }

    /// A delta server in this installation, with the environment that one already has, and more.
    pub(crate) fn serve(&self, more: &[(&str, &str)]) -> ServerProcess {
        ServerProcess::start(&self.environment(more))
    }

    /// The same with other settings than those that tests need.
    pub(crate) fn environment(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let (registry, data) = (self.registry_host(), self.path("deltas").display().to_string());
        let keys = self.path("api.pem").display().to_string();
        let home = self.path("").display().to_string();
        let existing = [
            ("BALENA_TLD", TLD),
            ("REGISTRY_HOST", &registry),
            ("TOKEN_AUTH_BUILDER_TOKEN", BUILDER_TOKEN),
            ("JWT_ALGO", "ES256"),
            ("DOCKER_HOST", "unix:///var/run/docker.sock"),
            ("DOCKER_BUILDKIT", "0"),
        ];
        let ours = [
            ("HOME", home.as_str()),
            ("REMORA_DATA", &data),
            ("REMORA_TOKEN_KEYS", &keys),
            ("REMORA_RATE_LIMIT", "0"),
            ("REMORA_LOG_FORMAT", "json"),
        ];
        let all = existing.iter().chain(&ours).chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The one registry, as references name it.
    pub(crate) fn registry_host(&self) -> String {
        self.proxy.address()
    }

    /// A file or folder of this installation.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("written");
        path
    }

    /// Pushes an image into a repository, under this tag.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &SampleImage) -> Pushed {
        let host = self.registry_host();
        let reference = format!("{host}/{repository}:{tag}").parse().expect("a reference");
        self.transports().write(&reference, &image.contents, &Silent).expect("pushed");
        let digest = image.manifest_digest();
        let reference = format!("{host}/{repository}@{digest}");
        Pushed { repository: repository.to_owned(), reference, image: image.clone() }
    }

    /// Pushes both images of a pair, each into a repository of its own. Pairs of different numbers
    /// have nothing in common.
    pub(crate) fn push_pair(&self, number: usize, pair: &Pair) -> (Pushed, Pushed) {
        let base = self.push(&repository(2 * number), "latest", &pair.base);
        let target = self.push(&repository(2 * number + 1), "latest", &pair.target);
        (base, target)
    }

    /// Opens an image of the registry.
    pub(crate) fn open(&self, reference: &str) -> Image {
        let platform = "linux/amd64".parse().expect("a platform");
        let reference = reference.parse().expect("a reference");
        self.transports().open_any(&reference, &platform, &Silent).expect("opens")
    }

    /// A token for a device that may pull from these repositories.
    pub(crate) fn token(&self, repositories: &[&str]) -> String {
        self.api.token(&Claims::new(&self.registry_host(), repositories))
    }

    fn transports(&self) -> Transports {
        let settings = TransportSettings::default()
            .changed(|settings| settings.authfile = Some(self.path("login.json")));
        Transports::new(settings).expect("readable files")
    }

    fn login(&self) -> String {
        let login = json!({ "username": "builder", "password": BUILDER_TOKEN });
        json!({ "auths": { self.registry_host(): login } }).to_string()
    }
}
