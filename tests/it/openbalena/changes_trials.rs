//! Changes of the stand-in's rows: what fleets run after them, and what watchers see.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::trials::{FLEET, IMAGES, RELEASE, rows, send};
use super::{USER, timestamp};
use crate::installation::Api;

#[test]
fn what_a_fleet_runs_is_the_final_release_whose_build_began_last() {
    let api = Api::start();
    let fleet = api.openbalena.fleet("org/fleet");
    let older = api.openbalena.release(fleet, "aaab").version("1.0.0").draft().add();
    let newer = api.openbalena.release(fleet, "aaac").version("1.0.0").add();
    let draft = api.openbalena.release(fleet, "aaad").version("1.0.0").draft().add();
    let token = api.openbalena.api_key(USER);
    let path = format!("/v7/application({fleet})?{FLEET}");
    let target = || rows(&api, &token, &path)[0]["should_be_running__release"][0]["id"].clone();
    let finalise = |release: u64, body: &str| {
        send(&api, &token, "PATCH", &format!("/v7/release({release})"), body).0
    };
    assert_eq!(target(), newer);
    assert_eq!(finalise(older, r#"{"is_final":true}"#), 200);
    assert_eq!(target(), newer);
    assert_eq!(finalise(draft, r#"{"is_final":true}"#), 200);
    assert_eq!(target(), draft);
    assert_eq!(finalise(draft, r#"{"is_final":true}"#), 200);
    assert_eq!(finalise(draft, r#"{"is_final":false}"#), 400);
    let versions = [newer, older, draft].map(|one| api.openbalena.standing(one).raw_version);
    assert_eq!(versions, ["1.0.0", "1.0.0+rev1", "1.0.0+rev2"]);
    api.openbalena.invalidate(draft);
    assert_eq!(target(), newer);
}

#[test]
fn a_fleet_that_does_not_follow_keeps_its_release() {
    let api = Api::start();
    let (rows_of, key) = (&api.openbalena, api.openbalena.api_key(USER));
    let fleet = rows_of.fleet("org/fleet");
    let location = format!("registry.example.com/v2/{:032x}", 1);
    let first = rows_of.release(fleet, "aaab").image("web", &location, None, 1).add();
    rows_of.pin_fleet(fleet, Some(first));
    rows_of.rename_fleet(fleet, "Fleet");
    let second = rows_of.release(fleet, "aaac").same_image(first, "web").add();
    assert!(rows_of.standing(first).is_target);
    let path = format!(
        "/v7/application?{FLEET}&$filter=app_name%20eq%20'Fleet'%20and%20is_of__class%20eq%20'fleet'\
         &$orderby=id%20asc&$top=10"
    );
    assert_eq!(rows(&api, &key, &path)[0]["id"], fleet);
    let image = |release: u64| {
        let path = format!("/v7/release({release})?{RELEASE}&{IMAGES}");
        rows(&api, &key, &path)[0]["release_image"][0]["image"][0]["id"].clone()
    };
    assert_eq!(image(first), image(second));
}

#[test]
fn what_somebody_else_changes_is_seen_by_watchers() {
    let api = Api::start();
    let (rows_of, key) = (&api.openbalena, api.openbalena.api_key(USER));
    let fleet = rows_of.fleet("org/fleet");
    let long_ago = "2026-01-01T00:00:00.000Z";
    let release = |commit: &str| rows_of.release(fleet, commit).updated(long_ago);
    let draft = release("aaab").draft().started(1).add();
    let failed = release("aaac").draft().status("failed").add();
    let invalid = release("aaad").draft().invalidated().add();
    let path = format!(
        "/v7/release?{RELEASE},update_timestamp\
         &$expand=release_tag($select=tag_key;$filter=tag_key%20eq%20'remora-finalize')\
         &$filter=belongs_to__application%20in%20({fleet})%20and%20status%20eq%20'success'\
         %20and%20is_invalidated%20eq%20false%20and%20update_timestamp%20gt%20datetime'{long_ago}'\
         %20and%20id%20gt%200&$orderby=id%20asc&$top=1000"
    );
    assert_eq!(rows(&api, &key, &path), json!([]));
    rows_of.finalise(draft);
    rows_of.set_status(failed, "success");
    rows_of.finalise(invalid);
    rows_of.tag(failed, "remora-finalize");
    let seen = rows(&api, &key, &path);
    let ids: Vec<&Value> = seen.as_array().expect("rows").iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [draft, failed]);
    assert_eq!(seen[1]["release_tag"], json!([{ "tag_key": "remora-finalize" }]));
    assert!(rows_of.standing(draft).is_target && !rows_of.standing(invalid).is_target);
    let device = rows_of.device(fleet).add();
    rows_of.set_running(device, Some(draft));
}

#[test]
fn times_are_written_as_the_api_does() {
    let time = UNIX_EPOCH + Duration::from_millis(1_795_870_131_010);
    assert_eq!(timestamp(time), "2026-11-28T12:48:51.010Z");
}
