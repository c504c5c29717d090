//! An installation of openBalena with a builder and an engine, and a fleet that is pushed to.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::push_answers::Answer;
use super::pushes::Push;
use crate::docker::Docker;
use crate::installation::{Installation, ServerProcess};
use crate::openbalena::{OpenBalena, USER};

/// Longer than anything that is waited for takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// Everything that a push needs. What comes first here ends first.
pub(super) struct Scene {
    pub(super) builder: ServerProcess,
    pub(super) deltas: ServerProcess,
    pub(super) docker: Arc<Docker>,
    pub(super) installation: Installation,
    pub(super) fleet: u64,
    /// The user's API key.
    pub(super) key: String,
    settings: Vec<(String, String)>,
}

/// A push that is going on.
pub(super) struct Pending {
    elements: Receiver<Value>,
    pushing: JoinHandle<Answer>,
}

impl Scene {
    /// One with the engine that tests share.
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// The same with these settings of the builder.
    pub(super) fn with(settings: &[(&str, &str)]) -> Self {
        Self::at(Docker::shared(), settings)
    }

    /// One with an engine of its own, which nobody else builds on.
    pub(super) fn alone(settings: &[(&str, &str)]) -> Self {
        Self::at(Arc::new(Docker::start()), settings)
    }

    pub(super) fn at(docker: Arc<Docker>, settings: &[(&str, &str)]) -> Self {
        let installation = Installation::new();
        let rows = &installation.api.openbalena;
        rows.set_registry(&installation.registry_host());
        let (fleet, key) = (rows.fleet("org/fleet"), rows.api_key(USER));
        if cfg!(target_arch = "aarch64") {
            rows.set_device_type(fleet, "raspberrypi4-64", "aarch64");
        }
        let deltas = installation.serve(&[]);
        let settings = environment(&installation, &deltas, &docker, &key, settings);
        let builder = ServerProcess::start_builder(&settings);
        Scene { builder, deltas, docker, installation, fleet, key, settings }
    }

    pub(super) fn rows(&self) -> &OpenBalena {
        &self.installation.api.openbalena
    }

    /// Pushes as the user, and reads the answer to its end.
    pub(super) fn push(&self, push: Push) -> Answer {
        push.send(&self.builder.address(), &self.key)
    }

    /// A push that must succeed; gives its release.
    #[track_caller]
    pub(super) fn pushed(&self, push: Push) -> u64 {
        let answer = self.push(push);
        assert!(answer.is_complete() && answer.exit_code() == 0, "{answer:?}");
        answer.release_id().expect("a release")
    }

    /// A push that must fail with a whole answer; gives its errors.
    #[track_caller]
    pub(super) fn failed(&self, push: Push) -> String {
        let answer = self.push(push);
        assert_eq!((answer.status, answer.exit_code()), (200, 1), "{answer:?}");
        assert!(answer.is_complete(), "{answer:?}");
        let last = answer.elements.last().expect("an outcome");
        assert_eq!(last["isError"], true, "{answer:?}");
        answer.errors().join("\n")
    }

    /// Begins a push.
    pub(super) fn begin(&self, push: Push) -> Pending {
        let (told, elements) = mpsc::channel();
        let (address, key) = (self.builder.address(), self.key.clone());
        let pushing = std::thread::spawn(move || push.telling(told).send(&address, &key));
        Pending { elements, pushing }
    }

    /// The one release of the fleet.
    #[track_caller]
    pub(super) fn release(&self) -> u64 {
        match self.rows().releases_of(self.fleet)[..] {
            [release] => release,
            ref other => panic!("releases: {other:?}"),
        }
    }

    /// A column of a release's image.
    pub(super) fn image(&self, release: u64, service: &str) -> Value {
        self.rows().image_row(self.rows().images_of(release)[service])
    }

    pub(super) fn status(&self, release: u64) -> String {
        self.rows().release_row(release)["status"].as_str().expect("a status").to_owned()
    }

    /// Makes sure that a build ended, and how: nothing of it says that it goes on.
    #[track_caller]
    pub(super) fn assert_ended(&self, release: u64, status: &str) {
        assert_eq!(self.status(release), status, "{}", self.builder.log());
        let images = self.rows().image_statuses(release);
        assert_eq!(images.get("running"), None, "{images:?}");
        if status != "success" {
            assert_eq!(self.rows().release_row(release)["is_final"], false);
        }
    }

    /// Waits until a release has another status than `running`, and looks at all of it.
    #[track_caller]
    pub(super) fn ends(&self, release: u64, status: &str) {
        until("the release ends", || self.status(release) != "running");
        self.assert_ended(release, status);
    }

    /// The reference that devices have of an image.
    pub(super) fn reference(&self, release: u64, service: &str) -> String {
        let image = self.image(release, service);
        let text = |name: &str| image[name].as_str().expect("text").to_owned();
        format!("{}@{}", text("is_stored_at__image_location"), text("content_hash"))
    }

    /// Asks for a delta as a device does; it must be there already.
    #[track_caller]
    pub(super) fn assert_delta(&self, from: u64, to: u64, service: &str) {
        let (src, dest) = (self.reference(from, service), self.reference(to, service));
        let repository = |reference: &str| {
            let (_, path) = reference.split_once('/').expect("a host");
            path.split('@').next().expect("a name").to_owned()
        };
        let repositories = [repository(&src), repository(&dest)];
        let token = self.installation.token(&[repositories[0].as_str(), repositories[1].as_str()]);
        let before = self.installation.proxy.layer_reads();
        // Devices whose system is not known get what all systems take.
        let answer = self.deltas.delta(2, &src, &dest, &token);
        // Where the delta is, or which image it leads to.
        assert!([200, 302].contains(&answer.status), "{}: {}", answer.status, answer.text());
        assert_eq!(self.installation.proxy.layer_reads(), before, "it was made only now");
    }

    /// A builder in place of the one that is there, with the same data.
    pub(super) fn start_again(&mut self) {
        self.builder = ServerProcess::start_builder(&self.settings);
    }
}

impl Pending {
    /// Waits for an element whose JSON contains this text.
    #[track_caller]
    pub(super) fn until(&self, text: &str) -> Value {
        loop {
            match self.elements.recv_timeout(PATIENCE) {
                Ok(element) if element.to_string().contains(text) => return element,
                Ok(_) => {}
                Err(error) => panic!("{text} never came: {error}"),
            }
        }
    }

    /// The release's ID.
    #[track_caller]
    pub(super) fn release(&self) -> u64 {
        self.until("buildLogId")["value"].as_u64().expect("a number")
    }

    /// The whole answer.
    pub(super) fn answer(self) -> Answer {
        self.pushing.join().expect("no panic")
    }
}

/// Waits until something is so.
#[track_caller]
pub(super) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// A builder's settings, as variables.
fn environment(
    installation: &Installation,
    deltas: &ServerProcess,
    docker: &Docker,
    key: &str,
    more: &[(&str, &str)],
) -> Vec<(String, String)> {
    let engines = match cfg!(target_arch = "aarch64") {
        true => "DOCKER_HOST_ARM64",
        false => "DOCKER_HOST_AMD64",
    };
    let key = installation.write("closing.key", key);
    let ours = [
        ("REMORA_API", format!("http://{}", installation.api.server.address())),
        ("REMORA_DELTA_SERVER", format!("http://{}", deltas.address())),
        (engines, docker.address()),
        ("REMORA_BUILDER_DATA", installation.path("builder").display().to_string()),
        ("REMORA_API_KEY_FILE", key.display().to_string()),
        ("REMORA_BUILD_NETWORK", "none".to_owned()),
        ("REMORA_NO_PRUNING", "true".to_owned()),
        ("REMORA_LOG_FORMAT", "json".to_owned()),
        ("HOME", installation.path("").display().to_string()),
    ];
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ours.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(more).collect()
}
