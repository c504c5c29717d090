//! Servers that are away, too busy, or older, and waits that end.

use std::time::Duration;

use remora::Cause;
use remora::release::{Finalize, ReleaseError, UpdateState};

use super::{OnePair, PATIENCE, SIZE, Scene, names, service, waiting};
use crate::installation::{Fault, Pair};
use crate::registry_server::free_port;
use crate::scripted_server::{Reply, ScriptedServer};

const SHORT: Duration = Duration::from_secs(2);

/// Prepares with this server in the place of the delta server.
fn prepare_at(scene: &Scene, pair: &OnePair, server: &str) -> Result<UpdateState, ReleaseError> {
    let (source, target) = names(pair);
    let settings = scene.settings().changed(|settings| settings.delta_server = server.to_owned());
    let mut user = scene.user_with(settings);
    let told = user.prepare(&source, &target, waiting(SHORT), &mut |_| {})?;
    assert!(told.timed_out && !told.finalized);
    assert_eq!(told.info.services.len(), 1);
    assert!(service(&told.info, "web").reason.is_some());
    Ok(told.info.overall_status)
}

#[test]
fn a_delta_server_that_never_has_an_answer_leaves_the_update_as_it_stands() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    for status in [502, 503, 504, 429] {
        let server = ScriptedServer::start(move |_| Reply::status(status).body("away"));
        let told = prepare_at(&scene, &pair, &format!("http://{}", server.address()));
        assert_eq!(told.expect("an answer"), UpdateState::Pending, "{status}");
        assert!(server.requests().len() > 1, "{status}: asked again");
    }
    let silent = ScriptedServer::start(|_| {
        std::thread::sleep(PATIENCE);
        Reply::status(504)
    });
    let told = prepare_at(&scene, &pair, &format!("http://{}", silent.address()));
    assert_eq!(told.expect("an answer"), UpdateState::Pending);
}

#[test]
fn a_delta_server_that_is_not_there_is_told_at_once() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let error = prepare_at(&scene, &pair, &format!("http://127.0.0.1:{}", free_port()));
    assert_eq!(error.expect_err("nobody").cause(), Cause::Unreachable);
}

#[test]
fn a_wait_that_ends_before_the_build_tells_how_it_stands() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    scene.fault(Fault::HoldLayers);
    let options = waiting(SHORT).changed(|options| options.finalize = Finalize::Always);
    let told = scene.prepare(&pair, options).expect("an answer");
    assert!(told.timed_out && !told.finalized);
    assert_eq!(told.info.overall_status, UpdateState::Preparing);
    assert!(!scene.rows().standing(pair.target).is_final);
    scene.fault(Fault::None);
}

/// Prepares and lets out while the API is away for so long, from the first look on.
fn let_out_while_away(scene: &Scene, pair: &OnePair, away: Duration) {
    let (source, target) = names(pair);
    let options = waiting(PATIENCE).changed(|options| options.finalize = Finalize::WhenReady);
    let told = std::thread::scope(|scope| {
        let mut back = None;
        scene.user().prepare(&source, &target, options, &mut |_| {
            back.get_or_insert_with(|| {
                scene.rows().set_gone(true);
                scope.spawn(move || {
                    std::thread::sleep(away);
                    scene.rows().set_gone(false);
                })
            });
        })
    });
    let told = told.expect("an answer");
    assert!(told.finalized && !told.timed_out);
    assert!(scene.rows().standing(pair.target).is_final);
}

#[test]
fn an_api_that_goes_away_in_the_middle_of_a_wait_is_waited_for() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let_out_while_away(&scene, &pair, Duration::from_secs(5));
}

#[test]
fn an_api_that_is_away_when_a_release_is_to_be_let_out_is_waited_for() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let ready = scene.prepare(&pair, waiting(PATIENCE)).expect("an answer").info;
    assert_eq!(ready.overall_status, UpdateState::Ready);
    // Longer than one question is repeated for.
    let_out_while_away(&scene, &pair, Duration::from_secs(20));
}

#[test]
fn an_api_that_asks_for_a_pause_is_given_it() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    scene.rows().refuse_next(3, 0);
    assert_eq!(scene.info(&pair).overall_status, UpdateState::Pending);
    scene.rows().refuse_next(100, 0);
    let (source, target) = names(&pair);
    let error = scene.user().update_info(&source, &target).expect_err("too busy");
    assert_eq!(error.cause(), Cause::RateLimited, "{error}");
    scene.rows().refuse_next(0, 0);
}

#[test]
fn an_older_api_is_asked_in_its_own_version() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let newer = super::json(&scene.info(&pair));
    scene.rows().without_v7();
    scene.rows().without_actors();
    let before = scene.asked().len();
    assert_eq!(super::json(&scene.info(&pair)), newer);
    let asked = &scene.asked()[before..];
    // One question tells.
    assert_eq!(asked.iter().filter(|line| line.starts_with("GET /v7/")).count(), 1, "{asked:#?}");
    let options = waiting(PATIENCE).changed(|options| options.finalize = Finalize::WhenReady);
    assert!(scene.prepare(&pair, options).expect("an answer").finalized);
    assert!(scene.rows().standing(pair.target).is_final);
}

#[test]
fn an_api_that_wants_long_pauses_takes_no_longer_than_the_wait() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let (source, target) = names(&pair);
    scene.rows().refuse_next(usize::MAX, 99_999);
    let error = scene.user().prepare(&source, &target, waiting(SHORT), &mut |_| {});
    let error = error.expect_err("no answer in time");
    assert_eq!(error.cause(), Cause::RateLimited, "{error}");
    scene.rows().refuse_next(0, 0);
}
