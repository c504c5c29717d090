//! A registry that is away for a time in the middle.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{PATIENCE, PushedPair, assert_applies, push_pairs};
use crate::installation::{Fault, Installation, ServerProcess};

/// A registry that is away while devices ask for deltas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) pairs: usize,
    /// Bytes of each image.
    pub(crate) size: usize,
    /// How long the registry is away.
    pub(crate) away: Duration,
    /// How long requests are held.
    pub(crate) long_poll: &'static str,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Outlasted {
    /// How many answers of each status devices had.
    pub(crate) answers: BTreeMap<u16, usize>,
}

/// Lets a device for each pair ask again and again, as supervisors do, takes the registry away while
/// the first deltas are made, and waits until every device has its delta.
pub(crate) fn outage(trial: &Outage) -> Outlasted {
    let installation = Installation::new();
    let server = installation.serve(&[("REMORA_LONG_POLL", trial.long_poll)]);
    let pairs = push_pairs(&installation, 0..trial.pairs, trial.size);
    installation.proxy.set(Fault::HoldLayers);
    std::thread::scope(|scope| {
        let devices: Vec<_> =
            pairs.iter().map(|pair| scope.spawn(|| device(&installation, &server, pair))).collect();
        installation.proxy.until_a_layer_is_read();
        installation.proxy.set(Fault::Down);
        std::thread::sleep(trial.away);
        installation.proxy.set(Fault::None);
        let mut answers = BTreeMap::new();
        for device in devices {
            for status in device.join().expect("a device") {
                *answers.entry(status).or_default() += 1;
            }
        }
        Outlasted { answers }
    })
}

/// What a device is told until it has its delta, which must apply.
fn device(installation: &Installation, server: &ServerProcess, pair: &PushedPair) -> Vec<u16> {
    let (base, target) = pair;
    let token = installation.token(&[&base.repository, &target.repository]);
    let (start, mut told) = (Instant::now(), Vec::new());
    while start.elapsed() < PATIENCE {
        let answer = server.delta(3, &base.reference, &target.reference, &token);
        told.push(answer.status);
        match answer.status {
            200 => {
                assert_applies(installation, &answer.name(), pair);
                return told;
            }
            504 => std::thread::sleep(Duration::from_millis(10)),
            status => panic!("{status}: {}\n{}", answer.text(), server.log()),
        }
    }
    panic!("no delta:\n{}", server.log());
}
