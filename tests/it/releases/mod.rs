//! Releases of openBalena, from the library's side: a stand-in for the API, and a real registry and delta
//! server.

mod access;
mod away;
mod compared;
mod deltas;
mod fleet_devices;
mod fleets;
mod letting_out;
mod names;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use remora::api::Secret;
use remora::release::{
    self, PrepareOptions, Prepared, ReleaseError, ReleaseName, ReleaseSettings, ServiceUpdate,
    UpdateInfo,
};
use serde_json::Value;

use crate::installation::{
    BUILDER_TOKEN, Fault, Installation, Pair, Pushed, ServerProcess, repository,
};
use crate::openbalena::{OpenBalena, ReleaseRow, USER};
use crate::sample_image::SampleImage;

/// A size at which a delta of a few bytes is worth it, and quickly made.
const SIZE: usize = 40_000;
/// Bytes of an image before it is compressed, where a test does not care.
const IMAGE_SIZE: u64 = 123_456;
/// Longer than any delta of these tests takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a user shows a delta server who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Road {
    /// With the user's own tokens for the registry.
    Own,
    /// With the builder credential.
    Builder,
}

/// An installation with a fleet in it.
struct Scene {
    server: ServerProcess,
    installation: Installation,
    fleet: u64,
    /// The user's API key.
    key: String,
    pushed: AtomicUsize,
}

/// Two releases of one service, and their images.
struct OnePair {
    source: u64,
    target: u64,
    images: (Pushed, Pushed),
}

impl Scene {
    fn new(settings: &[(&str, &str)]) -> Self {
        let installation = Installation::new();
        let rows = &installation.api.openbalena;
        let (fleet, key) = (rows.fleet("org/fleet"), rows.api_key(USER));
        let server = installation.serve(settings);
        Scene { server, installation, fleet, key, pushed: AtomicUsize::new(0) }
    }

    fn rows(&self) -> &OpenBalena {
        &self.installation.api.openbalena
    }

    fn fault(&self, fault: Fault) {
        self.installation.proxy.set(fault);
    }

    /// Pushes an image as openBalena's builder does, into a repository of its own.
    fn push(&self, image: &SampleImage) -> Pushed {
        let number = self.pushed.fetch_add(1, Ordering::Relaxed);
        self.installation.push(&repository(number), "latest", image)
    }

    fn push_pair(&self, pair: &Pair) -> (Pushed, Pushed) {
        (self.push(&pair.base), self.push(&pair.target))
    }

    /// Where openBalena has an image, without tag and digest.
    fn location(&self, image: &Pushed) -> String {
        format!("{}/{}", self.installation.registry_host(), image.repository)
    }

    /// The release with this image of a service.
    fn with<'a>(&self, release: ReleaseRow<'a>, service: &str, image: &Pushed) -> ReleaseRow<'a> {
        let digest = image.image.manifest_digest().to_string();
        release.image(service, &self.location(image), Some(&digest), IMAGE_SIZE)
    }

    /// A final release and a draft of the one service `web`.
    fn one_pair(&self, pair: &Pair) -> OnePair {
        let images = self.push_pair(pair);
        let source = self.rows().release(self.fleet, &"a".repeat(40)).version("1.0.0");
        let source = self.with(source, "web", &images.0).add();
        let target = self.rows().release(self.fleet, &"b".repeat(40)).version("1.1.0").draft();
        let target = self.with(target, "web", &images.1).add();
        OnePair { source, target, images }
    }

    fn settings(&self) -> ReleaseSettings {
        let api = format!("http://{}", self.installation.api.server.address());
        let server = format!("http://{}", self.server.address());
        ReleaseSettings::new(&api, &server, Secret::new(&self.key))
    }

    /// The installation as the user sees it.
    fn user(&self) -> release::Installation {
        self.user_with(self.settings())
    }

    fn user_with(&self, settings: ReleaseSettings) -> release::Installation {
        release::Installation::new(settings).expect("settings")
    }

    fn user_on(&self, road: Road) -> release::Installation {
        let builder = (road == Road::Builder).then(|| Secret::new(BUILDER_TOKEN));
        self.user_with(self.settings().changed(|settings| settings.builder = builder))
    }

    fn info(&self, pair: &OnePair) -> UpdateInfo {
        let (source, target) = names(pair);
        self.user().update_info(&source, &target).expect("an answer")
    }

    fn prepare(&self, pair: &OnePair, options: PrepareOptions) -> Result<Prepared, ReleaseError> {
        let (source, target) = names(pair);
        self.user().prepare(&source, &target, options, &mut |_| {})
    }

    /// Starts the server anew with an empty data folder, so that it knows of no delta.
    fn forget(&mut self) {
        self.server.terminate();
        let (status, log) = self.server.wait();
        assert!(status.success(), "{status}:\n{log}");
        let folder = self.installation.path("other").display().to_string();
        self.server = self.installation.serve(&[("REMORA_DATA", &folder)]);
    }

    /// Requests that the user sent to the API, as their first lines have them.
    fn asked(&self) -> Vec<String> {
        let bearer = format!("Bearer {}", self.key);
        let requests = self.installation.api.server.requests().into_iter();
        let own = requests.filter(|request| request.header("authorization") == Some(&bearer));
        own.map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

fn names(pair: &OnePair) -> (ReleaseName, ReleaseName) {
    (name(&pair.source.to_string()), name(&pair.target.to_string()))
}

fn name(text: &str) -> ReleaseName {
    text.parse().expect("a name")
}

/// The options of whoever waits, and for how long at most.
fn waiting(timeout: Duration) -> PrepareOptions {
    PrepareOptions::default().changed(|options| {
        options.wait = true;
        options.timeout = Some(timeout);
    })
}

fn json(info: &UpdateInfo) -> Value {
    serde_json::to_value(info).expect("plain data")
}

fn service<'a>(info: &'a UpdateInfo, name: &str) -> &'a ServiceUpdate {
    let found = info.services.iter().find(|service| service.service_name == name);
    found.expect("a service of the release")
}
