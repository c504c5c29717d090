//! `remora release`, with an API, a registry and a delta server.

mod failures;
mod page;
mod shown;

use std::process::Command;

use super::sandbox::{Ran, Sandbox};
use crate::installation::{Installation, Pair, Pushed, ServerProcess, repository};
use crate::openbalena::USER;

const SLUG: &str = "org/thermostat";
/// A size at which a delta of a few bytes is worth it, and quickly made.
const SIZE: usize = 40_000;
/// When the draft was made, in milliseconds since 1970; its version says so.
const DRAFT_MADE: u128 = 1_700_000_000_000;
/// What the API says of an image's uncompressed size.
const IMAGE_SIZE: u64 = 90_000;

/// A fleet with a release that its devices run, and a draft that they are to get.
struct Scene {
    sandbox: Sandbox,
    server: ServerProcess,
    installation: Installation,
    fleet: u64,
    from: u64,
    to: u64,
}

impl Scene {
    fn new() -> Self {
        Self::with(&[], |_, row| row)
    }

    /// A scene whose draft has more images.
    fn with(settings: &[(&str, &str)], more: impl Fn(&Installation, Images) -> Images) -> Self {
        let installation = Installation::new();
        let images = more(&installation, Images::usual(&installation));
        let rows = &installation.api.openbalena;
        let fleet = rows.fleet(SLUG);
        let commits = ["a", "b"].map(|letter| letter.repeat(40));
        let from = images
            .old
            .iter()
            .fold(rows.release(fleet, &commits[0]).version("1.0.0"), |row, (service, image)| {
                row.image(service, &image.0, image.1.as_deref(), IMAGE_SIZE)
            });
        let from = from.add();
        let to = images.new.iter().fold(
            rows.release(fleet, &commits[1]).version("1.1.0").draft().created(DRAFT_MADE),
            |row, (service, image)| row.image(service, &image.0, image.1.as_deref(), IMAGE_SIZE),
        );
        let to = to.add();
        let sandbox = Sandbox::new();
        std::fs::write(sandbox.path("key"), rows.api_key(USER)).expect("written");
        let server = installation.serve(settings);
        Scene { sandbox, server, installation, fleet, from, to }
    }

    /// Five devices that follow the fleet, two of them with v2 deltas, and one that is pinned.
    fn add_devices(&self) {
        let rows = &self.installation.api.openbalena;
        for version in ["3", "3", "3", "2", "2"] {
            let device = rows.device(self.fleet).runs(self.from).os("balenaOS 5.0.1");
            device.config_variable("BALENA_SUPERVISOR_DELTA_VERSION", version).add();
        }
        let device = rows.device(self.fleet).runs(self.from).pinned(self.from);
        device.config_variable("BALENA_SUPERVISOR_DELTA_VERSION", "3").add();
    }

    /// `remora release` with these arguments, ready to run.
    fn command(&self, arguments: &str) -> Command {
        let mut command = self.sandbox.command(&format!("release {arguments}"));
        let api = self.installation.api.server.address();
        command.arg("--api").arg(format!("http://{api}"));
        command.arg("--server").arg(format!("http://{}", self.server.address()));
        command.args(["--token-file", "key"]);
        command
    }

    fn run(&self, arguments: &str) -> Ran {
        self.command(arguments).output().expect("remora runs").into()
    }

    fn succeed(&self, arguments: &str) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "remora release {arguments}\n{}", ran.stderr);
        ran
    }

    /// Both releases, as the command line has them.
    fn releases(&self) -> String {
        format!("{} {}", self.from, self.to)
    }
}

/// A place in the registry, and the digest that the API knows.
type ImageRow = (String, Option<String>);

/// The images of both releases, by service.
struct Images {
    old: Vec<(&'static str, ImageRow)>,
    new: Vec<(&'static str, ImageRow)>,
}

impl Images {
    /// A service that changes, one of whose digests the API knows none, one that stays, one that is new and one
    /// that goes.
    fn usual(installation: &Installation) -> Self {
        let (api, new_api) = installation.push_pair(0, &Pair::similar(1, SIZE));
        let (worker, new_worker) = installation.push_pair(1, &Pair::similar(2, SIZE));
        let same = Pair::similar(3, SIZE).base;
        let cache = installation.push(&repository(4), "latest", &same);
        let new_cache = installation.push(&repository(5), "latest", &same);
        let (gone, new) = installation.push_pair(3, &Pair::similar(4, SIZE));
        let row = |pushed: &Pushed| row(installation, pushed);
        let unknown = |pushed: &Pushed| (row(pushed).0, None);
        Images {
            old: vec![
                ("api", row(&api)),
                ("cache", row(&cache)),
                ("gone", row(&gone)),
                ("worker", unknown(&worker)),
            ],
            new: vec![
                ("api", row(&new_api)),
                ("cache", row(&new_cache)),
                ("new", row(&new)),
                ("worker", unknown(&new_worker)),
            ],
        }
    }

    /// The same with a service whose old image the registry does not have.
    fn with_lost(mut self, installation: &Installation) -> Self {
        let pair = Pair::similar(9, SIZE);
        let pushed = installation.push(&repository(19), "latest", &pair.target);
        let lost = format!("{}/{}", installation.registry_host(), repository(18));
        self.old.push(("lost", (lost, Some(pair.base.manifest_digest().to_string()))));
        self.new.push(("lost", row(installation, &pushed)));
        self
    }
}

fn row(installation: &Installation, pushed: &Pushed) -> ImageRow {
    let place = format!("{}/{}", installation.registry_host(), pushed.repository);
    (place, Some(pushed.image.manifest_digest().to_string()))
}
