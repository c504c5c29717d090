//! The routes of a server whose registry is not there, and the document that describes them.

use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::answer::Answer;
use super::router::{documented, router};
use crate::server::access::Denied;
use crate::server::settings::*;
use crate::server::start;
use crate::serving::ListenSettings;

/// Nobody listens on the first port.
const REGISTRY: &str = "127.0.0.1:1";

fn settings(folder: &Path) -> ServerSettings {
    const HOUR: Duration = Duration::from_secs(3_600);
    ServerSettings {
        role: Role::All,
        listen: ListenSettings {
            address: ([127, 0, 0, 1], 0).into(),
            metrics: None,
            tls: None,
            max_connections: None,
            max_quiet_connections: 100,
            public_url: None,
            trusted_proxies: Vec::new(),
            stop_within: HOUR,
            stop_delay: Duration::ZERO,
        },
        registry: RegistrySettings {
            host: REGISTRY.to_owned(),
            user: "builder".to_owned(),
            password: None,
            ca_file: None,
            silence: Duration::from_secs(45),
            retries: 2,
            plain_http: false,
            platform: None,
        },
        access: None,
        answers: AnswerSettings {
            long_poll: HOUR,
            wait: HOUR,
            worth_ratio: 1.0,
            download_expiry: HOUR,
            download_key: None,
        },
        work: WorkSettings { max_queue: 1, ..WorkSettings::of_tests() },
        data: DataSettings {
            database: None,
            folder: folder.to_owned(),
            artifacts: None,
            artifacts_plain_http: false,
            layer_cache: None,
            budget: 1 << 30,
        },
        watch: None,
    }
}

/// Sends one request to a server of its own.
async fn ask(method: &Method, target: &str) -> Response {
    let folder = TempDir::new().expect("a folder");
    let service = start::start(settings(folder.path())).await.expect("started");
    let request = Request::builder().method(method).uri(target).header(HOST, "delta.example");
    let request = request.body(Body::empty()).expect("a request");
    router(service).oneshot(request).await.expect("every request is answered")
}

fn document() -> Value {
    serde_json::to_value(documented().1).expect("JSON")
}

/// Every operation of the document: method, path, and the statuses that it may have.
fn operations() -> Vec<(Method, String, Vec<String>)> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("an item");
        item.iter().map(move |(method, operation)| {
            let method = method.to_ascii_uppercase().parse().expect("a method");
            let responses = operation["responses"].as_object().expect("responses");
            (method, path.clone(), responses.keys().cloned().collect())
        })
    });
    operations.collect()
}

#[tokio::test]
async fn what_is_described_is_there_and_answers_as_described() {
    let operations = operations();
    assert_eq!(operations.len(), 12);
    for (method, path, statuses) in operations {
        let response = ask(&method, &path.replace("{key}", "0")).await;
        let status = response.status().as_str().to_owned();
        assert!(statuses.contains(&status), "{method} {path}: {status}");
        assert!(response.headers().contains_key("x-request-id"), "{method} {path}");
        let other = ask(&Method::DELETE, &path).await;
        assert_eq!(other.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let served = ask(&Method::GET, "/api/openapi.json").await;
    let bytes = axum::body::to_bytes(served.into_body(), usize::MAX).await.expect("a body");
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("JSON"), document());
}

#[test]
fn every_answer_that_devices_get_is_described() {
    let retry_after = Duration::from_secs(1);
    let answers = [
        Answer::BadQuery(String::new()),
        Answer::Denied(Denied::Forbidden(String::new())),
        Answer::Denied(Denied::TooMany { retry_after }),
        Answer::Missing(String::new()),
        Answer::Impossible(String::new()),
        Answer::QueueFull,
        Answer::StillBuilding,
        Answer::RegistryAway,
        Answer::RegistryGone,
        Answer::Stopping,
        Answer::Defect,
    ];
    let document = document();
    for (path, success) in [("/api/v3/delta", "200"), ("/api/v2/delta", "302")] {
        let responses = &document["paths"][path]["get"]["responses"];
        assert!(responses[success].is_object(), "{path}");
        assert!(responses["401"].is_object(), "{path}");
        for answer in &answers {
            let response = &responses[answer.status().as_str()];
            let kinds = response["content"].as_object().expect("a content");
            assert_eq!(kinds.keys().collect::<Vec<_>>(), ["text/plain"], "{path} {answer:?}");
        }
        let described = responses.as_object().expect("responses").len();
        assert_eq!(described, 9, "{path} describes what is never answered");
    }
}

#[tokio::test]
async fn paths_that_are_none_are_404_and_methods_405() {
    for (method, target, status) in [
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/api/v1/delta", 404),
        (Method::GET, "/api/v3/delta/", 404),
        (Method::POST, "/api/v3/delta", 405),
        (Method::GET, "/api/v3/prepare", 405),
        (Method::GET, "/api/v2/download/", 404),
        (Method::GET, "/api/v2/download/a/b", 404),
    ] {
        assert_eq!(ask(&method, target).await.status(), status, "{method} {target}");
    }
}

#[tokio::test]
async fn no_route_takes_a_request_without_a_host() {
    let folder = TempDir::new().expect("a folder");
    let service = start::start(settings(folder.path())).await.expect("started");
    let router = router(service);
    for target in ["/healthz", "/api/v3/delta", "/nothing"] {
        let request = Request::builder().uri(target).body(Body::empty()).expect("a request");
        let response = router.clone().oneshot(request).await.expect("every request is answered");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{target}");
    }
}
