//! Images pushed by real engines to a registry that checks tokens.

use remora::api::Secret;
use remora::builder::engine::{EngineError, Login, Progress};
use serde_json::Value;

use super::engine_contexts::{BASE, build, context, engines, place, request, wait};
use crate::docker::{Docker, Podman};
use crate::registry_server::{Access, RegistryServer};
use crate::token_server::{PASSWORD, TokenServer, USER};
use crate::tools;

struct Guarded {
    tokens: TokenServer,
    registry: RegistryServer,
}

impl Guarded {
    fn start() -> Self {
        let tokens = TokenServer::start();
        let (realm, certificate) = (tokens.realm(), tokens.certificate.clone());
        let access = Access::Token { realm: &realm, certificate: &certificate };
        let registry = RegistryServer::start(&access, None);
        Guarded { tokens, registry }
    }

    /// A registry token for one repository.
    fn token(&self, repository: &str) -> Login {
        let scope = format!("repository:{repository}:pull,push");
        let url = format!("{}?service=test-registry&scope={scope}", self.tokens.realm());
        let user = format!("{USER}:{PASSWORD}");
        let text = tools::run("curl", &["--silent", "--fail", "--user", &user, &url]);
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        Login::Token(Secret::new(answer["token"].as_str().expect("a token")))
    }

    fn location(&self, repository: &str) -> String {
        format!("{}/{repository}", self.registry.address())
    }
}

#[test]
fn an_image_is_pushed_with_a_registry_token_and_its_tag_removed() {
    let (docker, guarded) = (Docker::shared(), Guarded::start());
    let repository = "v2/0123456789abcdef0123456789abcdef";
    let location = guarded.location(repository);
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let engine = place.engine();
        let mut request = request("unused");
        request.tag = location.clone();
        build(engine, &request, context(BASE, &[])).await.built();
        let mut told: Vec<Progress> = Vec::new();
        let login = guarded.token(repository);
        let mut tell = |progress| told.push(progress);
        let pushed = engine.push(&location, "latest", &login, &mut tell).await.expect("pushed");
        let digest = pushed.expect("a digest").to_string();
        assert_eq!(guarded.registry.count(&format!("PUT /v2/{repository}/manifests/latest")), 1);
        assert!(digest.starts_with("sha256:"), "{digest}");
        let last = told.last().expect("progress");
        assert!(last.current == last.total && last.total > 1_000_000, "{told:?}");
        assert!(told.windows(2).all(|pair| pair[0].total <= pair[1].total), "{told:?}");

        let tag = format!("{location}:latest");
        assert!(docker.tags().contains(&tag));
        engine.remove_tag(&location, "latest").await.expect("removed");
        engine.remove_tag(&location, "latest").await.expect("not there");
        assert!(!docker.tags().contains(&tag));
        // What it was made of is still cache.
        let again = build(engine, &request, context(BASE, &[])).await;
        assert!(again.text().contains("Using cache"), "{}", again.text());
    });
}

#[test]
fn a_push_that_the_registry_denies_is_not_tried_again() {
    let (docker, guarded) = (Docker::shared(), Guarded::start());
    let location = guarded.location("v2/denied");
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let mut request = request("unused");
        request.tag = location.clone();
        build(place.engine(), &request, context(BASE, &[])).await.built();
        let other = guarded.token("v2/other");
        let error = place.engine().push(&location, "latest", &other, &mut |_| ()).await;
        match error.expect_err("denied") {
            EngineError::Push { location: told, message, .. } => {
                assert_eq!(told, location);
                assert!(
                    message.contains("denied") || message.contains("unauthorized"),
                    "{message}"
                );
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_base_image_of_the_callers_own_is_pulled_with_the_token() {
    let (docker, guarded) = (Docker::start(), Guarded::start());
    let location = guarded.location("v2/base");
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let engine = place.engine();
        let mut base = request("unused");
        base.tag = location.clone();
        build(engine, &base, context(BASE, &[])).await.built();
        let login = guarded.token("v2/base");
        engine.push(&location, "latest", &login, &mut |_| ()).await.expect("pushed");
        let tar = || context(&format!("FROM {location}:latest\nRUN echo upon it\n"), &[]);
        for buildkit in [false, true] {
            engine.remove_tag(&location, "latest").await.expect("removed");
            let mut request = request(if buildkit { "upon-by-buildkit" } else { "upon" });
            request.buildkit = buildkit;
            request.pull = true;
            request.no_cache = true;
            let ended = build(engine, &request, tar()).await;
            assert!(ended.outcome.is_err(), "without a token: {}", ended.text());
            request.registries.insert(guarded.registry.address(), login.clone());
            let ended = build(engine, &request, tar()).await;
            ended.built();
            assert!(ended.text().contains("upon it"), "{}", ended.text());
        }
    });
}

#[test]
fn an_image_that_is_not_there_cannot_be_pushed() {
    let docker = Docker::shared();
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let login = Login::Token(Secret::new("token"));
        let engine = place.engine();
        let pushed = engine.push("127.0.0.1:9/v2/never", "latest", &login, &mut |_| ()).await;
        let error = pushed.expect_err("not there");
        assert!(matches!(error, EngineError::Vanished { .. }), "{error}");
        assert!(error.to_string().contains(&docker.address()), "{error}");
    });
}

#[test]
fn podman_pushes_with_a_name_and_a_password() {
    let registry = RegistryServer::start(&Access::Password(USER, PASSWORD), None);
    let podman = Podman::start_beside(&registry.address());
    let location = format!("{}/v2/by-podman", registry.address());
    wait(async {
        let place = place(&engines(&[&podman.address()])).await;
        let mut request = request("unused");
        request.tag = location.clone();
        build(place.engine(), &request, context(BASE, &[])).await.built();
        let (username, password) = (USER.to_owned(), Secret::new(PASSWORD));
        let login = Login::Password { username, password };
        place.engine().push(&location, "latest", &login, &mut |_| ()).await.expect("pushed");
        assert_eq!(registry.count("PUT /v2/v2/by-podman/manifests/latest"), 1);
    });
}
