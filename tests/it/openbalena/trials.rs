//! The stand-in itself: what it refuses, whom it lets see what, and its moods.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::USER;
use crate::installation::{Api, Exchange};

pub(super) const IMAGES: &str = "$expand=release_image($select=id;$expand=image($select=id,\
    is_stored_at__image_location,content_hash,image_size,status;\
    $expand=is_a_build_of__service($select=id,service_name)))";
pub(super) const RELEASE: &str = "$select=id,commit,raw_version,status,is_final,is_invalidated,\
    belongs_to__application";
pub(super) const FLEET: &str = "$select=id,slug,app_name,should_track_latest_release\
    &$expand=should_be_running__release($select=id)";

pub(super) fn send(api: &Api, token: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let address = api.server.address();
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let exchange = Exchange::send(&address, method, path, &headers, body.as_bytes());
    let answer = exchange.expect("the API is there").answer();
    (answer.status, answer.text())
}

pub(super) fn rows(api: &Api, token: &str, path: &str) -> Value {
    let (status, text) = send(api, token, "GET", path, "");
    assert_eq!(status, 200, "{path}: {text}");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    answer["d"].clone()
}

#[test]
fn a_query_of_another_form_is_refused_and_remembered() {
    let api = Api::start();
    let token = api.openbalena.api_key(USER);
    let by_id = format!("/v7/release(7)?{RELEASE}&{IMAGES}");
    let prefix = |filter: &str| {
        format!("/v7/release?{RELEASE}&{IMAGES}&$filter={filter}&$orderby=id%20asc&$top=10")
    };
    let good = [
        by_id.clone(),
        prefix("startswith(commit,'aa')%20and%20status%20eq%20'success'"),
        prefix("startswith(commit,%27aa%27)%20and%20status%20eq%20%27success%27"),
        prefix(
            "belongs_to__application%20eq%201%20and%20raw_version%20eq%20'1.2.3%2Brev1'\
             %20and%20status%20eq%20'success'",
        ),
        format!("/v6/application(slug='org/a''b')?{FLEET}"),
    ];
    let wrong = [
        by_id.replace(",status;", ";"),
        by_id.replace("raw_version,", ""),
        by_id.replace("v7", "v8"),
        format!("{by_id}&$top=1"),
        prefix("startswith(commit,'aa')"),
        prefix("startswith(commit,'a'a')%20and%20status%20eq%20'success'"),
        prefix("startswith(commit,'aa')%20and+status%20eq%20'success'"),
        prefix(
            "belongs_to__application%20eq%201%20and%20raw_version%20eq%20'1.2.3+rev1'\
             %20and%20status%20eq%20'success'",
        ),
        prefix("startswith(commit,'ä')%20and%20status%20eq%20'success'"),
        format!("/v6/application(slug='org/a'b')?{FLEET}"),
        "/v7/delta?$top=1".to_owned(),
        "/v7/release(7)".to_owned(),
    ];
    for path in &good {
        assert_eq!(rows(&api, &token, path), json!([]), "{path}");
    }
    for path in &wrong {
        let (status, text) = send(&api, &token, "GET", path, "");
        assert!(status == 400 && text.starts_with("\"Malformed url"), "{path}: {status} {text}");
    }
    let refused = api.openbalena.refused();
    assert_eq!(refused.len(), wrong.len(), "{refused:#?}");
    assert_eq!(api.openbalena.forget_refused(), refused);
}

#[test]
#[should_panic(expected = "openBalena's API was asked for")]
fn a_refused_query_fails_the_test_at_its_end() {
    let api = Api::start();
    send(&api, "nobody's", "GET", "/v7/release", "");
}

#[test]
fn a_stranger_sees_no_rows_and_may_not_change_any() {
    let api = Api::start();
    let fleet = api.openbalena.fleet("org/fleet");
    let release = api.openbalena.release(fleet, "aaab").draft().add();
    let key = api.openbalena.api_key(USER);
    let expired = api.openbalena.session_token(USER, -10);
    api.openbalena.user("ben");
    let ben = api.openbalena.session_token("ben", 3600);
    let path = format!("/v7/release({release})?{RELEASE}&{IMAGES}");
    assert_eq!(rows(&api, &key, &path)[0]["commit"], "aaab");
    let finalise = format!("/v7/release({release})");
    for (token, status) in [(&*expired, 401), ("x", 401), (&*ben, 200)] {
        assert_eq!(rows(&api, token, &path), json!([]));
        let answer = send(&api, token, "PATCH", &finalise, r#"{"is_final":true}"#);
        assert_eq!(answer, (status, String::new()));
    }
    assert!(!api.openbalena.standing(release).is_final);
    let who = |token: &str| send(&api, token, "GET", "/actor/v1/whoami", "");
    assert_eq!(who(&expired).0, 401);
    assert!(who(&ben).1.contains(r#""username":"ben""#));
    api.openbalena.revoke(&ben);
    assert_eq!(who(&ben).0, 401);
}

#[test]
fn the_older_version_of_the_api_knows_pins_only_and_has_sizes_as_numbers() {
    let api = Api::start();
    let fleet = api.openbalena.fleet("org/fleet");
    let location = format!("registry.example.com/v2/{:032x}", 1);
    let release =
        api.openbalena.release(fleet, "aaab").image("web", &location, None, 5_000_000_000).add();
    api.openbalena.device(fleet).runs(release).add();
    let token = api.openbalena.api_key(USER);
    let size = |version: &str| {
        let path = format!("/{version}/release({release})?{RELEASE}&{IMAGES}");
        rows(&api, &token, &path)[0]["release_image"][0]["image"][0]["image_size"].clone()
    };
    assert_eq!((size("v7"), size("v6")), (json!("5000000000"), json!(5_000_000_000_u64)));
    let should = |version: &str, select: &str| {
        let path = format!(
            "/{version}/device?$select={select}&$expand=device_config_variable($select=value;\
             $filter=name%20eq%20'BALENA_SUPERVISOR_DELTA_VERSION'%20or%20name%20eq%20\
             'RESIN_SUPERVISOR_DELTA_VERSION')&$filter=belongs_to__application%20eq%20{fleet}\
             %20and%20id%20gt%200&$orderby=id%20asc&$top=1000"
        );
        rows(&api, &token, &path)[0]["should_be_running__release"].clone()
    };
    let newer =
        "id,is_running__release,is_pinned_on__release,should_be_running__release,os_version";
    let older = "id,is_running__release,should_be_running__release,os_version";
    assert_eq!(should("v7", newer), json!({ "__id": release }));
    assert_eq!(should("v6", older), Value::Null);
}

#[test]
fn a_users_token_for_a_registry_permits_what_is_asked_on_images_of_their_fleets() {
    let api = Api::start();
    let fleet = api.openbalena.fleet("org/fleet");
    let hidden = api.openbalena.fleet_of(&["ben"], "ben/fleet");
    let repository = |number: u64| format!("v2/{number:032x}");
    for (fleet, number) in [(fleet, 1), (hidden, 2)] {
        let location = format!("registry.example.com/{}", repository(number));
        api.openbalena.release(fleet, "aaab").image("web", &location, None, 1).add();
    }
    let key = api.openbalena.api_key(USER);
    let scope = |number: u64| format!("&scope=repository:{}:pull,push", repository(number));
    let path =
        format!("/auth/v1/token?service=registry.example.com{}{}{}", scope(1), scope(2), scope(3),);
    let (status, text) = send(&api, &key, "GET", &path, "");
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let claims = answer["token"].as_str().expect("a token").split('.').nth(1).expect("claims");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!(USER), &json!("registry.example.com")));
    let actions: Vec<&Value> =
        claims["access"].as_array().expect("a list").iter().map(|one| &one["actions"]).collect();
    assert_eq!(actions, [&json!(["pull", "push"]), &json!([]), &json!([])]);
    assert_eq!(send(&api, "x", "GET", &path, "").0, 401);
}

#[test]
fn an_api_can_be_gone_too_busy_and_older() {
    let api = Api::start();
    let token = api.openbalena.api_key(USER);
    let path = format!("/v7/application(1)?{FLEET}");
    api.openbalena.refuse_next(2, 7);
    for status in [429, 429, 200] {
        assert_eq!(send(&api, &token, "GET", &path, "").0, status);
    }
    api.openbalena.without_actors();
    assert_eq!(send(&api, &token, "GET", "/actor/v1/whoami", "").0, 404);
    assert_eq!(send(&api, &token, "GET", "/user/v1/whoami", "").0, 200);
    api.openbalena.without_v7();
    assert_eq!(send(&api, &token, "GET", &path, "").0, 404);
    api.openbalena.set_gone(true);
    assert!(hung_up(&api, &token, "GET", &path, ""));
    api.openbalena.set_gone(false);
    assert_eq!(send(&api, &token, "GET", &path.replace("v7", "v6"), "").0, 200);
    assert_eq!(api.openbalena.count(), 8);
}

/// Whether the connection ends without a byte of an answer.
pub(super) fn hung_up(api: &Api, token: &str, method: &str, path: &str, body: &str) -> bool {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let exchange = Exchange::send(&api.server.address(), method, path, &headers, body.as_bytes());
    let mut answer = Vec::new();
    // A server that hangs up before it has read everything resets the connection.
    let _ = exchange.expect("connected").into_stream().read_to_end(&mut answer);
    answer.is_empty()
}
