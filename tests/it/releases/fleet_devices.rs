//! Devices of a fleet that differ: pinned, older, silent, on their way, or up to date.

use remora::release::{FleetPair, UpdateState};

use super::{PATIENCE, SIZE, Scene, name, waiting};
use crate::installation::Pair;

/// A fleet that runs `current`, with an older release and a draft.
struct Mixed {
    scene: Scene,
    old: u64,
    current: u64,
    draft: u64,
}

impl Mixed {
    fn new() -> Self {
        let scene = Scene::new(&[]);
        let [first, second] = [Pair::similar(1, SIZE), Pair::similar(1, SIZE - 512)];
        let images = [&first.base, &second.base, &first.target].map(|image| scene.push(image));
        let row = |commit: &str| scene.rows().release(scene.fleet, &commit.repeat(40));
        let old = scene.with(row("a").version("1.0.0"), "web", &images[0]).add();
        let current = scene.with(row("b").version("1.1.0"), "web", &images[1]).add();
        let draft = scene.with(row("c").version("1.2.0").draft(), "web", &images[2]).add();
        Mixed { scene, old, current, draft }
    }

    /// The pairs of the draft, as release, kind, devices and those on their way.
    fn pairs(&self) -> Vec<(u64, &'static str, u64, u64)> {
        let target = name(&self.draft.to_string());
        let told = self.scene.user().fleet("org/fleet", Some(&target)).expect("an answer");
        let pair =
            |pair: &FleetPair| (pair.from_release, pair.delta_format, pair.devices, pair.coming);
        told.pairs.iter().map(pair).collect()
    }
}

#[test]
fn devices_count_by_what_they_run_what_is_coming_and_what_they_ask_for() {
    let fleet = Mixed::new();
    let rows = fleet.scene.rows();
    let device = || rows.device(fleet.scene.fleet);
    for _ in 0..3 {
        device().runs(fleet.current).add();
    }
    // On its way to what the fleet runs.
    device().runs(fleet.old).add();
    let newer = device().runs(fleet.current).os("balenaOS 2.99.27");
    newer.config_variable("BALENA_SUPERVISOR_DELTA_VERSION", "3").add();
    device().runs(fleet.old).pinned(fleet.old).add();
    device().add();
    // Of as many devices those of the newer release come first.
    let expected =
        [(fleet.current, "v2", 3, 2), (fleet.current, "v3", 1, 0), (fleet.old, "v2", 1, 0)];
    assert_eq!(fleet.pairs(), expected);
    let told = fleet.scene.user().fleet("org/fleet", None).expect("an answer");
    // What the fleet runs already: only the older one is to come.
    assert_eq!(told.target.id, fleet.current);
    let pairs: Vec<u64> = told.pairs.iter().map(|pair| pair.from_release).collect();
    assert_eq!((told.devices, pairs), (7, vec![fleet.old]));
    let silent = told.running.iter().find(|group| group.release.is_none()).expect("one");
    assert_eq!((silent.devices, silent.pinned), (1, 0));
}

#[test]
fn an_older_api_that_knows_no_pins_by_name_says_the_same() {
    let fleet = Mixed::new();
    let rows = fleet.scene.rows();
    rows.config_variable(fleet.scene.fleet, "BALENA_SUPERVISOR_DELTA_VERSION", "3");
    for _ in 0..2 {
        rows.device(fleet.scene.fleet).runs(fleet.current).add();
    }
    rows.device(fleet.scene.fleet).runs(fleet.old).pinned(fleet.old).add();
    let newer = fleet.pairs();
    assert_eq!(newer, [(fleet.current, "v3", 2, 0)]);
    rows.without_v7();
    assert_eq!(fleet.pairs(), newer);
}

#[test]
fn both_kinds_of_deltas_of_a_fleet_are_made_and_its_draft_is_let_out() {
    let fleet = Mixed::new();
    let rows = fleet.scene.rows();
    for version in ["2", "3"] {
        let device = rows.device(fleet.scene.fleet).runs(fleet.current);
        device.config_variable("BALENA_SUPERVISOR_DELTA_VERSION", version).add();
    }
    let target = name(&fleet.draft.to_string());
    let options = waiting(PATIENCE)
        .changed(|options| options.finalize = remora::release::Finalize::WhenReady);
    let mut user = fleet.scene.user();
    let told = user.prepare_fleet("org/fleet", Some(&target), options, &mut |_| {});
    let told = told.expect("an answer");
    assert!(told.finalized && !told.timed_out, "{told:#?}");
    assert!(rows.standing(fleet.draft).is_target);
    let mut formats: Vec<&str> = told.pairs.iter().map(|pair| pair.delta_format).collect();
    formats.sort_unstable();
    assert_eq!(formats, ["v2", "v3"]);
    for pair in &told.pairs {
        assert_eq!(pair.status, UpdateState::Ready);
        assert!(pair.delta_size.is_some_and(|size| Some(size) < pair.pull_size), "{pair:#?}");
    }
    assert!(told.payload_total < told.pull_total);
}
