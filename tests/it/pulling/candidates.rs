//! Which of many tags may be deltas, and how they are looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::ways::assert_by_delta;
use super::{Bench, id, image, release_1, release_2, tar};
use crate::passed_on::server_before;
use crate::scripted_server::{Reply, ScriptedServer};

#[test]
fn a_delta_is_found_by_its_tag_also_among_many() {
    let bench = Bench::new();
    bench.create_delta("1", "2", "delta-app", "--manifest docker");
    bench.pull("1", "");
    assert_by_delta(&bench, "");

    let bench = with_many_candidates(30);
    bench.create_delta("1", "2", "delta-app", "--manifest docker");
    bench.pull("1", "");
    assert_by_delta(&bench, "");
}

/// Both releases, and beside them so many images with tags as deltas have them.
fn with_many_candidates(count: usize) -> Bench {
    let bench = Bench::new();
    let small = image().layer(&tar(&[("x", b"x")])).build();
    (0..count).for_each(|number| bench.push(&format!("delta-{number}"), &small));
    bench
}

#[test]
fn candidates_that_are_too_many_to_be_looked_at_are_told_of() {
    let bench = with_many_candidates(64);
    bench.create_delta("1", "2", "delta-by-hand", "--manifest docker");
    bench.pull("1", "");
    let ran = bench.succeed(&format!("pull {} --dry-run --json", bench.app("2")));
    assert!(ran.stderr.contains("65 candidates beside"), "{}", ran.stderr);
    assert!(ran.stderr.contains("can be named itself"), "{}", ran.stderr);
    assert_eq!(ran.json()["way"], "layers");
    assert_by_delta_named(&bench);
}

/// What the note says helps: the delta by its own name.
fn assert_by_delta_named(bench: &Bench) {
    let (answer, _) = bench.pull("delta-by-hand", "--as app:2");
    assert_eq!(
        (&answer["way"], &answer["id"]),
        (&"delta".into(), &id(&release_2().build()).into())
    );
}

#[test]
fn candidates_are_looked_at_side_by_side() {
    let bench = with_many_candidates(8);
    bench.create_delta("1", "2", "delta-app", "--manifest docker");
    bench.pull("1", "");
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = server_before(bench.registry.address(), move |request, answer| {
        if !request.is("GET", "/manifests/delta-") {
            return answer();
        }
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(200));
        now.fetch_sub(1, Ordering::SeqCst);
        answer()
    });
    let target = format!("{}/app:2", server.address());
    for line in [format!("pull {target} --dry-run"), format!("list {target}")] {
        bench.succeed(&line);
        assert_eq!(seen.swap(0, Ordering::SeqCst), 4, "{line}");
    }
}

/// The bench's registry behind a server that answers `referrers` to the question what refers to an image.
fn with_referrers(bench: &Bench, referrers: Reply) -> ScriptedServer {
    server_before(bench.registry.address(), move |request, answer| {
        if request.is("GET", "/referrers/") { referrers.clone() } else { answer() }
    })
}

/// What registries answer to the question what refers to an image that have no answer to it.
fn odd_answers() -> Vec<Reply> {
    let statuses = [400, 403, 405, 406, 415, 500, 501].map(Reply::status);
    let bodies = ["", "<html>", "[]", r#"{"manifests":null}"#].map(Reply::ok);
    let endless = Reply::ok(r#"{"manifests":[]}"#).header("Link", "<more>; rel=\"next\"");
    let huge = Reply::ok(vec![b' '; 13 << 20]);
    statuses.into_iter().chain(bodies).chain([endless, huge]).collect()
}

#[test]
fn deltas_are_found_by_their_tags_where_a_registry_does_not_say_what_refers_to_an_image() {
    let bench = Bench::new();
    bench.create_delta("1", "2", "delta-app", "--manifest docker");
    for odd in odd_answers() {
        let server = with_referrers(&bench, odd);
        assert_lists_and_applies(&bench, &server.address());
    }
}

#[test]
fn the_list_that_clients_keep_counts_where_a_registry_does_not_say_what_refers_to_an_image() {
    let bench = Bench::with_delta_of("remora");
    for status in [403, 405, 500] {
        let server = with_referrers(&bench, Reply::status(status));
        assert_lists_and_applies(&bench, &server.address());
    }
}

fn assert_lists_and_applies(bench: &Bench, registry: &str) {
    let (one, two) = (format!("{registry}/app:1"), format!("{registry}/app:2"));
    let listed = bench.succeed(&format!("list {two} --retries 0 --json"));
    assert_eq!(listed.json()["deltas"].as_array().map(Vec::len), Some(1), "{}", listed.stderr);
    bench.succeed(&format!("apply {one} {two} --dry-run --output oci:made:2 --retries 0"));
}

#[test]
fn a_registry_that_answers_neither_question_about_deltas_is_told_of() {
    let bench = Bench::new();
    let server = server_before(bench.registry.address(), |request, answer| {
        let asked = ["/referrers/", "/tags/list", "/manifests/sha256-"];
        let asked = asked.iter().any(|path| request.is("GET", path));
        if asked { Reply::status(403) } else { answer() }
    });
    let ran = bench.run(&format!("list {}/app:2", server.address()));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: ") && ran.stderr.contains("denied"), "{}", ran.stderr);
}

/// A referrer that says it is a delta from the image `base`, and is not there.
fn absent(number: usize, base: &str) -> serde_json::Value {
    serde_json::json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": format!("sha256:{number:064x}"), "size": 500,
        "artifactType": "application/vnd.remora.image-delta.v1",
        "annotations": { "vnd.remora.delta.base": base },
    })
}

#[test]
fn of_thousands_of_referrers_only_those_that_may_fit_are_looked_at_and_not_all_of_these() {
    let bench = Bench::new();
    let (other, base) = (format!("sha256:{:064}", 1), id(&release_1().build()));
    let others = (0..3_000).map(|number| absent(number, &other));
    let fitting = (3_000..4_000).map(|number| absent(number, &base));
    let all: Vec<_> = others.chain(fitting).collect();
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": all }).to_string();
    let server = server_before(bench.registry.address(), move |request, answer| {
        match request.path.as_str() {
            path if path.contains("/referrers/") => Reply::ok(index.clone()),
            path if path.contains("/manifests/sha256:0000") => Reply::status(404),
            _ => answer(),
        }
    });
    let app = format!("{}/app", server.address());
    bench.succeed(&format!("pull {app}:1"));
    for (line, most) in [
        (format!("pull {app}:2"), 64),
        (format!("apply {app}:1 {app}:2 --dry-run --output oci:made:2"), 64),
        (format!("list {app}:2"), 512),
    ] {
        let before = server.requests_to("GET", "/manifests/sha256:0000").len();
        let ran = bench.run(&line);
        let asked = server.requests_to("GET", "/manifests/sha256:0000").len() - before;
        assert_eq!(asked, most, "{line}");
        assert!(ran.stderr.contains("candidates beside"), "{line}\n{}", ran.stderr);
    }
}
