use std::path::Path;

use object_store::local::LocalFileSystem;

use super::clean::clean;
use super::*;
use crate::image::{Digest, decompress};

const HOUR: Duration = Duration::from_secs(3600);

/// A store, a bucket that is a folder, and the way from one to the other.
struct Scene {
    folder: tempfile::TempDir,
    store: Store,
    bucket: Arc<LayerBucket>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let bucket = LayerBucket::over(objects(&folder.path().join("bucket")), &store).unwrap();
        Scene { folder, store, bucket }
    }

    fn add_layer(&self, bytes: &[u8]) -> DiffId {
        let diff_id = DiffId(Digest::of(bytes));
        let open = || Ok(Box::new(std::io::Cursor::new(bytes.to_vec())) as _);
        drop(self.store.ensure(diff_id, open).expect("stored"));
        diff_id
    }

    fn object(&self, diff_id: &DiffId) -> std::path::PathBuf {
        self.folder.path().join("bucket").join(path_of(diff_id).to_string())
    }

    async fn until_there(&self, diff_id: &DiffId) {
        while !self.object(diff_id).exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// What the bucket gives for a layer, unpacked.
    async fn opened(&self, diff_id: DiffId) -> Option<Vec<u8>> {
        opened(&self.bucket, diff_id).await
    }
}

fn objects(folder: &Path) -> Arc<dyn ObjectStore> {
    Arc::new(LocalFileSystem::new_with_prefix(folder).unwrap())
}

/// On a thread that blocks, as the store does.
async fn opened(bucket: &Arc<LayerBucket>, diff_id: DiffId) -> Option<Vec<u8>> {
    let bucket = Arc::clone(bucket);
    let open = move || {
        let mut bytes = Vec::new();
        let blob = bucket.open(diff_id, LEAST_BYTES)?;
        decompress(blob).ok()?.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    tokio::task::spawn_blocking(open).await.expect("no panic")
}

fn tar(seed: u8) -> Vec<u8> {
    (0..1_000_000_u32).map(|number| (number / 7) as u8 ^ seed).collect()
}

#[tokio::test]
async fn what_was_unpacked_is_had_from_the_bucket() {
    let scene = Scene::new();
    let diff_id = scene.add_layer(&tar(1));
    assert_eq!(scene.opened(diff_id).await, None, "not there yet");
    scene.bucket.offer(diff_id, LEAST_BYTES, 1_000_000, Duration::ZERO);
    scene.until_there(&diff_id).await;
    assert_eq!(scene.opened(diff_id).await.as_deref(), Some(&*tar(1)));
    assert!(std::fs::metadata(scene.object(&diff_id)).unwrap().len() < 500_000);
}

#[tokio::test]
async fn what_is_there_is_not_sent_again_unless_it_is_something_else() {
    let scene = Scene::new();
    let [first, second] = [1, 2].map(|seed| scene.add_layer(&tar(seed)));
    let offer = |diff_id| scene.bucket.offer(diff_id, LEAST_BYTES, 1_000_000, Duration::ZERO);
    std::fs::write(scene.object(&first), "what somebody put there").unwrap();
    offer(first);
    offer(second);
    // One comes after the other.
    scene.until_there(&second).await;
    assert_eq!(std::fs::read(scene.object(&first)).unwrap(), b"what somebody put there");
    let wrong =
        StoreError::WrongDiffId { expected: first, actual: DiffId(Digest::of(b"something else")) };
    scene.bucket.failed(first, &wrong);
    assert!(scene.opened(second).await.is_some(), "one object says nothing of the service");
    std::fs::remove_file(scene.object(&second)).unwrap();
    offer(first);
    offer(second);
    scene.until_there(&second).await;
    assert_eq!(scene.opened(first).await.as_deref(), Some(&*tar(1)));
}

#[tokio::test]
async fn a_stored_layer_that_the_disk_has_changed_is_given_to_nobody() {
    let scene = Scene::new();
    let [damaged, whole] = [1, 2].map(|seed| scene.add_layer(&tar(seed)));
    let path = scene.store.path().join("layers").join(damaged.0.hex());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, tar(3)).unwrap();
    for diff_id in [damaged, whole] {
        scene.bucket.offer(diff_id, LEAST_BYTES, 1_000_000, Duration::ZERO);
    }
    scene.until_there(&whole).await;
    assert!(!scene.object(&damaged).exists());
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_not_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (old, young) = (DiffId(Digest::of(b"old")), DiffId(Digest::of(b"young")));
    let mut names = vec![path_of(&young).to_string(), path_of(&old).to_string()];
    // What else somebody may have in a bucket; the longer names are nearly those of layers.
    let digits = old.0.hex();
    for other in ["other", "home.tar.zst", "a/home.tar.zst", &digits] {
        names.push(other.to_owned());
    }
    for other in ["backup/", "0", "../"] {
        names.push(format!("{}{}.tar.zst", other.replace("../", "x"), digits));
    }
    names.push(format!("{}.tar.zst", digits.to_uppercase()));
    for (number, name) in names.iter().enumerate() {
        let age = if number == 0 { HOUR / 2 } else { HOUR * 2 };
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "x").unwrap();
        let file = std::fs::File::open(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    assert_eq!(clean(&*objects(folder.path()), HOUR).await.unwrap(), 1);
    let gone: Vec<&String> =
        names.iter().filter(|name| !folder.path().join(name).exists()).collect();
    assert_eq!(gone, [&path_of(&old).to_string()]);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_left_alone_for_a_while() {
    let scene = Scene::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let variables = [
        ("AWS_ENDPOINT_URL", &*endpoint),
        ("AWS_REGION", "here"),
        ("AWS_ACCESS_KEY_ID", "somebody"),
        ("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-sees"),
    ];
    let bucket = Bucket {
        url: "s3://layers/prefix".to_owned(),
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        allow_http: true,
    };
    let bucket = LayerBucket::open(&bucket, &scene.store).unwrap();
    assert!(!bucket.health.is_paused());
    assert_eq!(opened(&bucket, DiffId(Digest::of(b"x"))).await, None);
    assert!(bucket.health.is_paused());
}
