//! What goes from a real engine in idle times, and what stays.

use std::time::Duration;

use remora::builder::engine::Pruning;

use super::engine_contexts::{BASE, build, context, engines, place, request, wait};
use crate::docker::Docker;

#[test]
fn old_tags_of_the_registry_go_and_others_stay() {
    let docker = Docker::start();
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let engine = place.engine();
        let mut other = request("unused");
        other.tag = "127.0.0.1:99/other".to_owned();
        for request in [&request("pruned"), &other] {
            build(engine, request, context(BASE, &[])).await.built();
        }
        let tags = || {
            let mut tags = docker.tags();
            tags.sort();
            tags
        };
        let both = ["127.0.0.1:9/v2/pruned:latest", "127.0.0.1:99/other:latest"];
        let registry = Some("127.0.0.1:9".to_owned());
        let mut pruning = Pruning { registry, ..Pruning::default() };
        engine.prune(&pruning).await.expect("pruned");
        assert_eq!(tags(), both, "they are young");
        // Far too much is kept, but what is younger than an hour stays even so.
        pruning.keep_bytes = 1;
        engine.prune(&pruning).await.expect("pruned");
        assert_eq!(tags(), both, "they are young");
        pruning.keep_for = Duration::ZERO;
        engine.prune(&pruning).await.expect("pruned");
        assert_eq!(tags(), both[1..]);
    });
}
