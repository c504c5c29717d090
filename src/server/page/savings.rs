//! What deltas spared, day by day and fleet by fleet.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use maud::{Markup, html};

use super::chart::{Chart, Series, chart};
use super::figures::{bytes, count, date, duration};
use super::names::short_repository;
use super::session::Session;
use crate::server::jobs::{DaySum, Sum, Survey};

/// Days that are shown.
const DAYS: u64 = 30;
/// Fleets that have a colour of their own.
const COLOURS: usize = 4;

/// The sums of one fleet, or of several together, by day.
struct FleetDays {
    name: String,
    days: BTreeMap<u64, Sum>,
}

impl FleetDays {
    fn total(&self) -> Sum {
        self.days.values().fold(Sum::default(), |all, sum| all.plus(*sum))
    }

    fn values(&self, first: u64, value: fn(&Sum) -> f64) -> Vec<f64> {
        (first..first + DAYS).map(|day| self.days.get(&day).map_or(0.0, value)).collect()
    }
}

/// The sum of today.
pub(super) fn of_last_day(days: &[DaySum]) -> Sum {
    let today = today(days);
    let of_today = days.iter().filter(|day| day.day == today);
    of_today.fold(Sum::default(), |all, day| all.plus(day.sum))
}

/// The last days as charts, with a table that says the same.
pub(super) fn section(survey: Option<&Survey>, session: &Session) -> Markup {
    let seen = |day: &&DaySum| session.sees_all() || session.sees_repository(&day.fleet);
    let days: Vec<DaySum> =
        survey.map_or(Vec::new(), |survey| survey.days.iter().filter(seen).cloned().collect());
    let today = today(&days);
    let fleets = fleets(&days);
    html! {
        section.saved data-live="saved" aria-labelledby="saved" {
            h2 #saved { "Saved in the last " (DAYS) " days" }
            @if survey.is_none() { p.none { "The database does not answer." } }
            @else if days.is_empty() { p.none { "No delta was delivered." } }
            @else {
                (legend(&fleets))
                div.charts { (charts(&fleets, today)) }
                (tables(&fleets, today))
            }
        }
    }
}

/// Today, as the database or this machine has it. Days of a database whose clock was set far ahead once are no reason to
/// show those alone.
fn today(days: &[DaySum]) -> u64 {
    let here = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs() / 86_400);
    let near = days.iter().map(|day| day.day).filter(|day| *day <= here + 1);
    near.max().map_or(here, |day| day.max(here))
}

/// Those that spared the most, each by itself, and all others together.
fn fleets(days: &[DaySum]) -> Vec<FleetDays> {
    let mut named: BTreeMap<&str, BTreeMap<u64, Sum>> = BTreeMap::new();
    for DaySum { day, fleet, sum } in days {
        let before = named.entry(fleet).or_default().entry(*day).or_default();
        *before = before.plus(*sum);
    }
    let others = named.remove("");
    let mut fleets: Vec<FleetDays> =
        named.into_iter().map(|(name, days)| FleetDays { name: name.to_owned(), days }).collect();
    fleets.sort_by_key(|fleet| std::cmp::Reverse(fleet.total().saved_bytes));
    let more = fleets.split_off(fleets.len().min(COLOURS));
    let mut rest = BTreeMap::new();
    for days in more.into_iter().map(|fleet| fleet.days).chain(others) {
        for (day, sum) in days {
            let before: Sum = rest.get(&day).copied().unwrap_or_default();
            rest.insert(day, before.plus(sum));
        }
    }
    if !rest.is_empty() {
        fleets.push(FleetDays { name: "all others".to_owned(), days: rest });
    }
    fleets
}

fn legend(fleets: &[FleetDays]) -> Markup {
    html! {
        ul.legend {
            @for (place, fleet) in fleets.iter().enumerate() {
                @let total = fleet.total();
                li {
                    span class={ "swatch s" (place) } aria-hidden="true" {}
                    span title=(fleet.name) { (short_repository(&fleet.name)) }
                    ": " (bytes(total.saved_bytes)) ", " (duration(total.saved_seconds))
                }
            }
        }
    }
}

fn charts(fleets: &[FleetDays], today: u64) -> Markup {
    let first = (today + 1).saturating_sub(DAYS);
    let series = |value: fn(&Sum) -> f64| -> Vec<Series> {
        let of = |fleet: &FleetDays| Series {
            name: fleet.name.clone(),
            values: fleet.values(first, value),
        };
        fleets.iter().map(of).collect()
    };
    let labels: Vec<String> = (first..first + DAYS).map(date).collect();
    let bytes_chart = Chart {
        title: "Bytes saved a day",
        labels: &labels,
        series: series(|sum| sum.saved_bytes as f64),
        say: |value| bytes(value as u64),
    };
    let time_chart = Chart {
        title: "Time saved a day",
        labels: &labels,
        series: series(|sum| sum.saved_seconds),
        say: duration,
    };
    html! { (chart(&bytes_chart)) (chart(&time_chart)) }
}

fn tables(fleets: &[FleetDays], today: u64) -> Markup {
    let first = (today + 1).saturating_sub(DAYS);
    let all = |day: u64| -> Sum {
        let sums = fleets.iter().filter_map(|fleet| fleet.days.get(&day));
        sums.fold(Sum::default(), |all, sum| all.plus(*sum))
    };
    let days: Vec<(u64, Sum)> = (first..=today).rev().map(|day| (day, all(day))).collect();
    html! {
        details {
            summary { "The same as tables" }
            div.scroll role="region" aria-label="Sums by fleet" tabindex="0" {
                table {
                    caption { "By fleet" }
                    thead { tr { th scope="col" { "Fleet" } (heads()) } }
                    tbody {
                        @for fleet in fleets {
                            tr { th scope="row" { (fleet.name) } (cells(&fleet.total())) }
                        }
                    }
                }
            }
            div.scroll role="region" aria-label="Sums by day" tabindex="0" {
                table {
                    caption { "By day (UTC), and bytes saved by fleet" }
                    thead {
                        tr {
                            th scope="col" { "Day" } (heads())
                            @for fleet in fleets { th scope="col" { (short_repository(&fleet.name)) } }
                        }
                    }
                    tbody {
                        @for (day, sum) in days.iter().filter(|(_, sum)| *sum != Sum::default()) {
                            tr {
                                th scope="row" { (date(*day)) } (cells(sum))
                                @for fleet in fleets {
                                    td { (bytes(fleet.days.get(day).map_or(0, |sum| sum.saved_bytes))) }
                                }
                            }
                        }
                    }
                }
            }
            p.hint { "Time saved is the bytes saved over the fleet's link rate. A fleet is what a release was "
                "prepared for; of deltas that devices asked for first, the target's repository." }
        }
    }
}

fn heads() -> Markup {
    let heads =
        ["Deltas delivered", "Bytes saved", "Time saved", "Builds", "Failed builds", "Build time"];
    html! { @for head in heads { th scope="col" { (head) } } }
}

fn cells(sum: &Sum) -> Markup {
    html! {
        td { (count(sum.deltas)) }
        td { (bytes(sum.saved_bytes)) }
        td { (duration(sum.saved_seconds)) }
        td { (count(sum.builds)) }
        td { (count(sum.failures)) }
        td { (duration(sum.build_seconds)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_far_ahead_once_does_not_hide_today() {
        let of = |day| DaySum { day, fleet: "a".to_owned(), sum: Sum::default() };
        let here = today(&[]);
        assert_eq!(today(&[of(here - 3), of(here + 40_000), of(u64::MAX)]), here);
        // The database may be a little ahead.
        assert_eq!(today(&[of(here), of(here + 1)]), here + 1);
        assert_eq!(today(&[of(here - 3)]), here);
    }

    #[test]
    fn the_largest_fleets_have_a_name_and_the_others_go_together() {
        let day = |day, fleet: &str, saved_bytes| DaySum {
            day,
            fleet: fleet.to_owned(),
            sum: Sum { saved_bytes, ..Sum::default() },
        };
        let mut days: Vec<DaySum> =
            (0..6).map(|it| day(it, &format!("fleet {it}"), 10 * (it + 1))).collect();
        days.push(day(3, "", 5));
        days.push(day(7, "fleet 0", 100));
        let fleets = fleets(&days);
        let totals: Vec<(&str, u64)> =
            fleets.iter().map(|it| (&*it.name, it.total().saved_bytes)).collect();
        let expected = [("fleet 0", 110), ("fleet 5", 60), ("fleet 4", 50), ("fleet 3", 40)];
        assert_eq!(totals[..4], expected);
        assert_eq!(totals[4], ("all others", 55));
        assert_eq!(
            fleets[0].values(0, |sum| sum.saved_bytes as f64)[..8],
            [10., 0., 0., 0., 0., 0., 0., 100.]
        );
    }
}
