//! `kill -9` at any moment.

use std::collections::HashSet;
use std::time::Duration;

use super::{
    PushedPair, assert_applies, delta_tags, prepare, push_pairs, ready, status, verify_store,
};
use crate::installation::{Installation, ServerProcess};

/// A server that is killed while it works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kills {
    /// Pairs of a run. A run that ends before the kills do is followed by another.
    pub(crate) pairs: usize,
    /// Kills altogether.
    pub(crate) kills: usize,
    /// Bytes of each image.
    pub(crate) size: usize,
    /// The longest that a server lives before it is killed.
    pub(crate) longest: Duration,
    /// Decides when it is.
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Killed {
    /// Pairs that were asked for, once each.
    pub(crate) pairs: usize,
    /// Kills of a server that had something to do.
    pub(crate) while_busy: usize,
    /// Deltas that were published: one for each pair, and one more for each kill between the
    /// publishing and the writing down.
    pub(crate) published: usize,
}

/// Asks for pairs once, kills the server at random moments, and checks that each pair ends ready
/// without being asked for again, that every delta in the registry applies whenever a server was
/// killed, and that the store is whole.
pub(crate) fn kills(trial: &Kills) -> Killed {
    let mut run = Run::start(trial);
    for _ in 0..trial.kills {
        run.kill();
    }
    run.finish()
}

struct Run<'a> {
    trial: &'a Kills,
    installation: Installation,
    server: ServerProcess,
    pairs: Vec<PushedPair>,
    checked: HashSet<String>,
    random: u64,
    while_busy: usize,
}

impl<'a> Run<'a> {
    fn start(trial: &'a Kills) -> Self {
        let installation = Installation::new();
        let server = installation.serve(&[]);
        let (pairs, checked) = (Vec::new(), HashSet::new());
        let mut run =
            Run { trial, installation, server, pairs, checked, random: trial.seed, while_busy: 0 };
        run.ask_for_more();
        run
    }

    /// Asks for as many pairs as a run has, which nobody asked for before.
    fn ask_for_more(&mut self) {
        let first = self.pairs.len();
        let numbers = first..first + self.trial.pairs;
        self.pairs.extend(push_pairs(&self.installation, numbers, self.trial.size));
        prepare(&self.server, &self.pairs[first..]);
    }

    /// Lets the server work for a moment, kills it, and starts it again.
    fn kill(&mut self) {
        if !self.is_busy() {
            self.ask_for_more();
        }
        std::thread::sleep(self.moment());
        self.while_busy += usize::from(self.is_busy());
        let next = self.installation.environment(&[]);
        self.server.kill();
        self.check_what_is_published();
        self.server = ServerProcess::start(&next);
    }

    fn is_busy(&self) -> bool {
        let unready = |pair: &&PushedPair| status(&self.server, pair)["status"] != "ready";
        self.pairs.iter().rev().any(|pair| unready(&pair))
    }

    fn moment(&mut self) -> Duration {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.random = self.random.wrapping_mul(FACTOR).wrapping_add(1_442_695_040_888_963_407);
        self.trial.longest.mul_f64((self.random >> 40) as f64 / f64::from(1 << 24))
    }

    fn check_what_is_published(&mut self) {
        for pair in &self.pairs {
            let repository = &pair.1.repository;
            for tag in delta_tags(&self.installation, repository) {
                let name = format!("{}/{repository}:{tag}", self.installation.registry_host());
                if self.checked.insert(name.clone()) {
                    assert_applies(&self.installation, &name, pair);
                }
            }
        }
    }

    fn finish(mut self) -> Killed {
        let names: Vec<String> = self.pairs.iter().map(|pair| ready(&self.server, pair)).collect();
        for (name, pair) in names.iter().zip(&self.pairs) {
            assert_applies(&self.installation, name, pair);
        }
        self.check_what_is_published();
        assert_eq!(self.checked.len(), self.pairs.len(), "one delta tag for each pair");
        self.server.terminate();
        let (status, log) = self.server.wait();
        assert!(status.success(), "{status}\n{log}");
        verify_store(&self.installation);
        let requests = self.installation.proxy.requests();
        let publishes =
            |line: &&String| line.starts_with("PUT") && line.contains("/manifests/delta-");
        Killed {
            pairs: self.pairs.len(),
            while_busy: self.while_busy,
            published: requests.iter().filter(publishes).count(),
        }
    }
}
