//! Drafts that are let out when their deltas are there.

use remora::release::{Finalize, PrepareOptions, ReleaseError};

use super::{PATIENCE, SIZE, Scene, names, waiting};
use crate::installation::Pair;
use crate::openbalena::USER;

fn letting_out(finalize: Finalize) -> PrepareOptions {
    waiting(PATIENCE).changed(|options| options.finalize = finalize)
}

#[test]
fn a_draft_whose_deltas_are_ready_is_let_out() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let told = scene.prepare(&pair, waiting(PATIENCE)).expect("an answer");
    assert!(!told.finalized && !told.info.target.is_final);
    let told = scene.prepare(&pair, letting_out(Finalize::WhenReady)).expect("an answer");
    assert!(told.finalized && told.info.target.is_final);
    let standing = scene.rows().standing(pair.target);
    assert!(standing.is_final && standing.is_target, "{standing:?}");
    assert_eq!(standing.raw_version, "1.1.0");
    assert_eq!(told.info.target.raw_version.as_deref(), Some("1.1.0"));
    let patches =
        |scene: &Scene| scene.asked().iter().filter(|line| line.starts_with("PATCH")).count();
    assert_eq!(patches(&scene), 1);
    // A release that is out is not let out again: its time would move, and watchers see it anew.
    assert!(scene.prepare(&pair, letting_out(Finalize::WhenReady)).expect("an answer").finalized);
    assert_eq!(patches(&scene), 1);
}

#[test]
fn a_draft_with_a_delta_that_cannot_be_made_is_let_out_only_if_that_does_not_matter() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let lost = pair.images.1.image.contents.layers[1].digest.to_string();
    scene.installation.proxy.remove_blob(&lost);
    let told = scene.prepare(&pair, letting_out(Finalize::WhenReady)).expect("an answer");
    assert!(!told.finalized && !told.timed_out);
    assert!(!scene.rows().standing(pair.target).is_final);
    assert!(scene.prepare(&pair, letting_out(Finalize::Always)).expect("an answer").finalized);
    assert!(scene.rows().standing(pair.target).is_final);
}

#[test]
fn a_draft_that_somebody_else_lets_out_meanwhile_is_out() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let (source, target) = names(&pair);
    let told =
        scene.user().prepare(&source, &target, letting_out(Finalize::WhenReady), &mut |_| {
            scene.rows().finalise(pair.target);
        });
    let told = told.expect("an answer");
    assert!(told.finalized && told.info.target.is_final);
    assert!(!scene.asked().iter().any(|line| line.starts_with("PATCH")));
}

#[test]
fn a_draft_that_is_invalidated_meanwhile_stays_in() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let (source, target) = names(&pair);
    let told =
        scene.user().prepare(&source, &target, letting_out(Finalize::WhenReady), &mut |_| {
            scene.rows().invalidate(pair.target);
        });
    let error = told.expect_err("not a good release");
    assert!(matches!(error, ReleaseError::Withdrawn(id) if id == pair.target), "{error}");
    assert!(!scene.rows().standing(pair.target).is_final);
}

#[test]
fn a_user_who_may_not_let_a_draft_out_is_told_so() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let (source, target) = names(&pair);
    let told =
        scene.user().prepare(&source, &target, letting_out(Finalize::WhenReady), &mut |_| {
            scene.rows().leave_fleet(scene.fleet, USER);
        });
    let error = told.expect_err("may not");
    assert!(matches!(error, ReleaseError::NotFinal(id) if id == pair.target), "{error}");
    assert!(!scene.rows().standing(pair.target).is_final);
}
