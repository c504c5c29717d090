//! A watching server that is killed at any moment.

use std::time::Duration;

use super::{Draft, Scene, until};
use crate::installation::ServerProcess;
use crate::installation::trials::delta_tags;

const DRAFTS: usize = 10;
const KILLS: u32 = 20;
/// The longest life of a server that is killed.
const LONGEST: Duration = Duration::from_millis(400);

#[test]
fn killed_at_any_moment_every_draft_ends_final_with_its_deltas_and_none_is_made_twice() {
    let mut scene = Scene::new();
    let drafts: Vec<Draft> = (0..DRAFTS).map(|_| scene.release(true)).collect();
    let settings = [("REMORA_WATCH_FINALIZE", "always"), ("REMORA_MAX_BUILDS", "1")];
    let mut server: ServerProcess = scene.watch(&settings);
    for kill in 0..KILLS {
        // Another moment each time, spread over the whole of a life.
        std::thread::sleep(LONGEST.mul_f64(f64::from(kill * 7 % KILLS) / f64::from(KILLS)));
        server.kill();
        server = scene.watch(&settings);
    }
    for draft in &drafts {
        until("a draft", &server, || scene.is_final(draft));
        let answer = scene.asked(&server, draft);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.name().contains(":delta-"), "{}", answer.text());
    }
    // A draft that was let out is on its way to the device: later ones get a delta from it too.
    let tags = |draft: &Draft| delta_tags(&scene.installation, &draft.image.repository).len();
    let deltas: usize = drafts.iter().map(tags).sum();
    let requests = scene.installation.proxy.requests();
    let publishes = |line: &&String| line.starts_with("PUT") && line.contains("/manifests/delta-");
    let published = requests.iter().filter(publishes).count();
    // A kill may come between what the registry was asked and what it did.
    assert!(deltas >= DRAFTS && published <= deltas + KILLS as usize, "{published} for {deltas}");
    assert!(published >= deltas);
}
