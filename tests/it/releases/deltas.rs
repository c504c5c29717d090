//! What becomes of deltas: those that fail, are not worth it, or are known to the registry alone.

use remora::release::{PayloadSource, UpdateState};

use super::{PATIENCE, SIZE, Scene, name, service, waiting};
use crate::installation::{Fault, Pair};

#[test]
fn a_delta_that_cannot_be_made_is_waited_for_no_longer_than_the_others() {
    let scene = Scene::new(&[]);
    let (good, bad) =
        (scene.push_pair(&Pair::similar(1, SIZE)), scene.push_pair(&Pair::similar(9, SIZE)));
    let row = scene.with(scene.rows().release(scene.fleet, "aaaaaa"), "bad", &bad.0);
    let from = scene.with(row, "good", &good.0).add();
    let row = scene.with(scene.rows().release(scene.fleet, "bbbbbb").draft(), "bad", &bad.1);
    let to = scene.with(row, "good", &good.1).add();
    let lost = bad.1.image.contents.layers[1].digest.to_string();
    scene.installation.proxy.remove_blob(&lost);
    let (from, to) = (name(&from.to_string()), name(&to.to_string()));
    let told = scene.user().prepare(&from, &to, waiting(PATIENCE), &mut |_| {}).expect("an answer");
    assert!(!told.timed_out);
    assert_eq!(told.info.overall_status, UpdateState::Failed);
    assert_eq!(told.info.total_payload, None);
    let failed = service(&told.info, "bad");
    assert_eq!((failed.status, failed.payload_source), (UpdateState::Failed, PayloadSource::Pull));
    assert!(failed.reason.as_ref().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(service(&told.info, "good").status, UpdateState::Ready);
    // Whoever only asks is told the same.
    let info = scene.user().update_info(&from, &to).expect("an answer");
    assert_eq!(info.overall_status, UpdateState::Failed);
}

#[test]
fn a_delta_that_is_not_worth_it_is_ready_and_costs_a_pull() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::unrelated(1));
    let told = scene.prepare(&pair, waiting(PATIENCE)).expect("an answer");
    let web = service(&told.info, "web");
    assert_eq!((web.status, &web.target.delta), (UpdateState::Ready, &None));
    assert_eq!(web.payload_source, PayloadSource::Pull);
    assert_eq!(Some(web.payload_size), web.pull_size);
    assert!(web.reason.as_ref().is_some_and(|reason| reason.contains("not worth it")), "{web:?}");
}

#[test]
fn a_delta_that_the_registry_alone_knows_of_is_there() {
    let mut scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let made = scene.prepare(&pair, waiting(PATIENCE)).expect("an answer").info;
    assert_eq!(made.overall_status, UpdateState::Ready);
    scene.forget();
    let info = scene.info(&pair);
    assert_eq!(info.overall_status, UpdateState::Ready);
    assert_eq!(service(&info, "web").target.delta, service(&made, "web").target.delta);
    assert!(service(&info, "web").target.delta.is_some());
    assert_eq!(info.total_payload, made.total_payload);
    assert!(!scene.server.log().contains("job queued"), "nothing is begun");
}

#[test]
fn the_delta_of_another_pair_under_the_same_tag_is_none_of_this_update() {
    let mut scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    // The base's repository had another image at first.
    let older = Pair::similar(1, SIZE - 512).base;
    let older = scene.installation.push(&pair.images.0.repository, "older", &older);
    let row = scene.with(scene.rows().release(scene.fleet, "cccccc").started(1), "web", &older);
    let (from, to) = (name(&row.add().to_string()), name(&pair.target.to_string()));
    let other = scene.user().prepare(&from, &to, waiting(PATIENCE), &mut |_| {});
    assert_eq!(other.expect("an answer").info.overall_status, UpdateState::Ready);
    scene.forget();
    let info = scene.info(&pair);
    assert_eq!(info.overall_status, UpdateState::Pending);
    assert_eq!(service(&info, "web").target.delta, None);
}

#[test]
fn images_that_share_layers_cost_what_a_device_lacks_of_them() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    let info = scene.info(&pair);
    // The first layer is in both.
    let lacking = pair.images.1.image.contents.layers[1].size;
    assert_eq!(service(&info, "web").pull_size, Some(lacking));
    assert_eq!((info.payload_now, info.total_payload), (lacking, None));
}

#[test]
fn a_registry_that_is_away_leaves_the_uncompressed_size() {
    let scene = Scene::new(&[]);
    let pair = scene.one_pair(&Pair::similar(1, SIZE));
    scene.fault(Fault::Down);
    let info = scene.info(&pair);
    let web = service(&info, "web");
    assert_eq!((web.pull_size, web.payload_source), (None, PayloadSource::ImageSize));
    assert_eq!((web.payload_size, web.status), (super::IMAGE_SIZE, UpdateState::Pending));
    assert!(web.reason.is_some(), "{web:?}");
}
