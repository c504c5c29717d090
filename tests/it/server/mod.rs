//! The delta server from outside: everything that docs/openbalena.md says of clients and answers.

mod access;
mod answers;
mod bad_requests;
mod bucket;
mod clients;
mod connections;
mod database_away;
mod downloads;
mod faults;
mod host_answers;
mod layer_cache;
mod life;
mod link_rates;
mod many_pairs;
mod operations;
mod prepare;
mod references;
mod roles;
mod several;
mod tags;
mod trials;
mod user_tokens;

use std::time::Duration;

use remora::apply::{ApplyOptions, apply};
use remora::image::Image;
use remora::progress::Silent;
use remora::store::Store;

use crate::installation::{Answer, Fault, Installation, Pair, Pushed, ServerProcess};

/// After how long a delta that was seen is looked for again, and what a tag means.
const SEEN_LIFE: Duration = Duration::from_millis(5_200);

/// A size at which a delta of a few bytes is worth it, and quickly made.
const SIZE: usize = 40_000;

/// An installation with a server in it, and a pair of images in the registry.
struct Scene {
    server: ServerProcess,
    installation: Installation,
    base: Pushed,
    target: Pushed,
    /// A device's token for both.
    token: String,
}

impl Scene {
    /// With a pair that a delta is worth between.
    fn new(settings: &[(&str, &str)]) -> Self {
        Self::with(&Pair::similar(1, SIZE), settings)
    }

    fn with(pair: &Pair, settings: &[(&str, &str)]) -> Self {
        let installation = Installation::new();
        let (base, target) = installation.push_pair(0, pair);
        let token = installation.token(&[&base.repository, &target.repository]);
        let server = installation.serve(settings);
        Scene { server, installation, base, target, token }
    }

    /// Asks for the pair's delta, as devices do.
    fn ask(&self, version: u8) -> Answer {
        self.server.delta(version, &self.base.reference, &self.target.reference, &self.token)
    }

    /// Asks until the answer is another than 504, as devices do.
    fn ask_on(&self, version: u8) -> Answer {
        ask_on(&self.server, version, (&self.base, &self.target), &self.token)
    }

    /// The name of the delta between the two, where nothing is in its way.
    fn usual_name(&self) -> String {
        usual_name(&self.installation, &self.base, &self.target)
    }

    /// Stops the server and starts it again.
    fn restart(&mut self, settings: &[(&str, &str)]) {
        self.server.terminate();
        let (status, log) = self.server.wait();
        assert!(status.success(), "{status}:\n{log}");
        self.server = self.installation.serve(settings);
    }

    fn fault(&self, fault: Fault) {
        self.installation.proxy.set(fault);
    }
}

fn ask_on(
    server: &ServerProcess,
    version: u8,
    (base, target): (&Pushed, &Pushed),
    token: &str,
) -> Answer {
    const TRIES: usize = 200;
    for _ in 0..TRIES {
        let answer = server.delta(version, &base.reference, &target.reference, token);
        if answer.status != 504 {
            return answer;
        }
    }
    panic!("only 504:\n{}", server.log());
}

/// `delta-` and the first half of the base's repository, in the target's.
fn usual_name(installation: &Installation, base: &Pushed, target: &Pushed) -> String {
    let hash = base.repository.trim_start_matches("v2/");
    format!("{}/{}:delta-{}", installation.registry_host(), target.repository, &hash[..16])
}

/// What a device has after it pulled `name` on top of `base`. Fails unless that is `target`.
fn assert_applies(installation: &Installation, name: &str, base: &Pushed, target: &Pushed) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().join("store")).expect("a store");
    let (base, delta) = (installation.open(&base.reference), installation.open(name));
    let mut options = ApplyOptions::default();
    options.base_blobs = true;
    let rebuilt = apply(&base, &delta, &store, options, &Silent).expect("applies");
    assert_eq!(rebuilt.contents().config, target.image.contents.config);
}

/// The value of a label of an image's configuration.
fn label(image: &Image, name: &str) -> Option<String> {
    image.config().runtime()["Labels"][name].as_str().map(str::to_owned)
}
