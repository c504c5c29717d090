//! A delta's report as text for people: the parts that several commands print.

use std::fmt::{self, Formatter, Write as _};

use remora::delta::Goal;
use remora::image::ImageId;
use remora::v3::{DeltaReport, LayerReport, LinkEstimate, Links};

use super::table::{Align, Table};
use super::units;

/// Where the delta is.
pub(super) fn write_output(out: &mut Formatter<'_>, output: Option<&str>) -> fmt::Result {
    match output {
        Some(output) => writeln!(out, "delta:   {output}"),
        None => writeln!(out, "delta:   not published, this was a dry run"),
    }
}

/// The two images that the delta connects.
pub(super) fn write_images(
    out: &mut Formatter<'_>,
    base: &ImageId,
    target: &ImageId,
) -> fmt::Result {
    writeln!(out, "base:    {base}")?;
    writeln!(out, "target:  {target}")
}

/// What the delta costs the device, beside what it would cost without.
pub(super) fn write_totals(
    out: &mut Formatter<'_>,
    report: &DeltaReport,
    device: &Goal,
    links: Option<&Links>,
) -> fmt::Result {
    write_fetch(out, report)?;
    let Some(seconds) = report.update_seconds(device) else { return Ok(()) };
    let mut time = format!("about {}", units::seconds(seconds));
    if let Some(pull) = report.pull_seconds(device) {
        let _ = write!(time, " instead of {}", units::seconds(pull));
    }
    let commands = units::count(report.total.commands);
    writeln!(out, "device:  {time}, with {commands} commands to run")?;
    if let Some(links) = links {
        write_links(out, links)?;
    }
    write_unpaid(out, report)
}

/// What is fetched, beside what would be without a delta.
pub(super) fn write_fetch(out: &mut Formatter<'_>, report: &DeltaReport) -> fmt::Result {
    writeln!(out, "layers:  {}", describe_layers(&report.layers))?;
    let mut fetch = units::bytes(report.total.delta_bytes);
    if let (Some(pull), Some(ratio)) = (report.total.pull_bytes, report.ratio()) {
        let _ = write!(fetch, " instead of {}, {}", units::bytes(pull), times_smaller(ratio));
    }
    writeln!(out, "fetch:   {fetch}")
}

/// The update on slow and fast links, and where a plain pull begins to be quicker.
fn write_links(out: &mut Formatter<'_>, links: &Links) -> fmt::Result {
    let times: Vec<_> = links.links.iter().map(describe_link).collect();
    writeln!(out, "links:   {}", times.join("; "))?;
    match links.break_even_rate {
        None => Ok(()),
        Some(0.0) => writeln!(out, "note:    a plain pull is quicker on any link"),
        Some(rate) => {
            writeln!(out, "note:    above {} a plain pull is quicker", units::rate(rate))
        }
    }
}

fn describe_link(link: &LinkEstimate) -> String {
    let rate = units::rate(link.bits_per_second.into());
    let update = units::seconds(link.update_seconds);
    match link.pull_seconds.map(units::seconds) {
        Some(pull) => format!("{update} instead of {pull} at {rate}"),
        None => format!("{update} at {rate}"),
    }
}

/// What the work took here: seconds, and bytes of memory.
pub(super) fn write_effort(
    out: &mut Formatter<'_>,
    seconds: f64,
    peak_memory: Option<u64>,
) -> fmt::Result {
    let seconds = units::seconds(seconds);
    match peak_memory {
        Some(memory) => writeln!(out, "took:    {seconds} and {} of memory", units::bytes(memory)),
        None => writeln!(out, "took:    {seconds}"),
    }
}

fn describe_layers(layers: &[LayerReport]) -> String {
    let shared = layers.iter().filter(|layer| layer.shared == Some(true)).count();
    match shared {
        0 => format!("{}", layers.len()),
        _ => format!("{}, of which the images share {shared}", layers.len()),
    }
}

fn times_smaller(ratio: f64) -> String {
    match ratio {
        r if r < 1.0 => "which is no saving".to_owned(),
        r if r < 9.95 => format!("{r:.1} times smaller"),
        r => format!("{} times smaller", units::count(r.round() as u64)),
    }
}

/// The layers whose delta is no smaller than what a plain pull fetches.
pub(super) fn write_unpaid(out: &mut Formatter<'_>, report: &DeltaReport) -> fmt::Result {
    for (index, layer) in report.layers.iter().enumerate() {
        if layer.pays == Some(false) {
            let (number, delta) = (index + 1, units::bytes(layer.delta_bytes));
            let pull = units::bytes(layer.pull_bytes.unwrap_or(0));
            writeln!(out, "note:    layer {number} gains nothing: {delta} instead of {pull}")?;
        }
    }
    Ok(())
}

/// All layers, bottom first, and their sum.
pub(super) fn layer_table(report: &DeltaReport) -> Table {
    let mut table = Table::new(&[
        ("layer", Align::Left),
        ("shared", Align::Left),
        ("size", Align::Right),
        ("pull", Align::Right),
        ("delta", Align::Right),
        ("COPY", Align::Right),
        ("LITERAL", Align::Right),
        ("literal bytes", Align::Right),
    ]);
    report.layers.iter().for_each(|layer| table.row(layer_row(layer)));
    let sum = |part: fn(&LayerReport) -> u64| report.layers.iter().map(part).sum::<u64>();
    table.row([
        "total".to_owned(),
        String::new(),
        units::bytes(sum(|layer| layer.size)),
        optional_bytes(report.total.pull_bytes),
        units::bytes(report.total.delta_bytes),
        units::count(sum(|layer| layer.copies)),
        units::count(sum(|layer| layer.literals)),
        units::bytes(sum(|layer| layer.literal_bytes)),
    ]);
    table
}

fn layer_row(layer: &LayerReport) -> [String; 8] {
    let shared = match layer.shared {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    [
        layer.diff_id.0.short(),
        shared.to_owned(),
        units::bytes(layer.size),
        optional_bytes(layer.pull_bytes),
        units::bytes(layer.delta_bytes),
        units::count(layer.copies),
        units::count(layer.literals),
        units::bytes(layer.literal_bytes),
    ]
}

fn optional_bytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), units::bytes)
}
