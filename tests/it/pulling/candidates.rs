//! Which of many tags may be deltas, and how they are looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::ways::assert_by_delta;
use super::{Bench, id, image, release_2, tar};
use crate::passed_on::server_before;

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
    assert!(ran.stderr.contains("is pulled by its own name"), "{}", ran.stderr);
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
