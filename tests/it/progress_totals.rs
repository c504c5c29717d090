//! What work tells of how far it is: all that is to come is known before the first byte, and what is
//! done in the end is that.

use std::collections::HashMap;
use std::sync::Mutex;

use remora::image::{ImageReference, IndexContents};
use remora::progress::{Progress, Stage};
use remora::store::Store;
use remora::{v2, v3};

use crate::images::{Bench, image, noise, parse, tar};
use crate::registry_server::RegistryServer;
use crate::sample_image::{SampleImage, Style};

/// What was told of a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    expected: u64,
    done: u64,
    /// Whether more was expected after the first byte.
    grew: bool,
}

#[derive(Default)]
struct Recorded(Mutex<HashMap<Stage, Told>>);

impl Recorded {
    fn told(&self, stage: Stage) -> Told {
        self.0.lock().expect("no panic").get(&stage).copied().unwrap_or_default()
    }

    /// Fails unless these stages, and no others, were done as they were announced.
    #[track_caller]
    fn assert_true(&self, stages: &[Stage]) {
        for stage in [Stage::Fetch, Stage::Index, Stage::Encode, Stage::Verify, Stage::Push] {
            let told = self.told(stage);
            assert!(!told.grew && told.done == told.expected, "{stage:?}: {told:?}");
            assert_eq!(told.done > 0, stages.contains(&stage), "{stage:?}: {told:?}");
        }
    }
}

impl Progress for Recorded {
    fn expect(&self, stage: Stage, units: u64) {
        let mut told = self.0.lock().expect("no panic");
        let told = told.entry(stage).or_default();
        told.expected += units;
        told.grew |= told.done > 0 && units > 0;
    }

    fn advance(&self, stage: Stage, units: u64) {
        let mut told = self.0.lock().expect("no panic");
        told.entry(stage).or_default().done += units;
    }
}

fn layer(name: &str, seed: u64) -> Vec<u8> {
    tar(&[(name, &noise(seed, 200_000)[..])])
}

/// The references of two images in every kind of place that a bench has.
fn pairs(bench: &Bench) -> Vec<[ImageReference; 2]> {
    let sample = |style, seeds: &[u64]| {
        let tars = seeds.iter().map(|seed| layer(&format!("file-{seed}"), *seed)).collect();
        SampleImage::of_tars(style, "amd64", tars).contents
    };
    let at = |transport: &str, end: &str| {
        let folder = bench.path().display();
        ["base", "target"].map(|name| parse(&format!("{transport}:{folder}/{name}{end}")))
    };
    let pairs = vec![at("oci", ":it"), at("oci-archive", ".tar"), at("docker-archive", ".docker")];
    for (pair, style) in pairs.iter().zip([Style::Oci, Style::OciZstd, Style::Plain]) {
        bench.put_at(&pair[0], &sample(style, &[1, 2, 3, 1, 4]));
        bench.put_at(&pair[1], &sample(style, &[1, 5, 3, 6, 7, 6]));
    }
    pairs
}

#[test]
fn totals_are_known_before_the_first_byte_and_hold() {
    use Stage::{Encode, Fetch, Index, Push, Verify};
    let bench = Bench::new();
    for (number, pair) in pairs(&bench).into_iter().enumerate() {
        let store = |name: &str| {
            Store::open(bench.path().join(format!("{name}{number}"))).expect("a store")
        };
        let [base, target] = [&pair[0], &pair[1]].map(|reference| bench.open(reference));
        let create_store = store("create");
        let recorded = Recorded::default();
        let options = v3::CreateOptions::default();
        let delta = v3::create(&base, &target, &create_store, &options, &recorded).expect("made");
        let place = bench.reference(&format!("delta{number}"));
        bench.transports.write(&place, delta.contents(), &recorded).expect("written");
        recorded.assert_true(&[Fetch, Index, Encode, Verify, Push]);

        let recorded = Recorded::default();
        let delta = bench.open(&place);
        let options = remora::apply::ApplyOptions::for_destination(&pair[1]);
        let rebuilt = remora::apply::apply(&base, &delta, &store("apply"), options, &recorded)
            .expect("right");
        let out = pair[1].to_string().replace("target", "rebuilt");
        bench.transports.write(&parse(&out), rebuilt.contents(), &recorded).expect("written");
        recorded.assert_true(&[Fetch, Push]);
        assert!(recorded.told(Fetch).done > 600_000, "the base's layers and the delta's");

        let recorded = Recorded::default();
        v3::inspect(&delta, &create_store.limits(), &recorded).expect("read");
        recorded.assert_true(&[Fetch]);

        let recorded = Recorded::default();
        let (out, options) = (tempfile::tempfile().expect("a file"), v2::CreateOptions::default());
        let store = store("v2");
        v2::create(&base, &target, &store, &options, &out, &recorded).expect("made");
        recorded.assert_true(&[Fetch, Encode, Verify]);
    }
}

#[test]
fn totals_of_several_deltas_are_known_before_the_first_is_begun() {
    use Stage::{Encode, Fetch, Index, Push, Verify};
    let bench = Bench::new();
    let first = &pairs(&bench)[0];
    let [first_base, first_target] = [&first[0], &first[1]].map(|place| bench.open(place));
    // The second pair's layers are other ones than the first's.
    let other = |number: u64, seeds: [u64; 2]| {
        let mut builder = image();
        for seed in seeds {
            builder = builder.layer(&layer(&format!("other-{seed}"), seed));
        }
        bench.put(&format!("other-{number}"), &builder.build())
    };
    let (base, target) = (other(1, [21, 22]), other(2, [21, 23]));
    let pairs = [(&first_base, &first_target), (&base, &target)];
    let store = Store::open(bench.path().join("both")).expect("a store");
    let (recorded, begun) = (Recorded::default(), Mutex::new(Vec::new()));
    let begin = |number| begun.lock().expect("no panic").push(number);
    let options = v3::CreateOptions::default();
    let deltas = v3::create_all(&pairs, &store, &options, &begin, &recorded).expect("made");
    assert_eq!(*begun.lock().expect("no panic"), [0, 1]);
    recorded.assert_true(&[Fetch, Index, Encode, Verify]);

    let platforms = ["linux/amd64", "linux/arm64"].map(|name| name.parse().expect("a platform"));
    let contents = deltas.iter().map(|delta| delta.contents().clone());
    let index = IndexContents::new(platforms.into_iter().zip(contents).collect()).expect("two");
    let registry = RegistryServer::open();
    for place in [bench.reference("index"), parse(&format!("{}/app:index", registry.address()))] {
        let recorded = Recorded::default();
        let destination = bench.transports.destination(&place).expect("writable");
        bench.transports.write_index_to(destination, &index, &recorded).expect("written");
        recorded.assert_true(&[Push]);
    }
}
