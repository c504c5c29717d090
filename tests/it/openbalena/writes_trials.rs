//! The stand-in as a build writes to it: the rows of a release, the API's checks, and writes that fail.

use serde_json::{Value, json};

use super::trials::{IMAGES, RELEASE, hung_up, rows, send};
use super::{USER, WriteFault};
use crate::installation::Api;

const STARTED: &str = "2026-11-28T16:00:00.000Z";

/// A write's status and its row, or what was said instead.
fn write(api: &Api, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = send(api, token, method, path, &body.to_string());
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn release_fields(fleet: u64, commit: &str) -> Value {
    json!({
        "belongs_to__application": fleet, "composition": { "services": { "main": {} } },
        "commit": commit, "status": "running", "source": "cloud", "start_timestamp": STARTED,
        "is_final": false,
    })
}

/// A fleet, a user's key, a release and the image of its one service, all as a build makes them.
struct Begun {
    api: Api,
    fleet: u64,
    key: String,
    release: u64,
    image: u64,
    release_image: u64,
}

impl Begun {
    fn new() -> Self {
        let api = Api::start();
        let fleet = api.openbalena.fleet("org/fleet");
        let key = api.openbalena.api_key(USER);
        let mut begun = Begun { api, fleet, key, release: 0, image: 0, release_image: 0 };
        begun.release = begun.post("release", &release_fields(fleet, "aaab"));
        let service = json!({ "application": fleet, "service_name": "main" });
        let service = begun.post("service", &service);
        let image = json!({
            "is_a_build_of__service": service, "status": "running", "start_timestamp": STARTED,
        });
        begun.image = begun.post("image", &image);
        let of_release = json!({ "is_part_of__release": begun.release, "image": begun.image });
        begun.release_image = begun.post("image__is_part_of__release", &of_release);
        begun
    }

    fn write(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        write(&self.api, &self.key, method, &format!("/v7/{path}"), body)
    }

    fn post(&self, table: &str, body: &Value) -> u64 {
        let (status, row) = self.write("POST", table, body);
        assert_eq!(status, 201, "{table}: {row}");
        row["id"].as_u64().expect("an ID")
    }

    fn refused(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let (status, said) = self.write(method, path, body);
        assert!(status >= 400, "{path} {body}: {status} {said}");
        (status, said.as_str().expect("a string").to_owned())
    }

    fn change_image(&self, fields: &Value) {
        let path = format!("image({})", self.image);
        assert_eq!(self.write("PATCH", &path, fields), (200, json!("")));
    }

    fn change_release(&self, fields: &Value) {
        let path = format!("release({})", self.release);
        assert_eq!(self.write("PATCH", &path, fields), (200, json!("")));
    }

    fn rows(&self, path: &str) -> Value {
        rows(&self.api, &self.key, &format!("/v7/{}", path.replace(' ', "%20")))
    }
}

#[test]
fn a_release_that_a_build_writes_is_read_as_any_other() {
    let begun = Begun::new();
    let rows_of = &begun.api.openbalena;
    let label = json!({ "release_image": begun.release_image, "label_name": "a.b", "value": "1" });
    begun.post("image_label", &label);
    let variable = json!({ "release_image": begun.release_image, "name": "A", "value": "x" });
    begun.post("image_environment_variable", &variable);
    let digest = format!("sha256:{:064x}", 1);
    begun.change_image(&json!({
        "status": "success", "content_hash": digest, "image_size": "5000000000",
        "push_timestamp": STARTED, "end_timestamp": STARTED, "dockerfile": "FROM scratch",
        "project_type": "Standard Dockerfile", "build_log": "log", "error_message": null,
    }));
    begun.change_release(&json!({ "status": "success", "end_timestamp": STARTED }));
    assert!(!rows_of.standing(begun.release).is_target);
    begun.change_release(&json!({ "is_final": true }));
    let standing = rows_of.standing(begun.release);
    assert!(standing.is_final && standing.is_target && standing.raw_version == "0.0.0");

    let shown = begun.rows(&format!("release({})?{RELEASE}&{IMAGES}", begun.release));
    let image = &shown[0]["release_image"][0]["image"][0];
    let location = image["is_stored_at__image_location"].as_str().expect("a location");
    assert!(location.starts_with("registry.example.com/v2/") && location.len() == 24 + 32);
    assert_eq!((&image["content_hash"], &image["status"]), (&json!(digest), &json!("success")));
    assert_eq!(image["is_a_build_of__service"][0]["service_name"], "main");
    assert_eq!(rows_of.image_row(rows_of.images_of(begun.release)["main"])["build_log"], "log");
    assert_eq!(
        rows_of.release_row(begun.release)["composition"]["services"],
        json!({ "main": {} })
    );
    assert_eq!(rows_of.image_labels(begun.release, "main")["a.b"], "1");
    assert_eq!(rows_of.image_variables(begun.release, "main")["A"], "x");
}

#[test]
fn a_build_finds_its_fleet_and_the_rows_whose_answers_were_lost() {
    let begun = Begun::new();
    let (fleet, release, image) = (begun.fleet, begun.release, begun.image);
    begun.api.openbalena.set_device_type(fleet, "raspberrypi4-64", "aarch64");
    begun.api.openbalena.single_container(fleet);
    assert_eq!(begun.api.openbalena.services_of(fleet), ["main"]);
    let own = "slug eq 'org/fleet' and is_directly_accessible_by__user/any(dau:1 eq 1)";
    let fleet_query = format!(
        "application?$select=id,slug,uuid,should_track_latest_release&$filter={own}&$expand=\
         application_type($select=slug,supports_multicontainer),is_for__device_type($select=slug;\
         $expand=is_of__cpu_architecture($select=slug)),should_be_running__release($select=id,commit)"
    );
    let found = &begun.rows(&fleet_query)[0];
    let device_type =
        json!([{ "slug": "raspberrypi4-64", "is_of__cpu_architecture": [{ "slug": "aarch64" }] }]);
    assert_eq!(found["is_for__device_type"], device_type);
    assert_eq!(found["application_type"][0]["supports_multicontainer"], false);
    assert_eq!(found["should_be_running__release"], json!([]));
    let stranger = format!("/v7/{}", fleet_query.replace(' ', "%20"));
    assert_eq!(send(&begun.api, "x", "GET", &stranger, "").0, 401);

    let id = |path: &str| begun.rows(path)[0]["id"].as_u64();
    assert_eq!(id("service(application=1,service_name='main')?$select=id"), Some(1));
    assert_eq!(id("service(application=1,service_name='web')?$select=id"), None);
    let key = format!("is_part_of__release={release},image={image}");
    let by_key = format!("image__is_part_of__release({key})?$select=id");
    assert_eq!(id(&by_key), Some(begun.release_image));
    let filter = format!("is_part_of__release eq {release} and image eq {image}");
    let by_filter = format!("image__is_part_of__release?$select=id&$filter={filter}");
    assert_eq!(id(&by_filter), Some(begun.release_image));
    let by_commit = "belongs_to__application eq 1 and commit eq 'aaab'";
    assert_eq!(id(&format!("release?$select=id&$filter={by_commit}")), Some(release));
    let running = "belongs_to__application eq 1 and status eq 'running'";
    assert_eq!(id(&format!("release?$select=id,commit&$filter={running}")), Some(release));
}

#[test]
fn a_write_is_refused_with_what_the_api_says_of_it() {
    let begun = Begun::new();
    let (image, release) = (format!("image({})", begun.image), begun.release_image);
    let without = |name: &str| {
        let mut fields = release_fields(begun.fleet, "aaac");
        fields.as_object_mut().expect("an object").remove(name);
        fields
    };
    let with = |name: &str, value: Value| {
        let mut fields = release_fields(begun.fleet, "aaac");
        fields[name] = value;
        fields
    };
    let label = |name: &str, value: Value| json!({ "release_image": release, "label_name": name, "value": value });
    let variable = |length: usize| json!({ "release_image": release, "name": "A", "value": "x".repeat(length) });
    let service = json!({ "application": begun.fleet, "service_name": "main" });
    let refused = [
        ("POST", "release", without("composition"), 500, ""),
        ("POST", "release", without("commit"), 500, ""),
        ("POST", "release", with("status", json!("building")), 400, "Check constraint violated"),
        ("POST", "release", with("source", json!("remora")), 400, "Check constraint violated"),
        ("POST", "release", with("semver", json!("nonsense")), 400, "Invalid semver format"),
        (
            "POST",
            "release",
            with("belongs_to__application", json!(99)),
            409,
            "Data is referenced by belongs_to__application.",
        ),
        ("POST", "service", service, 409, "\"application\" and \"service_name\" must be unique."),
        ("POST", "image_label", label("a", json!("x".repeat(301))), 400, "or equal to 300."),
        ("POST", "image_label", label(&"a".repeat(256), json!("x")), 400, ""),
        ("POST", "image_label", label("a", json!(1)), 400, ""),
        ("POST", "image_environment_variable", variable(100_001), 400, "or equal to 100000."),
        ("PATCH", &image, json!({ "status": "success" }), 400, "has a push timestamp."),
        ("PATCH", &image, json!({ "error_message": "x".repeat(300_001) }), 400, "300000."),
        ("PATCH", &image, json!({ "build_log": "x".repeat(524_288) }), 413, "Payload Too Large"),
    ];
    for (method, path, body, status, said) in &refused {
        let answer = begun.refused(method, path, body);
        assert!(answer.0 == *status && answer.1.contains(said), "{path} {said}: {answer:?}");
    }
    assert_eq!(begun.api.openbalena.image_row(begun.image)["status"], "running");
    begun.post("image_label", &label("a", json!("x".repeat(300))));
    begun.post("image_environment_variable", &variable(100_000));
    begun.change_image(&json!({ "build_log": "x".repeat(524_188) }));
}

#[test]
fn a_successful_commit_is_unique_in_a_fleet_and_a_release_not_called_a_draft_is_final() {
    let begun = Begun::new();
    begun.change_release(&json!({ "status": "success" }));
    let mut second = release_fields(begun.fleet, "aaab");
    second.as_object_mut().expect("an object").remove("is_final");
    let second = begun.post("release", &second);
    assert!(begun.api.openbalena.standing(second).is_final);
    let success = json!({ "status": "success" });
    let answer = begun.refused("PATCH", &format!("release({second})"), &success);
    assert!(answer.0 == 400 && answer.1.contains("at most one release2"), "{answer:?}");
    assert_eq!(begun.api.openbalena.releases_of(begun.fleet), [begun.release, second]);
    let statuses = begun.api.openbalena.release_statuses(begun.fleet);
    assert_eq!((statuses["running"], statuses["success"]), (1, 1));
}

#[test]
fn a_change_touches_only_rows_that_match_its_conditions() {
    let begun = Begun::new();
    let (release, image) = (begun.release, begun.image);
    let change = |path: &str, fields: Value| {
        assert_eq!(begun.write("PATCH", &path.replace(' ', "%20"), &fields).0, 200, "{path}");
    };
    let status = || begun.api.openbalena.release_row(release)["status"].clone();
    let cancelled = json!({ "status": "cancelled", "end_timestamp": 1_795_870_131_010_u64 });
    change(&format!("release({release})?$filter=status eq 'success'"), cancelled.clone());
    assert_eq!(status(), "running");
    change(&format!("release({release})?$filter=status ne 'success'"), cancelled.clone());
    assert_eq!(status(), "cancelled");
    let of_release = format!("release_image/any(ri:ri/is_part_of__release eq {release})");
    let running = "status eq 'running'";
    change(&format!("image?$filter={of_release} and {running}"), json!({ "status": "cancelled" }));
    assert_eq!(begun.api.openbalena.image_row(image)["status"], "cancelled");
    assert_eq!(begun.api.openbalena.image_statuses(release)["cancelled"], 1);
    change("release(99)", cancelled);
    // As `balena push` does after a success.
    begun.post("release_tag", &json!({ "release": release, "tag_key": "a", "value": "b" }));
    begun.change_release(&json!({ "note": "text" }));
    assert_eq!(begun.api.openbalena.release_tags(release)["a"], "b");
    assert_eq!(begun.api.openbalena.release_row(release)["note"], "text");
}

#[test]
fn only_users_write_and_only_to_their_fleets() {
    let begun = Begun::new();
    let other = begun.api.openbalena.fleet_of(&["ben"], "ben/fleet");
    let device = begun.api.openbalena.device_key();
    let who = send(&begun.api, &device, "GET", "/actor/v1/whoami", "");
    assert!(who.0 == 200 && who.1.contains(r#""actorType":"device""#), "{who:?}");
    for (token, fleet) in [(&*device, begun.fleet), ("x", begun.fleet), (&*begun.key, other)] {
        let body = release_fields(fleet, "aaac");
        assert_eq!(write(&begun.api, token, "POST", "/v7/release", &body), (401, json!("")));
    }
    for (table, status) in [("image", 200), ("image_label", 401)] {
        let path = format!("/v7/{table}?$select=id");
        assert_eq!(send(&begun.api, "x", "GET", &path, "").0, status, "{table}");
    }
    begun.api.openbalena.user("ben");
    let ben = begun.api.openbalena.api_key("ben");
    let path = format!("/v7/release({})", begun.release);
    let cancelled = json!({ "status": "cancelled" });
    assert_eq!(write(&begun.api, &ben, "PATCH", &path, &cancelled).0, 200);
    assert_eq!(begun.api.openbalena.release_row(begun.release)["status"], "running");
}

#[test]
fn a_write_of_an_unknown_column_fails_the_test() {
    let begun = Begun::new();
    let path = format!("image({})", begun.image);
    assert_eq!(begun.write("PATCH", &path, &json!({ "colour": "red" })).0, 400);
    assert_eq!(begun.api.openbalena.forget_refused().len(), 1);
}

#[test]
fn writes_fail_as_a_test_says() {
    let begun = Begun::new();
    let rows_of = &begun.api.openbalena;
    let path = format!("release({})", begun.release);
    let note = |text: &str| begun.write("PATCH", &path, &json!({ "note": text })).0;
    let shown = || rows_of.release_row(begun.release)["note"].clone();
    rows_of.fail_writes("PATCH /v7/release", 1, 2, WriteFault::Status(429));
    assert_eq!([note("a"), note("b"), note("c"), note("d")], [200, 429, 429, 200]);
    assert_eq!(shown(), "d");
    assert_eq!(rows_of.writes(), 4 + 4);
    rows_of.fail_writes("", 0, 1, WriteFault::AnswerLost);
    let body = json!({ "note": "e" }).to_string();
    assert!(hung_up(&begun.api, &begun.key, "PATCH", &format!("/v7/{path}"), &body));
    assert_eq!(shown(), "e");
    rows_of.fail_writes("", 0, 1, WriteFault::Gone);
    let body = json!({ "note": "f" }).to_string();
    assert!(hung_up(&begun.api, &begun.key, "PATCH", &format!("/v7/{path}"), &body));
    assert!(hung_up(&begun.api, &begun.key, "GET", "/actor/v1/whoami", ""));
    assert_eq!(shown(), "e");
}
