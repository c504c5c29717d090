//! Files in a folder.

mod bucket;

use std::io::Write as _;
use std::path::Path;

use futures_util::TryStreamExt as _;

use super::*;
use crate::serving::ServingError;

const LONG: Duration = Duration::from_secs(3600);

fn open(folder: &Path) -> Arc<Artifacts> {
    Arc::new(
        Artifacts::open(&ArtifactPlace::Folder(folder.join("v2")), Duration::ZERO).expect("opened"),
    )
}

async fn publish(artifacts: &Arc<Artifacts>, bytes: &'static [u8]) -> String {
    let artifacts = Arc::clone(artifacts);
    let publish = move || {
        let mut file = artifacts.new_file().expect("created");
        file.write_all(bytes).expect("written");
        artifacts.publish(file).expect("published")
    };
    tokio::task::spawn_blocking(publish).await.expect("no panic")
}

async fn read(artifacts: &Artifacts, key: &str, range: std::ops::Range<u64>) -> Vec<u8> {
    let artifact = artifacts.get(key).await.expect("readable").expect("there");
    let download = artifact.read(range).await.expect("readable");
    let pieces: Vec<bytes::Bytes> = download.try_collect().await.expect("readable");
    pieces.concat()
}

#[tokio::test]
async fn what_is_published_is_read_whole_and_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = open(folder.path());
    let key = publish(&artifacts, b"0123456789").await;
    assert_eq!(key, Digest::of(b"0123456789").hex());
    assert_eq!(artifacts.get(&key).await.unwrap().unwrap().len(), 10);
    assert_eq!(read(&artifacts, &key, 0..10).await, b"0123456789");
    assert_eq!(read(&artifacts, &key, 3..5).await, b"34");
    assert_eq!(publish(&artifacts, b"0123456789").await, key);
    let listed = artifacts.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].key, listed[0].bytes), (&key, 10));
}

#[tokio::test]
async fn only_keys_are_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = open(folder.path());
    publish(&artifacts, b"x").await;
    for key in ["", "lock", "../jobs.sqlite", "%2e%2e/lock", &"a".repeat(64), &"A".repeat(64)] {
        assert!(artifacts.get(key).await.unwrap().is_none(), "{key}");
    }
}

#[tokio::test]
async fn what_is_downloaded_or_was_used_a_moment_ago_stays() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = open(folder.path());
    let key = publish(&artifacts, b"delta").await;
    assert!(!artifacts.remove(&key).await.unwrap(), "just published");
    artifacts.age(LONG);
    let artifact = artifacts.get(&key).await.unwrap().unwrap();
    artifacts.age(LONG);
    assert!(!artifacts.remove(&key).await.unwrap(), "open");
    let mut download = artifact.read(0..5).await.unwrap();
    artifacts.age(LONG);
    assert!(!artifacts.remove(&key).await.unwrap(), "downloaded");
    assert!(download.try_next().await.unwrap().is_some());
    drop(download);
    assert!(!artifacts.remove(&key).await.unwrap(), "just downloaded");
    artifacts.age(LONG);
    assert!(artifacts.remove(&key).await.unwrap());
    assert!(artifacts.get(&key).await.unwrap().is_none());
    assert_eq!(artifacts.list().await.unwrap(), []);
}

#[tokio::test]
async fn what_a_killed_server_was_writing_goes_and_what_it_published_stays() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = open(folder.path());
    let key = publish(&artifacts, b"whole").await;
    drop(artifacts);
    std::fs::write(folder.path().join("v2/.remora-x.tmp"), b"half").unwrap();
    let artifacts = open(folder.path());
    assert!(!artifacts.remove(&key).await.unwrap(), "somebody may be on the way");
    assert!(artifacts.get(&key).await.unwrap().is_some());
    assert!(!folder.path().join("v2/.remora-x.tmp").exists());
    let second = Artifacts::open(&ArtifactPlace::Folder(folder.path().join("v2")), Duration::ZERO);
    assert!(matches!(second, Err(ServerError::Serving(ServingError::InUse(_)))));
}

#[test]
fn the_secret_of_a_bucket_is_never_printed() {
    let bucket = crate::server::bucket::Bucket {
        url: "s3://deltas/v2".to_owned(),
        variables: vec![("AWS_SECRET_ACCESS_KEY".to_owned(), "hidden".to_owned())],
        allow_http: false,
    };
    assert!(!format!("{bucket:?}").contains("hidden"));
}
