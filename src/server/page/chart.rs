//! A chart of stacked bars, drawn as SVG. Colours are classes: the style has them for light and dark.

use maud::{Markup, html};

/// Units of the drawing; it is as wide as its column.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 180.0;
/// Room for what stands at the left, above, and below.
const LEFT: f64 = 62.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 20.0;
/// Of a bar's place, how much the bar takes.
const FILLED: f64 = 0.78;
/// Lines across, beside the bottom's.
const LINES: usize = 2;

/// What is drawn.
pub(super) struct Chart<'a> {
    pub(super) title: &'static str,
    /// What each bar is of.
    pub(super) labels: &'a [String],
    pub(super) series: Vec<Series>,
    /// A value in words.
    pub(super) say: fn(f64) -> String,
}

/// One part of each bar.
pub(super) struct Series {
    pub(super) name: String,
    /// As many as there are labels.
    pub(super) values: Vec<f64>,
}

/// Draws a chart.
pub(super) fn chart(chart: &Chart<'_>) -> Markup {
    let sums: Vec<f64> = (0..chart.labels.len()).map(|bar| chart.sum(bar)).collect();
    let top = nice(sums.iter().copied().fold(0.0, f64::max));
    let total = (chart.say)(sums.iter().sum());
    let description = format!("{}, {total} in all", chart.title);
    html! {
        figure {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(description) {
                text.title x=(0) y="12" { (chart.title) }
                @for line in 0..=LINES { (rule(chart, top, top * line as f64 / LINES as f64)) }
                @for bar in 0..chart.labels.len() { (bar_of(chart, bar, top)) }
                (ends(chart))
            }
        }
    }
}

impl Chart<'_> {
    fn sum(&self, bar: usize) -> f64 {
        self.series.iter().map(|series| series.values[bar]).sum()
    }

    /// Where a bar begins, and how wide its place is.
    fn place(&self, bar: usize) -> (f64, f64) {
        let width = (WIDTH - LEFT) / self.labels.len().max(1) as f64;
        (LEFT + width * bar as f64, width)
    }
}

fn rule(chart: &Chart<'_>, top: f64, value: f64) -> Markup {
    let y = height_of(value, top);
    html! {
        line.rule x1=(number(LEFT)) x2=(number(WIDTH)) y1=(number(y)) y2=(number(y)) {}
        text.axis x=(number(LEFT - 6.0)) y=(number(y + 4.0)) text-anchor="end" { ((chart.say)(value)) }
    }
}

fn bar_of(chart: &Chart<'_>, bar: usize, top: f64) -> Markup {
    let (left, width) = chart.place(bar);
    let mut below = 0.0;
    let parts = chart.series.iter().enumerate().filter(|(_, series)| series.values[bar] > 0.0);
    let parts: Vec<(usize, f64, f64)> = parts
        .map(|(place, series)| {
            let from = below;
            below += series.values[bar];
            (place, from, below)
        })
        .collect();
    html! {
        @if !parts.is_empty() {
            g {
                title {
                    (chart.labels[bar]) ": " ((chart.say)(below))
                    @for (place, from, to) in &parts {
                        "; " (chart.series[*place].name) " " ((chart.say)(to - from))
                    }
                }
                @for (place, from, to) in parts {
                    @let (low, high) = (height_of(from, top), height_of(to, top));
                    rect class={ "s" (place) } x=(number(left)) width=(number(width * FILLED))
                        y=(number(high)) height=(number(low - high)) {}
                }
            }
        }
    }
}

/// The first and the last label.
fn ends(chart: &Chart<'_>) -> Markup {
    let y = number(HEIGHT - 5.0);
    html! {
        @if let (Some(first), Some(last)) = (chart.labels.first(), chart.labels.last()) {
            text.axis x=(number(LEFT)) y=(y) { (first) }
            text.axis x=(number(WIDTH)) y=(y) text-anchor="end" { (last) }
        }
    }
}

/// How far down a value is, where `top` is at the top.
fn height_of(value: f64, top: f64) -> f64 {
    let share = if top > 0.0 { value / top } else { 0.0 };
    HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share
}

/// A round number that is no less: 1, 2 or 5 with zeros, so that half of it is short too.
fn nice(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10.0_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|it| *it >= value).unwrap_or(10.0 * power)
}

/// Two digits behind the point are enough for a screen.
fn number(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_stay_in_the_drawing() {
        let labels = ["one".to_owned(), "<two>".to_owned()];
        let series = |values: [f64; 2]| Series { name: "s".to_owned(), values: values.into() };
        let drawn = chart(&Chart {
            title: "A & B",
            labels: &labels,
            series: vec![series([1.0, 0.0]), series([3.0, 0.0])],
            say: |value| format!("{value}"),
        });
        let text = drawn.into_string();
        assert!(text.contains("aria-label=\"A &amp; B, 4 in all\""), "{text}");
        assert_eq!(text.matches("<rect").count(), 2, "{text}");
        assert!(text.contains("y=\"126.50\" height=\"33.50\""), "{text}");
        assert!(text.contains("y=\"26.00\" height=\"100.50\""), "{text}");
        assert!(text.contains("&lt;two&gt;") && !text.contains("<two>"), "{text}");
    }

    #[test]
    fn the_top_is_a_round_number() {
        for (value, top) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (4.5, 6.0),
            (70.0, 80.0),
            (91.0, 100.0),
            (0.03, 0.04),
        ] {
            assert!((nice(value) - top).abs() < 1e-9, "{value}");
        }
        assert_eq!(nice(f64::INFINITY), 1.0);
    }
}
