//! What an update takes on slow and fast links, beside a plain pull.

use serde::Serialize;

use super::DeltaReport;
use crate::delta::Goal;

/// The links that are looked at, in bits a second: a modem or crowded radio, a home, an office.
const LINK_RATES: [u32; 3] = [1_000_000, 10_000_000, 100_000_000];

/// One delta on several links.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Links {
    /// Slow links first.
    pub links: Vec<LinkEstimate>,
    /// Bits a second above which a plain pull is quicker than the delta, because commands cost the
    /// device more than the bytes they save cost the link. 0 if a plain pull is quicker on every link;
    /// `None` if the delta is quicker on every link, or the size of a plain pull is not known.
    pub break_even_rate: Option<f64>,
}

/// One delta on one link.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LinkEstimate {
    /// Bits a second that reach the device.
    pub bits_per_second: u32,
    /// Seconds to fetch and apply the delta, by the model of [`DeltaReport::update_seconds`].
    pub update_seconds: f64,
    /// Seconds to fetch the target without a delta; `None` if its size is not known.
    pub pull_seconds: Option<f64>,
}

impl Links {
    /// The delta of `report` on each link, applied by a device whose commands cost what `device` says.
    /// `None` if `device` has no model of time.
    pub fn new(report: &DeltaReport, device: &Goal) -> Option<Self> {
        let links = LINK_RATES.iter().map(|&rate| LinkEstimate::new(report, device, rate));
        let links = links.collect::<Option<Vec<_>>>()?;
        Some(Links { links, break_even_rate: break_even_rate(report, device) })
    }
}

impl LinkEstimate {
    fn new(report: &DeltaReport, device: &Goal, bits_per_second: u32) -> Option<Self> {
        let device = device.on_link(f64::from(bits_per_second) / 8.0);
        let update_seconds = report.update_seconds(&device)?;
        let pull_seconds = report.pull_seconds(&device);
        Some(LinkEstimate { bits_per_second, update_seconds, pull_seconds })
    }
}

/// Where saved bytes and the costs of commands are equal, in bits a second.
fn break_even_rate(report: &DeltaReport, device: &Goal) -> Option<f64> {
    let saved_bytes = report.total.pull_bytes?.saturating_sub(report.total.delta_bytes);
    if saved_bytes == 0 {
        return (report.total.delta_bytes > 0).then_some(0.0);
    }
    let command_seconds = report.command_seconds(device)?;
    (command_seconds > 0.0).then(|| saved_bytes as f64 * 8.0 / command_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{DiffId, Digest, ImageId};
    use crate::v3::{LayerReport, Total};

    /// A delta of 1,000 COPYs, which cost the default device 50 µs each.
    fn report(delta_bytes: u64, pull_bytes: Option<u64>, copies: u64) -> DeltaReport {
        let digest = Digest::of(b"any");
        let layer = LayerReport {
            diff_id: DiffId(digest),
            shared: Some(false),
            size: 0,
            pull_bytes,
            delta_bytes,
            copies,
            literals: 0,
            literal_bytes: 0,
            pays: None,
        };
        let total =
            Total { pull_bytes, delta_bytes, commands: copies, seconds: 0.0, peak_memory: None };
        let (base_id, target_id) = (ImageId(digest), ImageId(digest));
        DeltaReport { base_id, target_id, delta_digest: None, layers: vec![layer], total }
    }

    #[test]
    fn above_the_break_even_rate_a_plain_pull_is_quicker_and_below_the_delta() {
        let device = Goal::default();
        let report = report(125_000, Some(250_000), 1_000);
        let links = Links::new(&report, &device).expect("a device with a model");
        let rate = links.break_even_rate.expect("commands cost something");
        assert!((rate - 20e6).abs() < 1.0, "{rate}: 1 Mbit saved costs 50 ms of commands");
        for link in links.links {
            let pull = link.pull_seconds.expect("known");
            assert_eq!(link.update_seconds < pull, f64::from(link.bits_per_second) < rate);
        }
    }

    #[test]
    fn a_rate_is_given_only_where_the_two_times_cross() {
        let rate = |delta, pull, copies| {
            let links = Links::new(&report(delta, pull, copies), &Goal::default());
            links.expect("a device with a model").break_even_rate
        };
        assert_eq!(rate(10, None, 1), None, "the pull's size is not known");
        assert_eq!(rate(10, Some(20), 0), None, "without commands the smaller one is quicker");
        assert_eq!(rate(0, Some(0), 0), None, "nothing is fetched either way");
        assert_eq!(rate(20, Some(20), 1), Some(0.0), "a pull is never slower");
        assert!(Links::new(&report(1, Some(2), 1), &Goal::Size).is_none());
    }
}
