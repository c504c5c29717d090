//! The page, as browsers see it.

mod accessible;
mod browser;
mod hostile;
mod many_jobs;
mod sessions;
mod story;

use std::time::Duration;

use serde_json::json;

use crate::installation::{BUILDER_TOKEN, Fault, Installation, Pair, Pushed, ServerProcess};

/// A size at which a delta of a few bytes is worth it, and quickly made.
const SIZE: usize = 40_000;
const TRIES: usize = 1_500;
const PAUSE: Duration = Duration::from_millis(20);

/// A server whose page is looked at.
struct Scene {
    server: ServerProcess,
    installation: Installation,
}

/// A pair of images in the registry.
struct Images {
    base: Pushed,
    target: Pushed,
}

impl Scene {
    fn new(settings: &[(&str, &str)]) -> Self {
        let installation = Installation::new();
        let server = installation.serve(settings);
        Scene { server, installation }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// Pushes a pair of its own for each number.
    fn images(&self, number: usize) -> Images {
        self.pushed(number, &Pair::similar(number as u64 + 1, SIZE))
    }

    fn pushed(&self, number: usize, pair: &Pair) -> Images {
        let (base, target) = self.installation.push_pair(number, pair);
        Images { base, target }
    }

    /// Has a delta made for a release of a fleet.
    fn prepare(&self, images: &Images, fleet: &str) {
        let pair = json!({ "src": images.base.reference, "dest": images.target.reference });
        let body = json!({ "pairs": [pair], "fleet": fleet }).to_string();
        let builder = format!("Bearer {BUILDER_TOKEN}");
        let headers = [("Authorization", &*builder), ("Content-Type", "application/json")];
        let answer = self.server.post("/api/v3/prepare", &headers, &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    fn state(&self, images: &Images) -> String {
        let (src, dest) = (&images.base.reference, &images.target.reference);
        let builder = format!("Bearer {BUILDER_TOKEN}");
        let path = format!("/api/v3/status?src={src}&dest={dest}");
        let answer = self.server.ask("GET", &path, &[("Authorization", &builder)]);
        answer.json()["status"].as_str().expect("a state").to_owned()
    }

    fn until_state(&self, images: &Images, state: &str) {
        let is_so = (0..TRIES).any(|_| {
            std::thread::sleep(PAUSE);
            self.state(images) == state
        });
        assert!(is_so, "still {}", self.state(images));
    }

    /// Has a delta made that is ready when this returns.
    fn ready(&self, number: usize, fleet: &str) -> Images {
        let images = self.images(number);
        self.prepare(&images, fleet);
        self.until_state(&images, "ready");
        images
    }

    /// Has a delta asked for that cannot be pushed.
    fn failed(&self, number: usize, fleet: &str) -> Images {
        let images = self.images(number);
        self.installation.proxy.set(Fault::RefusePushes(403));
        self.prepare(&images, fleet);
        self.until_state(&images, "failed");
        self.installation.proxy.set(Fault::None);
        images
    }

    /// Has a device told of a delta that is ready.
    fn deliver(&self, images: &Images) {
        let (base, target) = (&images.base, &images.target);
        let token = self.token(&[images]);
        let answer = self.server.delta(3, &base.reference, &target.reference, &token);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// A token that may pull from the repositories of these images.
    fn token(&self, images: &[&Images]) -> String {
        let repositories =
            images.iter().flat_map(|it| [&*it.base.repository, &it.target.repository]);
        self.installation.token(&repositories.collect::<Vec<&str>>())
    }
}
