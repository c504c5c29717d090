//! Work that is told to stop: it does, says so, and leaves nothing behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use remora::image::{Image, ImageReference, TransportSettings, Transports};
use remora::progress::{Progress, Stage};
use remora::{Dialect, Error, ErrorKind, artifact, v2, v3};

use crate::images::{Bench, image, noise, tar};
use crate::sample_image::{SampleImage, Style};
use crate::scripted_server::{Reply, ScriptedServer};

/// Tells the work to stop as soon as something of a stage is done.
struct StopAt {
    stage: Stage,
    stop: AtomicBool,
}

impl StopAt {
    fn new(stage: Stage) -> Self {
        StopAt { stage, stop: AtomicBool::new(false) }
    }
}

impl Progress for StopAt {
    fn expect(&self, _stage: Stage, _units: u64) {}

    fn advance(&self, stage: Stage, units: u64) {
        if stage == self.stage && units > 0 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn assert_stopped(error: impl Into<Error>) {
    let error = error.into();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
}

/// Two images of three layers that have nothing in common.
fn bench() -> (Bench, [Image; 2]) {
    let bench = Bench::new();
    let images = [1, 2u64].map(|seed| {
        let layer = |index| tar(&[("file", &noise(seed * 10 + index, 400_000))]);
        let image = image().layer(&layer(1)).layer(&layer(2)).layer(&layer(3));
        bench.put(&format!("image{seed}"), &image.build())
    });
    (bench, images)
}

#[test]
fn a_v3_delta_in_the_making() {
    for stage in [Stage::Fetch, Stage::Index, Stage::Encode] {
        let (bench, [base, target]) = bench();
        let options = v3::CreateOptions::default();
        let progress = StopAt::new(stage);
        let result = v3::create(&base, &target, &bench.store, &options, &progress);
        assert_stopped(result.expect_err("stopped"));
        assert!(bench.work_in_progress().is_empty());
    }
}

#[test]
fn a_delta_for_hosts_in_the_making() {
    for dialect in [Dialect::Remora, Dialect::OciDelta] {
        for stage in [Stage::Fetch, Stage::Index, Stage::Encode, Stage::Verify] {
            let (bench, [base, target]) = bench();
            let options = artifact::CreateOptions::of(dialect);
            let progress = StopAt::new(stage);
            let result = artifact::create(&base, &target, &bench.store, &options, &progress);
            assert_stopped(result.expect_err("stopped"));
            assert!(bench.work_in_progress().is_empty());
        }
    }
}

#[test]
fn a_delta_for_hosts_of_one_layer_is_stopped_while_that_is_written() {
    let bench = Bench::new();
    let [base, target] = [1, 2u64].map(|seed| {
        let layer = tar(&[("file", &noise(seed, 9_000_000))]);
        bench.put(&format!("image{seed}"), &image().layer(&layer).build())
    });
    for dialect in [Dialect::Remora, Dialect::OciDelta] {
        let mut options = artifact::CreateOptions::of(dialect);
        options.verify = false;
        // Covers are found, and nothing of the blob is written.
        let progress = StopAt::new(Stage::Encode);
        let result = artifact::create(&base, &target, &bench.store, &options, &progress);
        assert_stopped(result.expect_err("stopped"));
        assert!(bench.work_in_progress().is_empty());
    }
}

#[test]
fn a_v2_delta_in_the_making() {
    for stage in [Stage::Fetch, Stage::Encode] {
        let (bench, [base, target]) = bench();
        let (options, out) = (v2::CreateOptions::default(), tempfile::tempfile().expect("a file"));
        let progress = StopAt::new(stage);
        let result = v2::create(&base, &target, &bench.store, &options, &out, &progress);
        assert_stopped(result.expect_err("stopped"));
        assert!(bench.work_in_progress().is_empty());
    }
}

/// Tells the work to stop when the flag is set.
struct StopOn(Arc<AtomicBool>);

impl Progress for StopOn {
    fn expect(&self, _stage: Stage, _units: u64) {}
    fn advance(&self, _stage: Stage, _units: u64) {}

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_push_to_a_registry_that_does_not_answer() {
    let (asked, over) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(2)));
    let (seen, end) = (Arc::clone(&asked), Arc::clone(&over));
    let server = ScriptedServer::taking_everything(move |request| {
        if request.method == "PUT" && !seen.swap(true, Ordering::Relaxed) {
            end.wait();
        }
        None::<Reply>
    });
    let transports = Transports::new(TransportSettings::default()).expect("no files needed");
    let reference: ImageReference =
        format!("{}/app:1", server.address()).parse().expect("a reference");
    let sample = SampleImage::new(Style::Docker, "x");
    let result = transports.write(&reference, &sample.contents, &StopOn(asked));
    assert_stopped(result.expect_err("stopped"));
    over.wait();
    assert!(server.requests_to("PUT", "/manifests/").is_empty());
}
