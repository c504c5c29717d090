//! Our answers beside those of balena's own tool, @balena/release-update, on the same rows.

use remora::release::{PayloadSource, UpdateInfo, UpdateState};
use serde_json::{Value, json};

use super::{IMAGE_SIZE, PATIENCE, Road, SIZE, Scene, json, name, service, waiting};
use crate::installation::{Fault, Pair, Pushed};
use crate::openbalena::USER;
use crate::openbalena::release_update::release_update;

/// Two releases: a service that changed, one that did not, one whose images have no digest in the API, one
/// more, and one less.
struct Update {
    scene: Scene,
    road: Road,
    from: u64,
    to: u64,
}

const CHANGED: [&str; 2] = ["changed", "hashless"];

impl Update {
    fn new(road: Road) -> Self {
        let scene = Scene::new(&[]);
        let [changed, hashless, other] = [1, 10, 20].map(|seed| Pair::similar(seed, SIZE));
        let (changed, hashless) = (scene.push_pair(&changed), scene.push_pair(&hashless));
        let (unchanged, rebuilt) = (scene.push(&other.base), scene.push(&other.base));
        let (removed, added) =
            (scene.push(&Pair::similar(30, SIZE).base), scene.push(&other.target));
        let without_digest = |image: &Pushed| scene.location(image);
        let row = scene.rows().release(scene.fleet, &"a".repeat(40));
        let row = scene.with(row, "changed", &changed.0);
        let row = row.image("hashless", &without_digest(&hashless.0), None, IMAGE_SIZE);
        let row = scene.with(row, "unchanged", &unchanged);
        let from = scene.with(row, "removed", &removed).add();
        // The tool counts images before compression, devices fetch them after it. The totals are the same
        // only if the new image does not compress.
        let digest = added.image.manifest_digest().to_string();
        let row = scene.rows().release(scene.fleet, &"b".repeat(40)).draft();
        let row = row.image("added", &scene.location(&added), Some(&digest), pulled(&added));
        let row = scene.with(row, "changed", &changed.1);
        let row = row.image("hashless", &without_digest(&hashless.1), None, IMAGE_SIZE);
        let to = scene.with(row, "unchanged", &rebuilt).add();
        scene.rows().be_cloud();
        let update = Update { scene, road, from, to };
        // balenaCloud makes a delta of nothing; the earlier release had it made.
        update.delta("unchanged", "success", 0);
        update
    }

    /// Notes a delta where balena's tool looks for it.
    fn delta(&self, service: &str, status: &str, size: u64) {
        let rows = self.scene.rows();
        let image = |release| rows.image_id(release, service);
        rows.delta(image(self.from), image(self.to), status, size);
    }

    fn info(&self) -> UpdateInfo {
        let (from, to) = (name(&self.from.to_string()), name(&self.to.to_string()));
        self.scene.user_on(self.road).update_info(&from, &to).expect("an answer")
    }

    /// Has the deltas made, and gives how it stands whenever that was looked at.
    fn prepare(&self, wait: bool) -> Vec<UpdateInfo> {
        let (from, to) = (name(&self.from.to_string()), name(&self.to.to_string()));
        let mut seen = Vec::new();
        let options = waiting(PATIENCE).changed(|options| options.wait = wait);
        let mut user = self.scene.user_on(self.road);
        let told = user.prepare(&from, &to, options, &mut |info| seen.push(info.clone()));
        seen.push(told.expect("an answer").info);
        seen
    }

    /// Fails unless every key that both documents have holds the same in both.
    fn assert_agrees(&self, ours: &UpdateInfo) {
        let (from, to) = (self.from.to_string(), self.to.to_string());
        let token = self.scene.rows().session_token(USER, 3600);
        let theirs = release_update(&self.scene.installation.api, &token, &from, &to);
        let theirs = theirs.expect("an answer");
        let mut keys = Vec::new();
        agree(&json(ours), &theirs, "", &mut keys);
        // Both describe all services, with both images.
        assert_eq!(
            keys.iter().filter(|key| key.ends_with(".content_hash")).count(),
            7,
            "{keys:#?}"
        );
        let total = keys.iter().any(|key| key == ".estimated_total_payload_size");
        assert_eq!(total, ours.overall_status == UpdateState::Ready, "{ours:#?}\n{theirs:#}");
    }
}

/// Bytes of the layers as devices fetch them.
fn pulled(image: &Pushed) -> u64 {
    image.image.contents.layers.iter().map(|layer| layer.size).sum()
}

fn agree(ours: &Value, theirs: &Value, path: &str, keys: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(our), Value::Object(their)) => {
            for (key, their) in their {
                if let Some(our) = our.get(key) {
                    agree(our, their, &format!("{path}.{key}"), keys);
                }
            }
        }
        (Value::Array(our), Value::Array(their)) => {
            assert_eq!(our.len(), their.len(), "{path}: {ours:#}\n{theirs:#}");
            for (index, (our, their)) in our.iter().zip(their).enumerate() {
                agree(our, their, &format!("{path}[{index}]"), keys);
            }
        }
        _ => {
            assert_eq!(ours, theirs, "{path}");
            keys.push(path.to_owned());
        }
    }
}

fn documents_agree(road: Road) {
    let update = Update::new(road);
    let before = update.info();
    assert_eq!(before.overall_status, UpdateState::Pending);
    assert_eq!(before.count(UpdateState::Pending), CHANGED.len());
    update.assert_agrees(&before);
    let told = &before.removed_services;
    assert_eq!((told.len(), told[0].service_name.as_str()), (1, "removed"));
    let unchanged = service(&before, "unchanged");
    assert!(unchanged.unchanged && unchanged.payload_size == 0, "{unchanged:?}");
    assert_eq!(service(&before, "hashless").payload_source, PayloadSource::Pull);

    update.scene.fault(Fault::HoldLayers);
    CHANGED.iter().for_each(|service| update.delta(service, "running", 0));
    for meanwhile in update.prepare(false) {
        assert_eq!(meanwhile.overall_status, UpdateState::Preparing);
        update.assert_agrees(&meanwhile);
    }

    update.scene.fault(Fault::None);
    let ready = update.prepare(true).pop().expect("the last");
    assert_eq!(ready.overall_status, UpdateState::Ready, "{ready:#?}");
    for changed in CHANGED {
        let delta = service(&ready, changed).target.delta.as_ref().expect("a delta");
        update.delta(changed, "success", delta.size);
    }
    update.assert_agrees(&ready);
    update.assert_agrees(&update.info());
    assert_eq!(json(&ready)["is_produced_by__service_update"][0]["service_name"], json!("added"));
}

#[test]
fn with_a_users_own_tokens_all_says_what_balenas_tool_says() {
    documents_agree(Road::Own);
}

#[test]
fn with_the_builder_credential_all_says_what_balenas_tool_says() {
    documents_agree(Road::Builder);
}
