//! Killed servers and registries that are away, in short. `benches/server_load` has them in full length.

use std::time::Duration;

use crate::installation::trials::{Kills, Outage, kills, outage};

#[test]
fn a_server_that_is_killed_again_and_again_loses_no_job() {
    let longest = Duration::from_millis(600);
    let killed = kills(&Kills { pairs: 6, kills: 5, size: 1_000_000, longest, seed: 1 });
    assert!(killed.while_busy > 0, "{killed:?}");
    assert!(killed.published >= killed.pairs, "{killed:?}");
}

#[test]
fn devices_outlast_a_registry_that_is_away() {
    let away = Duration::from_secs(3);
    let outlasted = outage(&Outage { pairs: 4, size: 40_000, away, long_poll: "1s" });
    assert_eq!(outlasted.answers[&200], 4, "{outlasted:?}");
    assert!(outlasted.answers.keys().all(|status| [200, 504].contains(status)), "{outlasted:?}");
}
