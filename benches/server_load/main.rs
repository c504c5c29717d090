//! Trials of a whole delta server: the real program, a registry with token authentication, clients
//! that ask as devices do. Needs docker-registry (see tests/run).
//!
//! ```sh
//! cargo bench --bench server_load                                   # all of them, in full length
//! cargo bench --bench server_load -- load --clients 1000 --pairs 50 --size 4000000
//! cargo bench --bench server_load -- waiting --clients 10000 --size 64000000 --head 0
//! cargo bench --bench server_load -- kills --kills 50 --pairs 20 --size 8000000 --seed 1
//! cargo bench --bench server_load -- outage --pairs 8 --seconds 120
//! cargo bench --bench server_load -- several --clients 2000 --pairs 200 --size 2000000 --bar 20
//! cargo bench --bench server_load -- chaos --pairs 300 --kills 100 --restarts 10 --cuts 10 --size 1000000 --seed 1
//! ```
//!
//! `several` is three servers over one PostgreSQL behind haproxy, `chaos` three servers that are killed while PostgreSQL
//! is restarted and cut off. Both need PostgreSQL, `several` haproxy too, and none of both runs unless it is named.
//!
//! A trial that does not keep what it promises fails.

#![allow(clippy::print_stdout, missing_docs)]

mod balancer;
mod chaos;
mod clients;
mod load;
mod several;
mod waiting;

#[path = "../../tests/it/installation/mod.rs"]
#[allow(dead_code, unused_imports)]
mod installation;
#[path = "../../tests/it/openbalena/mod.rs"]
#[allow(dead_code, unused_imports)]
mod openbalena;
#[path = "../../tests/it/postgres_server.rs"]
#[allow(dead_code, unused_imports)]
mod postgres_server;
#[path = "../../tests/it/registry_server.rs"]
#[allow(dead_code, unused_imports)]
mod registry_server;
#[path = "../../tests/it/sample_image.rs"]
#[allow(dead_code, unused_imports)]
mod sample_image;
#[path = "../../tests/it/scripted_server.rs"]
#[allow(dead_code, unused_imports)]
mod scripted_server;
#[path = "../../tests/it/tcp_proxy.rs"]
#[allow(dead_code, unused_imports)]
mod tcp_proxy;
#[path = "../../tests/it/token_server.rs"]
#[allow(dead_code, unused_imports)]
mod token_server;
#[path = "../../tests/it/tools.rs"]
#[allow(dead_code, unused_imports)]
mod tools;

use std::time::{Duration, Instant};

use chaos::{Chaos, chaos};
use installation::trials::{Kills, Outage, kills, outage};
use load::{Load, load};
use several::{Several, several};
use waiting::{Waiting, waiting};

/// What was asked for on the command line.
struct Arguments(Vec<String>);

impl Arguments {
    /// The number behind `name`, or the usual one.
    fn number(&self, name: &str, usual: usize) -> usize {
        let mut after = self.0.iter().skip_while(|argument| *argument != name).skip(1);
        after.next().map_or(usual, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name} takes a number, and {text} is none"))
        })
    }

    fn wants(&self, trial: &str) -> bool {
        let named = ["load", "waiting", "kills", "outage", "several", "chaos"].into_iter();
        let named = named.filter(|name| self.has(name)).count();
        named == 0 || self.has(trial)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }
}

fn main() {
    let arguments = Arguments(std::env::args().skip(1).collect());
    if arguments.wants("load") {
        let trial = Load {
            clients: arguments.number("--clients", 1_000),
            pairs: arguments.number("--pairs", 50),
            size: arguments.number("--size", 4_000_000),
        };
        timed(&format!("{trial:?}"), || load(&trial));
    }
    if arguments.wants("waiting") {
        let trial = Waiting {
            clients: arguments.number("--clients", 10_000),
            size: arguments.number("--size", 64_000_000),
            head: arguments.number("--head", 0),
        };
        timed(&format!("{trial:?}"), || waiting(&trial));
    }
    if arguments.wants("kills") {
        let trial = Kills {
            pairs: arguments.number("--pairs", 20),
            kills: arguments.number("--kills", 50),
            size: arguments.number("--size", 8_000_000),
            longest: Duration::from_secs(3),
            seed: arguments.number("--seed", 1) as u64,
        };
        timed(&format!("{trial:?}"), || println!("{:?}", kills(&trial)));
    }
    if arguments.wants("outage") {
        let away = Duration::from_secs(arguments.number("--seconds", 120) as u64);
        let (pairs, size) = (arguments.number("--pairs", 8), arguments.number("--size", 4_000_000));
        let trial = Outage { pairs, size, away, long_poll: "25s" };
        timed(&format!("{trial:?}"), || println!("{:?}", outage(&trial)));
    }
    if arguments.has("several") {
        let trial = Several {
            clients: arguments.number("--clients", 2_000),
            pairs: arguments.number("--pairs", 200),
            size: arguments.number("--size", 2_000_000),
            servers: arguments.number("--servers", 3),
            bar: Duration::from_millis(arguments.number("--bar", 20) as u64),
        };
        timed(&format!("{trial:?}"), || several(&trial));
    }
    if arguments.has("chaos") {
        let trial = Chaos {
            pairs: arguments.number("--pairs", 300),
            kills: arguments.number("--kills", 100),
            restarts: arguments.number("--restarts", 10),
            cuts: arguments.number("--cuts", 10),
            size: arguments.number("--size", 1_000_000),
            seed: arguments.number("--seed", 1) as u64,
        };
        timed(&format!("{trial:?}"), || chaos(&trial));
    }
}

fn timed(name: &str, trial: impl FnOnce()) {
    println!("{name}");
    let start = Instant::now();
    trial();
    println!("held, in {:.1} s\n", start.elapsed().as_secs_f64());
}
