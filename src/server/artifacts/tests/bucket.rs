//! Files in a bucket: a small S3 of our own, of which nothing is asked that any other has not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::*;

const URL_LIFE: Duration = Duration::from_secs(86_400);
const DATE: &str = "Fri, 20 Nov 2020 10:00:00 GMT";

/// The objects by their paths, and the parts of uploads that are not complete.
#[derive(Default)]
struct Service {
    objects: BTreeMap<String, Bytes>,
    parts: BTreeMap<u32, Bytes>,
}

type Shared = Arc<Mutex<Service>>;

async fn serve() -> (SocketAddr, Shared) {
    let shared = Shared::default();
    let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, shared)
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !signed.is_some_and(|text| text.starts_with("AWS4-HMAC-SHA256 Credential=somebody/")) {
        return (StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code></Error>").into_response();
    }
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let mut service = shared.lock().unwrap();
    match method.as_str() {
        "POST" if query.starts_with("uploads") => {
            xml("InitiateMultipartUploadResult", "<UploadId>1</UploadId>")
        }
        "PUT" => service.take_part(&query, body),
        "POST" if query.starts_with("uploadId") => service.complete(path),
        "POST" if query.starts_with("delete") => service.delete(&body),
        "GET" if query.contains("list-type=2") => service.list(&query),
        _ => service.read(&path, &headers),
    }
}

impl Service {
    fn take_part(&mut self, query: &str, body: Bytes) -> Response {
        let number = query.split('&').find_map(|pair| pair.strip_prefix("partNumber="));
        self.parts.insert(number.expect("a part").parse().expect("a number"), body);
        [(header::ETAG, "\"part\"")].into_response()
    }

    fn complete(&mut self, path: String) -> Response {
        let parts: Vec<Bytes> = std::mem::take(&mut self.parts).into_values().collect();
        self.objects.insert(path, parts.concat().into());
        xml("CompleteMultipartUploadResult", "<ETag>\"whole\"</ETag>")
    }

    fn delete(&mut self, body: &Bytes) -> Response {
        let text = String::from_utf8_lossy(body);
        let key = text.split("<Key>").nth(1).and_then(|rest| rest.split("</Key>").next());
        let key = key.expect("a key");
        self.objects.remove(&format!("/deltas/{key}"));
        xml("DeleteResult", &format!("<Deleted><Key>{key}</Key></Deleted>"))
    }

    fn list(&self, query: &str) -> Response {
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
        let prefix = format!("/deltas/{}", prefix.unwrap_or_default().replace("%2F", "/"));
        let entry = |(path, bytes): (&String, &Bytes)| {
            let (key, size) = (path.trim_start_matches("/deltas/"), bytes.len());
            format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"whole\"</ETag>\
                 <LastModified>2020-11-20T10:00:00.000Z</LastModified></Contents>"
            )
        };
        xml(
            "ListBucketResult",
            &self
                .objects
                .iter()
                .filter(|(path, _)| path.starts_with(&prefix))
                .map(entry)
                .collect::<String>(),
        )
    }

    fn read(&self, path: &str, headers: &HeaderMap) -> Response {
        let Some(bytes) = self.objects.get(path) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let common = [(header::LAST_MODIFIED, DATE), (header::ETAG, "\"whole\"")];
        let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
        let Some((start, end)) =
            range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
        else {
            return (common, bytes.clone()).into_response();
        };
        let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
        let content_range = format!("bytes {start}-{end}/{}", bytes.len());
        let part = bytes.slice(start..=end);
        (StatusCode::PARTIAL_CONTENT, common, [(header::CONTENT_RANGE, content_range)], part)
            .into_response()
    }
}

fn xml(name: &str, content: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/xml")], format!("<{name}>{content}</{name}>"))
        .into_response()
}

fn bucket(address: SocketAddr, scratch: &Path, key: &str) -> Arc<Artifacts> {
    let bucket = Bucket {
        url: "s3://deltas/some/prefix".to_owned(),
        variables: [
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_REGION", "here".to_owned()),
            ("AWS_ACCESS_KEY_ID", key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-sees".to_owned()),
            ("AWS_PAGER", "less".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        allow_http: true,
        scratch: scratch.join("scratch"),
    };
    Arc::new(Artifacts::open(&ArtifactPlace::Bucket(bucket), URL_LIFE).expect("opened"))
}

#[tokio::test]
async fn a_bucket_does_what_a_folder_does() {
    let ((address, service), folder) = (serve().await, tempfile::tempdir().unwrap());
    let artifacts = bucket(address, folder.path(), "somebody");
    assert!(!artifacts.is_local());
    let key = publish(&artifacts, b"0123456789").await;
    let paths: Vec<String> = service.lock().unwrap().objects.keys().cloned().collect();
    let owner = std::fs::read_to_string(folder.path().join("scratch/owner")).unwrap();
    assert_eq!(paths, [format!("/deltas/some/prefix/{owner}/{key}")]);
    assert_eq!(artifacts.get(&key).await.unwrap().unwrap().len(), 10);
    assert_eq!(read(&artifacts, &key, 0..10).await, b"0123456789");
    assert_eq!(read(&artifacts, &key, 3..5).await, b"34");
    assert!(artifacts.get(&"0".repeat(64)).await.unwrap().is_none());
    let listed = artifacts.list().await.unwrap();
    assert_eq!((listed.len(), &listed[0].key, listed[0].bytes), (1, &key, 10));
    artifacts.age(LONG);
    assert!(artifacts.remove(&key).await.unwrap());
    assert!(service.lock().unwrap().objects.is_empty());
    let scratch = std::fs::read_dir(folder.path().join("scratch")).unwrap();
    let mut left: Vec<_> = scratch.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", "owner"]);
}

#[tokio::test]
async fn two_servers_with_one_bucket_leave_each_others_files_alone() {
    let ((address, service), folder) = (serve().await, tempfile::tempdir().unwrap());
    let one = bucket(address, &folder.path().join("one"), "somebody");
    let other = bucket(address, &folder.path().join("other"), "somebody");
    let key = publish(&one, b"the same delta").await;
    assert_eq!(other.list().await.unwrap(), []);
    assert!(other.get(&key).await.unwrap().is_none());
    assert_eq!(publish(&other, b"the same delta").await, key);
    assert_eq!(service.lock().unwrap().objects.len(), 2);
    other.age(LONG);
    assert!(other.remove(&key).await.unwrap());
    assert_eq!(read(&one, &key, 0..14).await, b"the same delta");
    drop(one);
    let restarted = bucket(address, &folder.path().join("one"), "somebody");
    assert_eq!(restarted.list().await.unwrap().len(), 1, "found again after a restart");
}

#[tokio::test]
async fn a_file_in_a_bucket_may_go_when_its_urls_have_expired() {
    let ((address, _service), folder) = (serve().await, tempfile::tempdir().unwrap());
    let artifacts = bucket(address, folder.path(), "somebody");
    let file = |age: u32| StoredArtifact {
        key: "5".repeat(64),
        bytes: 1,
        last_used: SystemTime::now() - URL_LIFE * age / 10,
    };
    assert!(!artifacts.may_go(&file(0)));
    assert!(!artifacts.may_go(&file(9)));
    assert!(artifacts.may_go(&file(11)));
}

#[tokio::test]
async fn what_a_bucket_refuses_is_told_without_secrets() {
    let ((address, _service), folder) = (serve().await, tempfile::tempdir().unwrap());
    let artifacts = bucket(address, folder.path(), "stranger");
    let error = artifacts.list().await.expect_err("refused");
    let text = format!("{error} {error:?}");
    assert!(text.starts_with("cannot list v2 deltas: "), "{text}");
    for secret in ["a-secret-that-nobody-sees", "stranger", "Signature"] {
        assert!(!text.contains(secret), "{text}");
    }
}
