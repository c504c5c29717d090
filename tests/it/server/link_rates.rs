//! Deltas for fleets whose links differ.

use std::fs;

use serde_json::Value;

use crate::installation::{Installation, Pair, ServerProcess, repository};

/// Commands and bytes of the delta between images that the server's file has a rate for, or not.
fn made(installation: &Installation, server: &ServerProcess, number: usize) -> (u64, u64) {
    let (base, target) = installation.push_pair(number, &Pair::scattered(number as u64));
    let token = installation.token(&[&base.repository, &target.repository]);
    assert_eq!(server.delta(3, &base.reference, &target.reference, &token).status, 200);
    let path = format!("/api/v3/status?src={}&dest={}", base.reference, target.reference);
    let bearer = format!("Bearer {token}");
    let status: Value = server.ask("GET", &path, &[("Authorization", &bearer)]).json();
    let count = |name: &str| status[name].as_u64().unwrap_or_else(|| panic!("{status}"));
    (count("commands"), count("size"))
}

#[test]
fn a_delta_is_made_for_the_link_of_its_fleet_as_the_file_says_now() {
    let installation = Installation::new();
    let target = |number: usize| repository(2 * number + 1);
    let rates = installation.write("link-rates", &format!("{} 1G # fibre\n", target(0)));
    let server = installation.serve(&[
        ("REMORA_LINK_RATE", "100k"),
        ("REMORA_LINK_RATES", rates.to_str().expect("text")),
    ]);
    let (fast, slow) = (made(&installation, &server, 0), made(&installation, &server, 1));
    assert!(fast.0 * 10 < slow.0, "few commands for a fast link: {fast:?}, {slow:?}");
    assert!(fast.1 > slow.1, "and more bytes: {fast:?}, {slow:?}");

    fs::write(&rates, format!("{} 1Gbit/s\n", target(2))).expect("written");
    let changed = made(&installation, &server, 2);
    assert!(changed.0 * 10 < slow.0, "the file was read again: {changed:?}");
    fs::write(&rates, "a line that says nothing\n").expect("written");
    let broken = made(&installation, &server, 3);
    assert!(broken.0 * 10 > slow.0, "the rate of all others: {broken:?}");
    assert!(server.log().contains("line 1"), "{}", server.log());
}
