//! A plot of bytes against seconds, for each pair those to make a delta and those to apply it; all axes logarithmic.

use std::fmt::Write as _;

use crate::report::{PairReport, Report, Row};

const PANEL: (f64, f64) = (460.0, 300.0);
/// What a panel leaves free around its axes: left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (64.0, 24.0, 28.0, 40.0);
const LEGEND_LINE: f64 = 20.0;
/// Of Remora's settings, which are drawn as disks.
const OWN_COLORS: [&str; 8] =
    ["#d62728", "#ff7f0e", "#e377c2", "#8c1b1b", "#1a7f37", "#9ccc3c", "#00441b", "#b8860b"];
/// Of everything else, which is drawn as squares.
const OTHER_COLORS: [&str; 10] = [
    "#7f7f7f", "#1f77b4", "#17becf", "#9467bd", "#8c564b", "#000000", "#6baed6", "#c5b0d5",
    "#3b3b98", "#bcbd22",
];

/// The whole plot.
pub(crate) fn svg(report: &Report) -> String {
    let names = contenders(report);
    let rows = report.pairs.len();
    let legend = names.len() as f64 * LEGEND_LINE + 20.0;
    let (width, height) = (PANEL.0 * Work::ALL.len() as f64, PANEL.1 * rows as f64 + legend);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, pair) in report.pairs.iter().enumerate() {
        for (column, work) in Work::ALL.into_iter().enumerate() {
            let (x, y) = (PANEL.0 * column as f64, PANEL.1 * index as f64);
            let panel = panel(pair, work, &names);
            let _ = writeln!(out, "<g transform=\"translate({x},{y})\">{panel}</g>");
        }
    }
    for (index, name) in names.iter().enumerate() {
        let y = PANEL.1 * rows as f64 + LEGEND_LINE * (index as f64 + 0.8);
        dot(&mut out, MARGIN.0, y - 4.0, mark(&names, name), name);
        text(&mut out, MARGIN.0 + 12.0, y, "start", name);
    }
    out + "</svg>\n"
}

/// What seconds are of.
#[derive(Clone, Copy)]
enum Work {
    Making,
    Applying,
}

impl Work {
    const ALL: [Work; 2] = [Work::Making, Work::Applying];

    fn words(self) -> &'static str {
        match self {
            Work::Making => "to make",
            Work::Applying => "to apply",
        }
    }

    fn seconds(self, row: &Row) -> Option<f64> {
        match self {
            Work::Making => row.seconds,
            Work::Applying => row.apply_seconds,
        }
    }
}

/// How a contender is drawn.
#[derive(Clone, Copy)]
struct Mark {
    color: &'static str,
    is_own: bool,
}

/// The mark of the contender `name`, which depends on its place among those of its kind in `names`.
fn mark(names: &[&str], name: &str) -> Mark {
    let is_own = |name: &&&str| name.starts_with("remora");
    let own = is_own(&&name);
    let kind = names.iter().filter(|other| is_own(other) == own);
    let index = kind.take_while(|other| **other != name).count();
    let color = match own {
        true => OWN_COLORS[index % OWN_COLORS.len()],
        false => OTHER_COLORS[index % OTHER_COLORS.len()],
    };
    Mark { color, is_own: own }
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
fn points(pair: &PairReport, work: Work) -> Vec<(&str, f64, f64)> {
    let rows = pair.rows.iter().filter_map(|row| {
        let bytes = row.bytes? as f64;
        Some((row.contender.as_str(), work.seconds(row).unwrap_or(0.01).max(0.01), bytes.max(1.0)))
    });
    rows.collect()
}

fn panel(pair: &PairReport, work: Work, names: &[&str]) -> String {
    let points = points(pair, work);
    let x = Axis::over(points.iter().map(|point| point.1), MARGIN.0, PANEL.0 - MARGIN.1);
    let y = Axis::over(points.iter().map(|point| point.2), PANEL.1 - MARGIN.3, MARGIN.2);
    let mut out = String::new();
    let title = format!("{}: bytes against seconds {}", pair.pair, work.words());
    text(&mut out, MARGIN.0, 18.0, "start", &title);
    for (value, at) in x.ticks() {
        line(&mut out, (at, MARGIN.2), (at, PANEL.1 - MARGIN.3));
        text(&mut out, at, PANEL.1 - MARGIN.3 + 16.0, "middle", &format!("{value} s"));
    }
    for (value, at) in y.ticks() {
        line(&mut out, (MARGIN.0, at), (PANEL.0 - MARGIN.1, at));
        text(&mut out, MARGIN.0 - 6.0, at + 4.0, "end", &short(value));
    }
    for (name, seconds, bytes) in points {
        dot(&mut out, x.place(seconds), y.place(bytes), mark(names, name), name);
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

fn dot(out: &mut String, x: f64, y: f64, mark: Mark, title: &str) {
    // A square's corners are as far out as a disk's rim.
    let (radius, half) = (4.5, 3.8);
    let (corner, title) = ((x - half, y - half), escape(title));
    let shape = match mark.is_own {
        true => format!("circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\""),
        false => format!(
            "rect x=\"{:.1}\" y=\"{:.1}\" width=\"{2}\" height=\"{2}\"",
            corner.0,
            corner.1,
            2.0 * half
        ),
    };
    let name = shape.split(' ').next().unwrap_or_default();
    let _ = writeln!(out, "<{shape} fill=\"{}\"><title>{title}</title></{name}>", mark.color);
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"");
    let _ = writeln!(out, "<text {place}>{}</text>", escape(content));
}

fn escape(content: &str) -> String {
    content.replace('&', "&amp;").replace('<', "&lt;")
}
