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
use crate::server::bucket::Bucket;

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
    let endpoint = format!("http://{address}");
    let variables = [
        ("AWS_ENDPOINT_URL", &*endpoint),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-sees"),
        ("AWS_PAGER", "less"),
    ];
    with_variables(&variables, scratch).expect("opened")
}

/// A bucket with these variables.
fn with_variables(
    variables: &[(&str, &str)],
    scratch: &Path,
) -> Result<Arc<Artifacts>, ServerError> {
    let all = [("AWS_REGION", "here")].iter().chain(variables);
    let bucket = Bucket {
        url: "s3://deltas/some/prefix".to_owned(),
        variables: all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        allow_http: true,
    };
    let place = BucketPlace { bucket, scratch: scratch.join("scratch"), folder: None };
    Artifacts::open(&ArtifactPlace::Bucket(place), URL_LIFE).map(Arc::new)
}

/// A service that answers each path with a text, and says which paths it was asked for.
async fn answering(
    answers: &'static [(&'static str, &'static str)],
) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let app = Router::new().fallback(move |uri: Uri| async move {
        noted.lock().unwrap().push(uri.to_string());
        let found = answers.iter().find(|(path, _)| uri.path() == *path);
        found.map_or((StatusCode::NOT_FOUND, ""), |(_, answer)| (StatusCode::OK, *answer))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, asked)
}

/// Credentials as the services of a machine and of a container give them.
const CREDENTIALS: &str = r#"{"AccessKeyId":"somebody","SecretAccessKey":"s","Token":"t",
    "Expiration":"2100-01-01T00:00:00Z"}"#;

#[tokio::test]
async fn credentials_come_from_the_services_of_a_machine_and_of_a_container() {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    const ROLE: &str = "/latest/meta-data/iam/security-credentials/role";
    let answers: &'static [_] = &[
        ("/latest/api/token", "token"),
        (ROLES, "role"),
        (ROLE, CREDENTIALS),
        ("/own", CREDENTIALS),
    ];
    let ((address, _service), folder) = (serve().await, tempfile::tempdir().unwrap());
    let (giving, asked) = answering(answers).await;
    let (endpoint, giving) = (format!("http://{address}"), format!("http://{giving}"));
    let container = format!("{giving}/own");
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "a token").unwrap();
    let token_file = token_file.display().to_string();
    for (number, (expected, variables)) in [
        (ROLE, &[("AWS_METADATA_ENDPOINT", &*giving)][..]),
        (
            "/own",
            &[
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*container),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &*token_file),
            ],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let variables = [&[("AWS_ENDPOINT_URL", &*endpoint)], variables].concat();
        let scratch = folder.path().join(number.to_string());
        let artifacts = with_variables(&variables, &scratch).expect("opened");
        let key = publish(&artifacts, b"signed with them").await;
        assert_eq!(read(&artifacts, &key, 0..6).await, b"signed");
        assert!(asked.lock().unwrap().iter().any(|path| path == expected), "{expected}");
    }
}

#[tokio::test]
async fn a_proxy_and_time_limits_count_and_what_would_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [("AWS_ACCESS_KEY_ID", "somebody"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let open = |number: usize, more: &[(&str, &str)]| {
        let scratch = folder.path().join(number.to_string());
        with_variables(&[&keys, more].concat(), &scratch)
    };
    let (proxy, asked) = answering(&[]).await;
    let proxy = format!("http://{proxy}");
    let variables = [("AWS_ENDPOINT_URL", "http://bucket.test"), ("AWS_PROXY_URL", &*proxy)];
    let artifacts = open(0, &variables).expect("opened");
    assert!(artifacts.get(&"0".repeat(64)).await.unwrap().is_none());
    let first = asked.lock().unwrap().first().cloned().expect("asked");
    assert!(first.starts_with("http://bucket.test/"), "{first}");

    // Nobody takes this connection up, so that only the limit ends the waiting.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let timeout = [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_TIMEOUT", "10ms")];
    let retries = open(1, &timeout).expect("opened");
    let listed = tokio::time::timeout(Duration::from_secs(200), retries.list()).await;
    listed.expect("it ends").expect_err("nobody answers");

    for (number, (name, value)) in [
        ("AWS_ALLOW_INVALID_CERTIFICATES", "true"),
        ("AWS_PROXY_CA_CERTIFICATE", "x"),
        ("AWS_HTTP2_ONLY", "true"),
        ("AWS_TIMEOUT", "soon"),
    ]
    .into_iter()
    .enumerate()
    {
        let error = open(2 + number, &[(name, value)]).expect_err(name).to_string();
        assert!(value == "soon" || error.contains(name), "{error}");
    }
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
