//! How far servers are with what they build, told through the database and kept nowhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Dialect;
use crate::image::Digest;
use crate::progress::Stage;
use crate::server::jobs::ledger::servers::Report;
use crate::server::pair::{Pair, PinnedImage};

/// Where it is told.
pub(super) const CHANNEL: &str = "remora_builds";
/// PostgreSQL takes messages of less than 8,000 bytes.
const MAX_MESSAGE: usize = 7_900;

/// A report as it goes over the wire.
#[derive(Serialize, Deserialize)]
struct Message {
    by: String,
    format: String,
    source: (String, String),
    target: (String, String),
    stage: String,
    percent: u8,
}

/// The messages that tell of these reports.
pub(super) fn messages(reports: &[Report], me: &str) -> Vec<String> {
    let messages = reports.iter().map(|report| text(report, me));
    messages.filter(|message| message.len() <= MAX_MESSAGE).collect()
}

fn text(report: &Report, me: &str) -> String {
    let image = |image: &PinnedImage| (image.repository.clone(), image.digest.to_string());
    let pair = &report.pair;
    let message = Message {
        by: me.to_owned(),
        format: pair.format.name().to_owned(),
        source: image(&pair.source),
        target: image(&pair.target),
        stage: report.stage.name().to_owned(),
        percent: report.percent,
    };
    serde_json::to_string(&message).expect("plain data")
}

/// What another server than `me` told; `None` if the message makes no sense or is this server's own.
pub(super) fn report(message: &str, me: &str) -> Option<Report> {
    let message: Message = serde_json::from_str(message).ok()?;
    let image = |(repository, digest): (String, String)| {
        Some(PinnedImage { repository, digest: digest.parse::<Digest>().ok()? })
    };
    let format: Dialect = message.format.parse().ok()?;
    let pair = Pair { format, source: image(message.source)?, target: image(message.target)? };
    let stage = Stage::ALL.into_iter().find(|stage| stage.name() == message.stage)?;
    let is_ours = message.by == me;
    let percent = message.percent.min(100);
    (!is_ours).then(|| Report { pair: Arc::new(pair), stage, percent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_comes_as_it_went_and_never_back_to_whoever_told_it() {
        let image = |name: &str| PinnedImage {
            repository: format!("v2/{name}"),
            digest: Digest::of(name.as_bytes()),
        };
        let pair = Pair { format: Dialect::V3, source: image("a"), target: image("b") };
        let told = Report { pair: Arc::new(pair), stage: Stage::Verify, percent: 42 };
        assert_eq!(report(&text(&told, "one"), "other"), Some(told.clone()));
        assert_eq!(report(&text(&told, "one"), "one"), None);
        for nonsense in ["", "{}", "[1]", &text(&told, "one").replace("verify", "dream")] {
            assert_eq!(report(nonsense, "other"), None, "{nonsense}");
        }
    }
}
