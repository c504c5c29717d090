//! How an installation grows: the real queue of several servers over one ledger, with a clock that is told what time
//! it is, devices that are counts, and builds that take the time that real ones took (`costs.rs` has each figure
//! and where it is from).
//!
//! ```sh
//! cargo bench --bench fleet_simulation                          # the sizes of docs/scale.md
//! cargo bench --bench fleet_simulation -- --devices 50000 --fleets 10 --rollout 1 --builds 2 --servers 1
//! cargo bench --bench fleet_simulation -- footprint             # what a job costs in memory and in a database
//! ```
//!
//! The same arguments give the same output, whatever the machine; `footprint` measures this machine.

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod costs;
mod devices;
mod figures;
mod footprint;
mod noise;
mod report;
mod scenario;
mod world;

use std::time::Instant;

use scenario::Scenario;
use world::World;

/// What was asked for on the command line.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    /// The number behind `name`, if it is there.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let text = self.0.iter().skip_while(|argument| *argument != name).nth(1)?;
        Some(text.parse().unwrap_or_else(|_| panic!("{name} takes a number, and {text} is none")))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }
}

fn main() {
    let arguments = Arguments(std::env::args().skip(1).collect());
    if arguments.has("footprint") {
        return footprint::print();
    }
    let scenarios = match arguments.number("--devices") {
        Some(devices) => vec![Scenario::usual("as told", devices as u64).changed(&arguments)],
        None => Scenario::all(),
    };
    for scenario in scenarios {
        let start = Instant::now();
        println!("{scenario}");
        let figures = World::new(scenario.clone()).run();
        println!("{}", report::report(&scenario, &figures));
        eprintln!("(simulated in {:.1} s)\n", start.elapsed().as_secs_f64());
    }
}
