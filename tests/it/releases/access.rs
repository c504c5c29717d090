//! Who asks: tokens that have ended, that nobody knows, and that see nothing.

use remora::Cause;
use remora::api::Secret;
use remora::release::{ReleaseError, ReleaseSettings};

use super::{SIZE, Scene, names};
use crate::installation::Pair;
use crate::openbalena::USER;

fn with_token(scene: &Scene, token: &str) -> ReleaseSettings {
    scene.settings().changed(|settings| settings.token = Secret::new(token))
}

#[test]
fn a_session_that_is_over_is_told_before_anybody_is_asked() {
    let scene = Scene::new(&[]);
    let (source, target) = names(&scene.one_pair(&Pair::similar(1, SIZE)));
    let expired = scene.rows().session_token(USER, -10);
    let before = scene.installation.api.server.requests().len();
    let mut user = scene.user_with(with_token(&scene, &expired));
    let error = user.update_info(&source, &target).expect_err("over");
    assert!(matches!(error, ReleaseError::SessionOver), "{error}");
    assert_eq!(scene.installation.api.server.requests().len(), before);
}

#[test]
fn a_session_that_ends_meanwhile_does_not_look_like_a_release_that_is_not_there() {
    let scene = Scene::new(&[]);
    let (source, target) = names(&scene.one_pair(&Pair::similar(1, SIZE)));
    let short = scene.rows().session_token(USER, 2);
    let mut user = scene.user_with(with_token(&scene, &short));
    user.update_info(&source, &target).expect("in time");
    std::thread::sleep(std::time::Duration::from_secs(3));
    let error = user.update_info(&source, &target).expect_err("over");
    assert!(matches!(error, ReleaseError::SessionOver), "{error}");
}

#[test]
fn a_token_that_the_api_does_not_know_is_told_instead_of_empty_lists() {
    let scene = Scene::new(&[]);
    let (source, target) = names(&scene.one_pair(&Pair::similar(1, SIZE)));
    let revoked = scene.rows().session_token(USER, 3600);
    scene.rows().revoke(&revoked);
    for token in [&*revoked, "0123456789abcdef0123456789abcdef"] {
        let before = scene.installation.api.server.requests().len();
        let mut user = scene.user_with(with_token(&scene, token));
        let error = user.update_info(&source, &target).expect_err("unknown");
        assert!(matches!(error, ReleaseError::TokenRefused { .. }), "{error}");
        assert_eq!(error.cause(), Cause::Usage);
        assert!(!error.to_string().contains(token));
        let asked: Vec<String> = scene.installation.api.server.requests()[before..]
            .iter()
            .map(|request| request.path.clone())
            .collect();
        assert_eq!(asked, ["/actor/v1/whoami"]);
    }
}

#[test]
fn whoever_does_not_see_a_fleet_finds_none_of_its_releases() {
    let scene = Scene::new(&[]);
    let (source, target) = names(&scene.one_pair(&Pair::similar(1, SIZE)));
    scene.rows().user("ben");
    let ben = scene.rows().api_key("ben");
    let mut user = scene.user_with(with_token(&scene, &ben));
    let error = user.update_info(&source, &target).expect_err("none");
    assert!(matches!(error, ReleaseError::NoRelease(_)), "{error}");
    let error = user.fleet("org/fleet", None).expect_err("none");
    assert!(matches!(error, ReleaseError::NoFleet(_)), "{error}");
}
