use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::Dialect;
use crate::api::Secret;
use crate::image::{DiffId, Digest};
use crate::progress::Progress;
use crate::server::artifacts::ArtifactPlace;
use crate::server::build::{BuildError, Builder, Built, BuiltPlace, Estimate};
use crate::server::jobs::{JobSettings, Origin, Outcome, new_database, sql};
use crate::server::pair::{Pair, PinnedImage};
use crate::server::settings::WorkSettings;

const LONG: Duration = Duration::from_secs(3600);

/// Publishes a file of 1000 bytes for each pair.
struct Publisher(Arc<Artifacts>);

impl Builder for Publisher {
    fn estimate(&self, _pair: &Pair) -> Result<Estimate, BuildError> {
        Ok(Estimate { memory: 0 })
    }

    fn build(
        &self,
        pair: &Pair,
        _fleet: &str,
        _progress: &dyn Progress,
    ) -> Result<Built, BuildError> {
        let mut file = self.0.new_file().expect("created");
        file.write_all(format!("{:1000}", pair.target.repository).as_bytes()).expect("written");
        let place = BuiltPlace::File { key: self.0.publish(file).expect("published") };
        Ok(Built { place, bytes: 1000, pull_bytes: None, commands: 0, seconds: 0.0 })
    }

    fn link(&self, _fleet: &str, _repository: &str) -> f64 {
        1.0
    }
}

struct House {
    housekeeping: Housekeeping,
    artifacts: Arc<Artifacts>,
    jobs: Arc<Jobs>,
    store: Store,
    /// The folder of v2 files.
    files: std::path::PathBuf,
}

async fn house(folder: &Path, budget: u64) -> House {
    let place = ArtifactPlace::Folder(folder.join("v2"));
    let artifacts = Artifacts::open(&place, LONG).expect("opened");
    let settings = JobSettings::new(folder.join("jobs"), &WorkSettings::of_tests());
    house_of(folder, budget, artifacts, settings, None).await
}

/// One of several servers that have a database and a bucket together.
async fn house_with_bucket(folder: &Path, address: &str) -> House {
    let address = Secret::new(address.to_owned());
    let shared = SharedDatabase::at(&address).expect("an address");
    let settings = JobSettings {
        database: Some(address),
        files_home: Some(shared.bucket_folder().await.expect("agreed")),
        lease: Duration::from_millis(800),
        ..JobSettings::new(folder.join("jobs"), &WorkSettings::of_tests())
    };
    let place = ArtifactPlace::Folder(folder.join("v2"));
    let artifacts = Artifacts::open(&place, LONG).expect("opened").into_bucket(LONG);
    house_of(folder, 1 << 30, artifacts, settings, Some(shared)).await
}

async fn house_of(
    folder: &Path,
    budget: u64,
    artifacts: Artifacts,
    settings: JobSettings,
    shared: Option<SharedDatabase>,
) -> House {
    let artifacts = Arc::new(artifacts);
    let builder = Arc::new(Publisher(Arc::clone(&artifacts)));
    let jobs = Jobs::open(settings, builder).await.expect("opened");
    let store = Store::open(folder.join("store")).expect("opened");
    let (kept, known) = (Arc::clone(&artifacts), Arc::clone(&jobs));
    let housekeeping = Housekeeping::new(store.clone(), kept, known, shared, budget);
    House { housekeeping, artifacts, jobs, store, files: folder.join("v2") }
}

impl House {
    /// Has a v2 delta made and gives its key.
    async fn make(&self, name: &str) -> String {
        let image = |repository: &str| PinnedImage {
            repository: repository.to_owned(),
            digest: Digest::of(b""),
        };
        let pair = Pair { format: Dialect::V2, source: image("v2/source"), target: image(name) };
        let origin = Origin { fleet: String::new(), asker: None, release: false };
        let mut ticket = self.jobs.request(pair, origin).await.expect("room");
        match ticket.outcome().await {
            Outcome::Ready(Built { place: BuiltPlace::File { key }, .. }) => key,
            other => panic!("{other:?}"),
        }
    }

    /// Stores a layer of 1000 bytes, last used so long ago, and gives its diff ID.
    fn add_layer(&self, seed: u8, age: Duration) -> DiffId {
        let bytes = vec![seed; 1000];
        let diff_id = DiffId(Digest::of(&bytes));
        let open = || Ok(Box::new(std::io::Cursor::new(bytes.clone())) as _);
        drop(self.store.ensure(diff_id, open).expect("stored"));
        set_age(&self.store.path().join("layers").join(diff_id.0.hex()), age);
        diff_id
    }

    /// As if everything had been published and used long ago.
    fn age(&self) {
        self.artifacts.age(LONG);
        for file in std::fs::read_dir(&self.files).expect("there") {
            set_age(&file.expect("readable").path(), LONG);
        }
    }

    async fn has(&self, key: &str) -> bool {
        self.artifacts.list().await.unwrap().iter().any(|file| file.key == key)
    }
}

fn set_age(path: &Path, age: Duration) {
    let file = std::fs::File::open(path).expect("there");
    file.set_modified(SystemTime::now() - age).expect("changed");
}

#[tokio::test]
async fn within_the_budget_everything_stays() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), 3000).await;
    house.add_layer(1, LONG);
    house.add_layer(2, LONG);
    house.make("a").await;
    let found = house.housekeeping.clean().await.unwrap();
    assert_eq!(found, DiskUse { layers: 2, layer_bytes: 2000, files: 1, file_bytes: 1000 });
    assert_eq!(house.housekeeping.disk_use(), found);
}

#[tokio::test]
async fn beyond_it_the_oldest_layers_go_but_never_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), 2000).await;
    let oldest = house.add_layer(1, LONG * 3);
    let used = house.store.layer(oldest).unwrap().expect("there");
    set_age(&house.store.path().join("layers").join(oldest.0.hex()), LONG * 3);
    house.add_layer(2, LONG * 2);
    let young = house.add_layer(3, LONG);
    house.make("a").await;
    let found = house.housekeeping.clean().await.unwrap();
    assert_eq!((found.files, found.file_bytes), (1, 1000));
    assert_eq!(found.layer_bytes, 1000);
    assert!(house.store.layer(oldest).unwrap().is_some());
    drop(used);
    assert!(house.store.layer(young).unwrap().is_none());
}

#[tokio::test]
async fn a_file_that_was_asked_for_a_moment_ago_or_is_downloaded_stays() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), 0).await;
    let key = house.make("a").await;
    house.age();
    house.housekeeping.clean().await.unwrap();
    assert!(house.has(&key).await, "its job was asked for a moment ago");
    let open = house.artifacts.get(&key).await.unwrap();
    house.jobs.release_files(HashSet::from([key.clone()]), SystemTime::now() + LONG).await;
    house.age();
    house.housekeeping.clean().await.unwrap();
    assert!(house.has(&key).await, "it is downloaded");
    drop(open);
    house.age();
    house.housekeeping.clean().await.unwrap();
    assert!(!house.has(&key).await, "no job knows of it");
}

#[tokio::test]
async fn a_file_that_no_job_knows_stays_while_somebody_may_be_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), 0).await;
    let stranger = house.files.join("5".repeat(64));
    std::fs::write(&stranger, "of a job that was forgotten").unwrap();
    house.artifacts.age(LONG);
    house.housekeeping.clean().await.unwrap();
    assert!(stranger.exists(), "just published");
    set_age(&stranger, LONG);
    house.housekeeping.clean().await.unwrap();
    assert!(!stranger.exists());
}

#[tokio::test]
async fn a_delta_whose_file_has_gone_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), 10_000).await;
    let key = house.make("a").await;
    std::fs::remove_file(folder.path().join("v2").join(&key)).unwrap();
    house.housekeeping.clean().await.unwrap();
    assert_eq!(house.make("a").await, key);
    assert!(house.has(&key).await);
}

#[tokio::test]
async fn a_file_of_several_servers_stays_as_long_as_a_url_of_it_may_hold() {
    let (folder, address) = (tempfile::tempdir().unwrap(), new_database());
    let house = house_with_bucket(folder.path(), &address).await;
    while !house.jobs.leads() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let key = house.make("a").await;
    let set_all_back = || {
        house.artifacts.age(LONG * 3);
        for file in std::fs::read_dir(&house.files).expect("there") {
            set_age(&file.expect("readable").path(), LONG * 3);
        }
    };
    set_all_back();
    house.housekeeping.clean().await.unwrap();
    assert!(house.has(&key).await, "its job is known");
    house.jobs.release_files(HashSet::from([key.clone()]), SystemTime::now() + LONG).await;
    house.housekeeping.clean().await.unwrap();
    assert!(house.has(&key).await, "a URL may have been given out until a moment ago");
    // A URL holds for an hour; ten minutes more are for whoever is on the way.
    let forgotten = |seconds: u32| {
        let back = "UPDATE remora.forgotten_files SET forgotten_at = forgotten_at - 1000 *";
        sql(&address, &format!("{back} {seconds}"));
    };
    forgotten(3600 + 600 - 60);
    house.housekeeping.clean().await.unwrap();
    assert!(house.has(&key).await, "a minute is left");
    forgotten(61);
    house.housekeeping.clean().await.unwrap();
    assert!(!house.has(&key).await);
    assert_eq!(sql(&address, "SELECT count(*) FROM remora.forgotten_files"), "0");
    // A server was killed between the upload and its job's end.
    let stranger = house.files.join("5".repeat(64));
    std::fs::write(&stranger, "of no job").unwrap();
    set_age(&stranger, LONG - Duration::from_secs(60));
    house.housekeeping.clean().await.unwrap();
    assert!(stranger.exists(), "its job may be about to end");
    set_age(&stranger, LONG);
    house.housekeeping.clean().await.unwrap();
    assert!(!stranger.exists());
}

#[tokio::test]
async fn of_several_servers_the_one_that_leads_looks_after_the_bucket() {
    let (folder, address) = (tempfile::tempdir().unwrap(), new_database());
    let first = house_with_bucket(&folder.path().join("a"), &address).await;
    while !first.jobs.leads() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = house_with_bucket(&folder.path().join("b"), &address).await;
    let stranger = second.files.join("5".repeat(64));
    std::fs::write(&stranger, "of no job").unwrap();
    second.artifacts.age(LONG);
    set_age(&stranger, LONG);
    let layer = second.add_layer(1, LONG);
    second.housekeeping.clean().await.unwrap();
    assert!(stranger.exists() && !second.jobs.leads());
    assert!(second.store.layer(layer).unwrap().is_some());
    first.jobs.stop(Duration::from_secs(5)).await;
    while !second.jobs.leads() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    second.housekeeping.clean().await.unwrap();
    assert!(!stranger.exists());
}

#[test]
fn layers_and_files_go_in_the_order_of_their_last_use() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let layers =
        [LayerUse { bytes: 10, last_used: at(4) }, LayerUse { bytes: 10, last_used: at(1) }];
    let file =
        |key: &str, used| StoredArtifact { key: key.to_owned(), bytes: 10, last_used: at(used) };
    let files = [file("old", 2), file("young", 5), file("asked", 0), file("unknown", 9)];
    let asked = ["old", "young"].map(|key| (key.to_owned(), at(0)));
    let asked: HashMap<_, _> = asked.into_iter().chain([("asked".to_owned(), at(3))]).collect();
    let plan = |bytes, with_files| {
        let plan = Plan::new(&layers, &files, &asked, Budget { bytes, with_files });
        let mut going: Vec<_> = plan.files.into_iter().collect();
        going.sort();
        (going.join(" "), plan.layer_bytes)
    };
    for (budget, expected) in [
        (50, ("unknown", 20)),
        (40, ("unknown", 10)),
        (39, ("old unknown", 10)),
        (20, ("asked old unknown", 10)),
        (10, ("asked old unknown", 0)),
        (0, ("asked old unknown young", 0)),
    ] {
        let (files, layer_bytes) = plan(budget, true);
        assert_eq!((&*files, layer_bytes), expected, "budget {budget}");
    }
    assert_eq!(plan(10, false), ("unknown".to_owned(), 10));
}

#[tokio::test]
async fn stored_layers_are_looked_at_one_by_one_and_the_damaged_go() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), 1 << 30).await;
    let mut layers: Vec<DiffId> = (0..3).map(|seed| house.add_layer(seed, LONG)).collect();
    layers.sort_unstable();
    let path = |diff_id: &DiffId| house.store.path().join("layers").join(diff_id.0.hex());
    std::fs::remove_file(path(&layers[1])).unwrap();
    std::fs::write(path(&layers[1]), [7; 1000]).unwrap();
    let mut last = None;
    for expected in &layers {
        last = house.housekeeping.watch_next_layer(last).await;
        assert_eq!(last.as_ref(), Some(expected));
    }
    assert_eq!(house.housekeeping.watch_next_layer(last).await, None, "begins anew");
    let left: Vec<bool> = layers.iter().map(|diff_id| path(diff_id).exists()).collect();
    assert_eq!(left, [true, false, true]);
}
