//! Watching fleets from inside the server: new releases get their deltas by themselves, and drafts are
//! let out by rule.

mod command;
mod kills;
mod links;
mod rules;

use std::time::{Duration, Instant};

use crate::installation::{Answer, Claims, Installation, Pushed, ServerProcess, repository};
use crate::openbalena::USER;
use crate::sample_image::{SampleImage, Style, noise, tar};

/// Bytes of each image.
const SIZE: usize = 60_000;
/// How long a watcher may take for what it is to do.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A fleet whose devices run a release with one service.
struct Scene {
    installation: Installation,
    fleet: u64,
    base: Pushed,
    images: usize,
}

/// A release, and the image of its service.
struct Draft {
    release: u64,
    image: Pushed,
}

impl Scene {
    fn new() -> Self {
        let installation = Installation::new();
        let base = installation.push(&repository(0), "latest", &image(0));
        let api = &installation.api.openbalena;
        let fleet = api.fleet("org/fleet");
        api.config_variable(fleet, "BALENA_SUPERVISOR_DELTA_VERSION", "3");
        let mut scene = Scene { installation, fleet, base, images: 1 };
        let running = scene.release_of(0, false, scene.base.clone()).release;
        scene.installation.api.openbalena.device(fleet).runs(running).add();
        scene
    }

    /// The next release, a draft or final, whose image differs from the first one's in a few bytes.
    fn release(&mut self, draft: bool) -> Draft {
        let number = self.images;
        self.images += 1;
        let image = self.installation.push(&repository(number), "latest", &image(number));
        self.release_of(number, draft, image)
    }

    fn release_of(&mut self, number: usize, draft: bool, image: Pushed) -> Draft {
        let api = &self.installation.api.openbalena;
        let release = api.release(self.fleet, &format!("{number:040x}"));
        let release = if draft { release.draft() } else { release };
        let location = format!("{}/{}", self.installation.registry_host(), image.repository);
        let digest = image.image.manifest_digest().to_string();
        let release = release.image("web", &location, Some(&digest), SIZE as u64).add();
        Draft { release, image }
    }

    /// A server that watches the fleet.
    fn watch(&self, more: &[(&str, &str)]) -> ServerProcess {
        let key = self.installation.api.openbalena.api_key(USER);
        let key = self.installation.write("api-key", &key).display().to_string();
        let api = format!("http://{}", self.installation.api.server.address());
        let own = [
            ("REMORA_WATCH", "all"),
            ("REMORA_WATCH_INTERVAL", "200ms"),
            ("REMORA_API", &api),
            ("REMORA_API_KEY_FILE", &key),
        ];
        let all: Vec<(&str, &str)> = own.into_iter().chain(more.iter().copied()).collect();
        self.installation.serve(&all)
    }

    fn is_final(&self, draft: &Draft) -> bool {
        self.installation.api.openbalena.standing(draft.release).is_final
    }

    /// The answer to a device that runs the first release.
    fn asked(&self, server: &ServerProcess, draft: &Draft) -> Answer {
        let repositories = [self.base.repository.as_str(), &draft.image.repository];
        let claims = Claims::new(&self.installation.registry_host(), &repositories);
        let token = self.installation.api.token(&claims);
        server.delta(3, &self.base.reference, &draft.image.reference, &token)
    }
}

/// Waits until something is so.
fn until(what: &str, server: &ServerProcess, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}:\n{}", server.log());
        std::thread::sleep(PAUSE);
    }
}

/// An image that differs from that of number 0 in a few bytes.
fn image(number: usize) -> SampleImage {
    let mut data = noise(1, SIZE);
    let text = format!("image {number:9}");
    data[SIZE / 2..SIZE / 2 + text.len()].copy_from_slice(text.as_bytes());
    let tars = vec![tar("name", b"web"), tar("data", &data)];
    SampleImage::of_tars(Style::Docker, "amd64", tars)
}
