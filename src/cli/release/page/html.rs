//! The page, from top to bottom.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::SystemTime;

use remora::release::{FleetPair, FleetUpdate, UpdateState};

use super::bars::{self, Cost, Row};
use super::escape::escaped;
use crate::cli::release::words::{Standing, commit, counted, label, release};
use crate::cli::release::{table, totals};
use crate::cli::units;

/// By this a page of ours is known.
pub(super) const MARK: &str = "<meta name=\"generator\" content=\"remora\">";
const STYLE: &str = include_str!("style.css");
/// Nothing may be loaded from anywhere, whatever a name holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page about a fleet's update.
pub(super) struct Page<'a> {
    pub(super) update: &'a FleetUpdate,
    /// The time that the page tells of.
    pub(super) now: SystemTime,
}

impl Display for Page<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let slug = escaped(&self.update.fleet.slug).to_string();
        writeln!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{MARK}"
        )?;
        writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(
            out,
            "<title>Update of {slug}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>"
        )?;
        self.header(out, &slug)?;
        self.services(out)?;
        self.pairs(out)?;
        self.running(out)?;
        self.table(out)?;
        writeln!(out, "</body>\n</html>")
    }
}

impl Page<'_> {
    fn header(&self, out: &mut Formatter<'_>, slug: &str) -> fmt::Result {
        let update = self.update;
        let time = httpdate::fmt_http_date(self.now);
        writeln!(out, "<header>\n<h1>{slug}</h1>")?;
        writeln!(out, "<p>{} → {}</p>", self.sources(), escaped(&release(&update.target)))?;
        writeln!(out, "<p class=\"soft\">As it stood on {time}</p>\n<dl>")?;
        figure(out, "Devices to update", &self.devices())?;
        figure(out, "Over the air now", &units::bytes(update.payload_total))?;
        figure(out, "By plain pulls", &units::bytes(update.pull_total))?;
        figure(out, "Saved", &saved(update.payload_total, update.pull_total))?;
        figure(out, "Ready", &self.ready())?;
        writeln!(out, "</dl>\n</header>")
    }

    /// The releases that are left, as far as they fit on a line.
    fn sources(&self) -> String {
        let names = table::names(self.update);
        let mut from: Vec<String> = Vec::new();
        for pair in &self.update.pairs {
            let name = escaped(&table::name(pair, &names)).to_string();
            if !from.contains(&name) {
                from.push(name);
            }
        }
        match from.as_slice() {
            [] => "nothing to update".to_owned(),
            [some @ .., last] if some.len() < 4 && !some.is_empty() => {
                format!("{} and {last}", some.join(", "))
            }
            [only] => only.clone(),
            many => format!("{} releases", many.len()),
        }
    }

    fn devices(&self) -> String {
        let (some, all) = (self.update.devices_to_update, self.update.devices);
        format!("{} of {}", units::count(some), units::count(all))
    }

    fn ready(&self) -> String {
        let ready = |pair: &&FleetPair| pair.status == UpdateState::Ready;
        let ready = self.update.pairs.iter().filter(ready).count();
        format!("{ready} of {}", self.update.pairs.len())
    }

    /// Bars of what all devices together download for a service.
    fn services(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut services: BTreeMap<&str, Cost> = BTreeMap::new();
        for pair in &self.update.pairs {
            let cost = services.entry(&pair.service_name).or_insert(Cost { now: 0, pull: 0 });
            let of_one = cost_of(pair);
            cost.now += pair.devices.saturating_mul(of_one.now);
            cost.pull += pair.devices.saturating_mul(of_one.pull);
        }
        let row = |(name, cost): (&str, Cost)| Row {
            name: name.to_owned(),
            words: saved_words(cost),
            cost,
        };
        let rows: Vec<Row> = services.into_iter().map(row).collect();
        section(out, "By service, for all devices", &rows)
    }

    /// Bars of what one device downloads for a service.
    fn pairs(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let names = table::names(self.update);
        let row = |pair: &FleetPair| {
            let devices = counted(pair.devices, "device", "devices");
            let words = Standing::from(pair).words();
            Row {
                name: format!("{} from {}", pair.service_name, table::name(pair, &names)),
                words: format!("{devices}, {}, {words}", pair.delta_format),
                cost: cost_of(pair),
            }
        };
        let changed = self.update.pairs.iter().filter(|pair| !pair.unchanged);
        let rows: Vec<Row> = changed.map(row).collect();
        section(out, "By service and release, for one device", &rows)
    }

    /// The releases that devices run.
    fn running(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "<section>\n<h2>What devices run</h2>\n<div class=\"wide\"><table>")?;
        let heads = [("Release", ""), ("Commit", ""), ("Devices", NUMBER), ("Coming", NUMBER)];
        head(out, &[&heads[..], &[("Pinned", NUMBER), ("Deltas", "")]].concat())?;
        for group in &self.update.running {
            let release = group.release.as_ref();
            let name = release.map_or_else(|| "unknown".to_owned(), label);
            write!(out, "<tr>")?;
            cell(out, "", &name)?;
            cell(out, "", &release.map(commit).unwrap_or_default())?;
            cell(out, NUMBER, &units::count(group.devices))?;
            cell(out, NUMBER, &units::count(group.coming))?;
            cell(out, NUMBER, &units::count(group.pinned))?;
            cell(out, "", group.delta_format)?;
            writeln!(out, "</tr>")?;
        }
        writeln!(out, "</tbody></table></div>\n</section>")
    }

    /// All pairs with their figures.
    fn table(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.update.pairs.is_empty() {
            return Ok(());
        }
        let names = table::names(self.update);
        writeln!(out, "<section>\n<h2>What devices need</h2>\n<div class=\"wide\"><table>")?;
        let heads = [("From", ""), ("Service", ""), ("Devices", NUMBER), ("Deltas", "")];
        head(out, &[&heads[..], &[("State", ""), ("Delta", NUMBER), ("Pull", NUMBER)]].concat())?;
        for pair in &self.update.pairs {
            write!(out, "<tr>")?;
            cell(out, "", &table::name(pair, &names))?;
            cell(out, "", &pair.service_name)?;
            cell(out, NUMBER, &units::count(pair.devices))?;
            cell(out, "", pair.delta_format)?;
            cell(out, state_class(pair), &Standing::from(pair).words())?;
            cell(out, NUMBER, &table::size(pair.delta_size))?;
            cell(out, NUMBER, &table::size(pair.pull_size))?;
            writeln!(out, "</tr>")?;
        }
        writeln!(out, "</tbody></table></div>")?;
        self.reasons(out)?;
        writeln!(out, "</section>")
    }

    fn reasons(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(note) = totals::uncompressed_in(self.update) {
            writeln!(out, "<p>{}</p>", escaped(&note))?;
        }
        let names = table::names(self.update);
        for pair in &self.update.pairs {
            let Some(reason) = &pair.reason else { continue };
            let what =
                format!("{} from {}: {reason}", pair.service_name, table::name(pair, &names));
            writeln!(out, "<p{}>{}</p>", with(state_class(pair)), escaped(&what))?;
        }
        Ok(())
    }
}

/// The class of cells with numbers.
const NUMBER: &str = "number";

fn state_class(pair: &FleetPair) -> &'static str {
    if pair.status == UpdateState::Failed { "failed" } else { "" }
}

/// What one device downloads.
fn cost_of(pair: &FleetPair) -> Cost {
    Cost { now: pair.payload_size, pull: pair.pull_size.unwrap_or(pair.payload_size) }
}

fn saved(now: u64, pull: u64) -> String {
    match pull.checked_sub(now) {
        // Of what is not all, no rounding makes all.
        Some(saved) if now > 0 && now * 200 < pull => {
            format!("{} %", (10_000.0 * saved as f64 / pull as f64).min(9_999.0).floor() / 100.0)
        }
        Some(saved) if saved > 0 => format!("{:.0} %", 100.0 * saved as f64 / pull as f64),
        _ => "nothing".to_owned(),
    }
}

fn saved_words(cost: Cost) -> String {
    match cost.pull {
        0 => "nothing to download".to_owned(),
        pull => format!("{} saved", saved(cost.now, pull)),
    }
}

fn section(out: &mut Formatter<'_>, title: &str, rows: &[Row]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section>\n<h2>{title}</h2>")?;
    write!(out, "<p><span class=\"key now\">as it stands</span>")?;
    writeln!(out, "<span class=\"key\">by a plain pull</span></p>")?;
    bars::write(out, rows)?;
    writeln!(out, "</section>")
}

fn figure(out: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>")
}

fn head(out: &mut Formatter<'_>, cells: &[(&str, &str)]) -> fmt::Result {
    write!(out, "<thead><tr>")?;
    cells.iter().try_for_each(|(name, class)| write!(out, "<th{}>{name}</th>", with(class)))?;
    writeln!(out, "</tr></thead><tbody>")
}

fn cell(out: &mut Formatter<'_>, class: &str, text: &str) -> fmt::Result {
    write!(out, "<td{}>{}</td>", with(class), escaped(text))
}

fn with(class: &str) -> String {
    if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") }
}
