//! A plot of bytes against seconds: one panel a pair, both axes logarithmic.

use std::fmt::Write as _;

use crate::report::{PairReport, Report};

const COLUMNS: usize = 2;
const PANEL: (f64, f64) = (460.0, 300.0);
/// What a panel leaves free around its axes: left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (64.0, 24.0, 28.0, 40.0);
const LEGEND_LINE: f64 = 20.0;
const COLORS: [&str; 10] = [
    "#7f7f7f", "#d62728", "#ff7f0e", "#e377c2", "#8c1b1b", "#1f77b4", "#2ca02c", "#9467bd",
    "#8c564b", "#17becf",
];

/// The whole plot.
pub(crate) fn svg(report: &Report) -> String {
    let names = contenders(report);
    let rows = report.pairs.len().div_ceil(COLUMNS);
    let legend = names.len() as f64 * LEGEND_LINE + 20.0;
    let (width, height) = (PANEL.0 * COLUMNS as f64, PANEL.1 * rows as f64 + legend);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, pair) in report.pairs.iter().enumerate() {
        let x = PANEL.0 * (index % COLUMNS) as f64;
        let y = PANEL.1 * (index / COLUMNS) as f64;
        let _ = writeln!(out, "<g transform=\"translate({x},{y})\">{}</g>", panel(pair, &names));
    }
    for (index, name) in names.iter().enumerate() {
        let y = PANEL.1 * rows as f64 + LEGEND_LINE * (index as f64 + 0.8);
        dot(&mut out, MARGIN.0, y - 4.0, index, name);
        text(&mut out, MARGIN.0 + 12.0, y, "start", name);
    }
    out + "</svg>\n"
}

/// Every contender's name, in the order of first appearance.
fn contenders(report: &Report) -> Vec<&str> {
    let mut names = Vec::new();
    for row in report.pairs.iter().flat_map(|pair| &pair.rows) {
        if !names.contains(&row.contender.as_str()) {
            names.push(row.contender.as_str());
        }
    }
    names
}

/// The dots of one pair: which contender, seconds, bytes. What takes no time is drawn at the left.
fn points(pair: &PairReport) -> Vec<(&str, f64, f64)> {
    let rows = pair.rows.iter().filter_map(|row| {
        let bytes = row.bytes? as f64;
        Some((row.contender.as_str(), row.seconds.unwrap_or(0.01).max(0.01), bytes.max(1.0)))
    });
    rows.collect()
}

fn panel(pair: &PairReport, names: &[&str]) -> String {
    let points = points(pair);
    let x = Axis::over(points.iter().map(|point| point.1), MARGIN.0, PANEL.0 - MARGIN.1);
    let y = Axis::over(points.iter().map(|point| point.2), PANEL.1 - MARGIN.3, MARGIN.2);
    let mut out = String::new();
    text(&mut out, MARGIN.0, 18.0, "start", &format!("{}: bytes against seconds", pair.pair));
    for (value, at) in x.ticks() {
        line(&mut out, (at, MARGIN.2), (at, PANEL.1 - MARGIN.3));
        text(&mut out, at, PANEL.1 - MARGIN.3 + 16.0, "middle", &format!("{value} s"));
    }
    for (value, at) in y.ticks() {
        line(&mut out, (MARGIN.0, at), (PANEL.0 - MARGIN.1, at));
        text(&mut out, MARGIN.0 - 6.0, at + 4.0, "end", &short(value));
    }
    for (name, seconds, bytes) in points {
        let index = names.iter().position(|known| *known == name).unwrap_or(0);
        dot(&mut out, x.place(seconds), y.place(bytes), index, name);
    }
    out
}

/// A logarithmic axis from one power of ten to another.
struct Axis {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let logarithms: Vec<f64> = values.map(f64::log10).collect();
        let low = logarithms.iter().copied().fold(f64::INFINITY, f64::min).floor() as i32;
        let high = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil() as i32;
        Axis { low, high: high.max(low + 1), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + part * (self.to - self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        (self.low..=self.high).map(|power| {
            let value = 10_f64.powi(power);
            (value, self.place(value))
        })
    }
}

fn short(bytes: f64) -> String {
    match bytes {
        b if b >= 1e9 => format!("{} GB", b / 1e9),
        b if b >= 1e6 => format!("{} MB", b / 1e6),
        b if b >= 1e3 => format!("{} kB", b / 1e3),
        b => format!("{b} B"),
    }
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let place = format!("x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"");
    let _ = writeln!(out, "<line {place} stroke=\"#dddddd\"/>");
}

fn dot(out: &mut String, x: f64, y: f64, color: usize, title: &str) {
    let color = COLORS[color % COLORS.len()];
    let circle = format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{color}\">");
    let _ = writeln!(out, "{circle}<title>{}</title></circle>", escape(title));
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"");
    let _ = writeln!(out, "<text {place}>{}</text>", escape(content));
}

fn escape(content: &str) -> String {
    content.replace('&', "&amp;").replace('<', "&lt;")
}
