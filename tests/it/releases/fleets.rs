//! A whole fleet: what it takes to ask how its update stands, and in which order its deltas are made.

use std::time::{Duration, Instant};

use remora::release::{FleetUpdate, PayloadSource, PrepareOptions, UpdateState};

use super::{Road, Scene};
use crate::installation::{Exchange, Fault, Pushed};
use crate::sample_image::{SampleImage, Style, noise, tar};

const RELEASES: usize = 30;
const SERVICES: [&str; 5] = ["api", "db", "gateway", "ui", "worker"];
const DEVICES: u64 = 1_000;
/// Devices that the API gives in one answer.
const PAGE: u64 = 1_000;
/// Requests to the API that may be made for a fleet.
const MOST_REQUESTS: usize = 10;

/// A fleet with devices on many releases, and a new draft.
struct Fleet {
    scene: Scene,
    /// The releases that devices run, and how many run each, the most first.
    running: Vec<(u64, u64)>,
    target: u64,
    /// By repository, the release and service of the images that devices have.
    images: Vec<(String, u64, &'static str)>,
}

/// The image of a service in a release: its first layer is the service's, in all releases.
fn image(release: usize, service: usize) -> SampleImage {
    let bottom = noise(service as u64 + 1, 20_000);
    let mut top = noise(service as u64 + 100, 10_000);
    top[..8].copy_from_slice(&(release as u64).to_le_bytes());
    SampleImage::of_tars(Style::Docker, "amd64", vec![tar("bottom", &bottom), tar("top", &top)])
}

impl Fleet {
    fn new(settings: &[(&str, &str)], devices: u64) -> Self {
        let scene = Scene::new(settings);
        let mut images = Vec::new();
        let mut add = |number: usize, commit: &str| {
            let row = scene.rows().release(scene.fleet, commit);
            let row = if number == RELEASES { row.draft() } else { row };
            let pushed: Vec<Pushed> =
                (0..SERVICES.len()).map(|service| scene.push(&image(number, service))).collect();
            let services = SERVICES.iter().zip(&pushed);
            let row = services.fold(row, |row, (service, image)| scene.with(row, service, image));
            let release = row.add();
            let known = SERVICES.iter().zip(&pushed);
            images.extend(
                known.map(|(service, image)| (image.repository.clone(), release, *service)),
            );
            release
        };
        let releases: Vec<u64> = (0..RELEASES)
            .map(|number| add(number, &format!("{:040x}", number + 0xaaaaaa)))
            .collect();
        let target = add(RELEASES, &"f".repeat(40));
        // Otherwise all would be on their way to the latest release that is final.
        scene.rows().pin_fleet(scene.fleet, None);
        scene.rows().config_variable(scene.fleet, "BALENA_SUPERVISOR_DELTA_VERSION", "3");
        // Not in the order of the releases.
        let mut running: Vec<(u64, u64)> = releases
            .iter()
            .enumerate()
            .map(|(index, id)| (*id, 3 + (index as u64 * 7) % 30))
            .collect();
        running[11].1 += devices - running.iter().map(|(_, devices)| devices).sum::<u64>();
        for (release, devices) in &running {
            for _ in 0..*devices {
                scene.rows().device(scene.fleet).runs(*release).os("balenaOS 2.99.27").add();
            }
        }
        running.sort_by_key(|(_, devices)| std::cmp::Reverse(*devices));
        Fleet { scene, running, target, images }
    }

    fn told(&self, road: Road) -> FleetUpdate {
        let target = super::name(&self.target.to_string());
        self.scene.user_on(road).fleet("org/fleet", Some(&target)).expect("an answer")
    }

    /// How often the delta server was asked how deltas stand.
    fn asked_for_states(&self) -> u64 {
        let text = self.scene.server.ask("GET", "/metrics", &[]).text();
        let answered = text.lines().filter(|line| {
            line.starts_with("remora_requests_total") && line.contains("/api/v3/status")
        });
        let number = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
        answered.map(|line| number(line).expect("a number")).sum()
    }
}

#[test]
fn a_fleet_of_a_thousand_devices_on_thirty_releases_takes_few_requests() {
    let fleet = Fleet::new(&[], DEVICES - 1);
    for (road, more) in [(Road::Own, 0), (Road::Builder, 0), (Road::Own, 7)] {
        for _ in 0..more {
            fleet.scene.rows().device(fleet.scene.fleet).runs(fleet.running[0].0).add();
        }
        let (before, states) = (fleet.scene.asked().len(), fleet.asked_for_states());
        let begun = Instant::now();
        let told = fleet.told(road);
        let elapsed = begun.elapsed();
        let asked = fleet.scene.asked()[before..].to_vec();
        fleet.tell_time(elapsed, &asked);
        assert!(asked.len() <= MOST_REQUESTS, "{asked:#?}");
        let pages = asked.iter().filter(|line| line.starts_with("GET /v7/device?")).count() as u64;
        assert_eq!(pages, 1 + told.devices / PAGE, "{asked:#?}");
        assert_eq!(fleet.asked_for_states(), states + 1);
        assert_eq!(told.devices, DEVICES - 1 + more);
        assert_eq!(told.pairs.len(), RELEASES * SERVICES.len());
        let counted: Vec<(u64, u64)> = told
            .running
            .iter()
            .map(|group| (group.release.as_ref().expect("a release").id, group.devices))
            .collect();
        if more == 0 {
            assert_eq!(counted, fleet.running);
        }
        // Each device fetches the top layer of each service.
        let pair = &told.pairs[0];
        assert_eq!((pair.status, pair.payload_source), (UpdateState::Pending, PayloadSource::Pull));
        let pulled: u64 = told.pairs[..SERVICES.len()].iter().map(|pair| pair.payload_size).sum();
        assert!(told.pull_total > 0 && told.pull_total == told.payload_total);
        assert_eq!(told.pull_total, pulled * (DEVICES - 1 + more));
    }
    // No token for the registry is longer than proxies let a header be.
    let tokens = fleet.scene.installation.api.server.requests_to("GET", "/auth/v1/token");
    assert!(tokens.iter().all(|request| request.path.len() < 8 << 10));
}

#[test]
fn the_deltas_of_a_fleet_are_queued_once_each_those_for_the_most_devices_first() {
    for road in [Road::Own, Road::Builder] {
        let fleet = Fleet::new(&[], DEVICES);
        fleet.scene.fault(Fault::HoldLayers);
        let target = super::name(&fleet.target.to_string());
        for _ in 0..2 {
            let mut user = fleet.scene.user_on(road);
            let options = PrepareOptions::default();
            let told = user.prepare_fleet("org/fleet", Some(&target), options, &mut |_| {});
            let told = told.expect("an answer");
            assert!(!told.timed_out && !told.finalized);
            let all = told.pairs.iter().all(|pair| pair.status == UpdateState::Preparing);
            assert!(all, "{:#?}", told.pairs);
        }
        let log = fleet.scene.server.log();
        let queued = log.lines().filter(|line| line.contains("job queued"));
        let queued: Vec<(u64, &str)> = queued.map(|line| fleet.pair_of(line)).collect();
        let expected: Vec<(u64, &str)> = fleet
            .running
            .iter()
            .flat_map(|(release, _)| SERVICES.map(|service| (*release, service)))
            .collect();
        assert_eq!(queued.len(), RELEASES * SERVICES.len());
        let devices = |(release, _): &(u64, &str)| {
            fleet.running.iter().find(|(id, _)| id == release).expect("it runs").1
        };
        let order = |pairs: &[(u64, &str)]| pairs.iter().map(devices).collect::<Vec<u64>>();
        assert_eq!(order(&queued), order(&expected), "{road:?}");
        let mut sorted = [queued, expected];
        sorted.iter_mut().for_each(|pairs| pairs.sort_unstable());
        assert_eq!(sorted[0], sorted[1]);
        fleet.scene.fault(Fault::None);
    }
}

impl Fleet {
    /// Tells how long it took, and how long the API takes for what it was asked. For people: no test depends
    /// on how quick a machine is.
    #[expect(clippy::print_stderr, reason = "a figure for people")]
    fn tell_time(&self, elapsed: Duration, asked: &[String]) {
        let api = &self.scene.installation.api.server.address();
        let bearer = format!("Bearer {}", self.scene.key);
        let begun = Instant::now();
        for line in asked {
            let (method, path) = line.split_once(' ').expect("a path");
            let headers = [("Authorization", bearer.as_str())];
            Exchange::send(api, method, path, &headers, b"").expect("sent").answer();
        }
        let api = begun.elapsed();
        eprintln!("{elapsed:?} for a fleet, {api:?} of it for {} answers of the API", asked.len());
    }

    /// The release and service of the image that a line of the log names as the base.
    fn pair_of(&self, line: &str) -> (u64, &str) {
        let at = |(repository, release, service): &(String, u64, &'static str)| {
            line.find(&format!("{repository}@")).map(|at| (at, *release, *service))
        };
        let first = self.images.iter().filter_map(at).min_by_key(|(at, ..)| *at);
        let (_, release, service) = first.expect("an image of the fleet");
        (release, service)
    }
}
