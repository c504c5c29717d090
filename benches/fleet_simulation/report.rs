//! What is printed.

use std::fmt::Write as _;

use crate::costs;
use crate::figures::Figures;
use crate::scenario::Scenario;

/// One line for each figure, and at the end what is used up most.
pub(crate) fn report(scenario: &Scenario, figures: &Figures) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<42}{value}");
    };
    let waits = &figures.waits;
    let (p50, p99) = (seconds(waits.percentile(0.5)), seconds(waits.percentile(0.99)));
    line(
        "time to ready, p50 / p99 / longest",
        format!("{p50} / {p99} / {}", seconds(waits.percentile(1.0))),
    );
    if scenario.ahead {
        let held = &figures.held_back;
        let (p50, p99) = (seconds(held.percentile(0.5)), seconds(held.percentile(0.99)));
        line("releases kept back, p50 / p99", format!("{p50} / {p99}"));
    }
    let day = |count| short(figures.per_day(count));
    line("answers a day", day(waits.sum()));
    line(
        "requests a day, a second at most",
        format!("{}, {}", short(figures.requests()), short(figures.most_requests())),
    );
    line("held at once at most", short(figures.most_held()));
    line("answers 503 a day", day(figures.refused));
    line("pairs a day", day(figures.builds));
    line("looked up in the database a day", day(figures.looked_up));
    let capacity = scenario.capacity() as f64;
    line("builds at once, busiest hour", format!("{:.2} of {capacity}", figures.most_running()));
    line("longest queue", figures.longest_queue.to_string());
    let rows = figures.traffic.changes + figures.wishes + figures.uses;
    line(
        "rows a day; a second but for uses, at most",
        format!("{}, {:.1}", day(rows), figures.most_rows()),
    );
    line("rows read by servers a day", day(figures.traffic.reads));
    line("jobs that a server remembers", figures.remembered.to_string());
    let mirror = (figures.remembered + figures.longest_queue) as f64 * costs::MIRROR_BYTES;
    line("memory of each server's mirror", bytes(mirror));
    line("bytes a day, registry and servers", bytes(figures.per_day(figures.registry_bytes)));
    line("bytes a day, devices", bytes(figures.per_day(figures.device_bytes)));
    line("bytes a day that devices are spared", bytes(figures.per_day(figures.saved_bytes)));
    line("hours after the last day", format!("{:.1}", figures.overtime()));
    let limits = limits(scenario, figures);
    for (name, share) in &limits {
        line(&format!("used of {name}"), format!("{:.1} %", share * 100.0));
    }
    let first = limits.iter().max_by(|one, other| one.1.total_cmp(&other.1));
    line("full first", first.map_or_else(String::new, |(name, _)| (*name).to_owned()));
    text
}

/// How much of each thing that is limited is used when most is.
fn limits(scenario: &Scenario, figures: &Figures) -> Vec<(&'static str, f64)> {
    let servers = scenario.servers as f64;
    let answering = figures.most_requests() * costs::ANSWER / (servers * costs::CORES);
    vec![
        ("places for builds", figures.most_running() / scenario.capacity() as f64),
        ("answering servers' cores", answering),
        ("answering servers' connections", figures.most_held() / (servers * costs::CONNECTIONS)),
        ("the database's writes", figures.most_rows() / costs::DATABASE_ROWS),
        ("the queue's length", figures.longest_queue as f64 / costs::QUEUE),
    ]
}

fn seconds(seconds: f64) -> String {
    match seconds {
        0.0..60.0 => format!("{seconds:.1} s"),
        60.0..3600.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

fn short(number: f64) -> String {
    match number {
        0.0..100.0 => format!("{number:.1}"),
        100.0..100_000.0 => format!("{number:.0}"),
        100_000.0..100_000_000.0 => format!("{:.2} M", number / 1e6),
        _ => format!("{:.1} G", number / 1e9),
    }
}

fn bytes(number: f64) -> String {
    match number {
        0.0..1e9 => format!("{:.0} MB", number / 1e6),
        1e9..1e12 => format!("{:.1} GB", number / 1e9),
        _ => format!("{:.1} TB", number / 1e12),
    }
}
