//! Deltas before the release goes out: devices that update find them there. A delta that cannot be made, or takes too
//! long, keeps no release back.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::failure::Failure;
use super::work::Work;
use crate::builder::answer::{Tag, bytes};
use crate::release::{
    FleetPair, FleetUpdate, Installation, PrepareOptions, ReleaseError, UpdateState,
};

/// How often is looked whether the build is to end.
const LOOK: Duration = Duration::from_millis(100);

/// What a thread that has deltas made has to say.
enum News {
    Seen(FleetUpdate),
    Prepared(Result<FleetUpdate, ReleaseError>),
}

/// Has the deltas made that lead to a release, and waits for them as long as the build is to go on.
pub(super) fn make_deltas(work: &Work, release: u64, before: Option<u64>) -> Result<(), Failure> {
    if work.service.settings.installation.delta_server.is_none() {
        return Ok(());
    }
    work.screen.line(Tag::Info, "Making deltas from what devices run");
    let news = match prepare(work, release, before) {
        Ok(news) => news,
        Err(reason) => {
            not_made(work, &reason);
            return Ok(());
        }
    };
    let mut shown = None;
    let prepared = loop {
        work.go_on()?;
        match news.recv_timeout(LOOK) {
            Ok(News::Seen(update)) => {
                let percent = percent(&update.pairs);
                if percent < 100 && shown.replace(percent) != Some(percent) {
                    work.screen.bar(percent);
                }
            }
            Ok(News::Prepared(prepared)) => break Some(prepared),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break None,
        }
    };
    if shown.is_some() {
        work.screen.erase();
    }
    match prepared {
        Some(Ok(update)) => tell(work, &update),
        Some(Err(error)) => not_made(work, &error.to_string()),
        None => not_made(work, "the builder has a defect: see its log"),
    }
    Ok(())
}

/// Asks for the deltas in a thread of its own: whoever waits for one cannot be woken. If the build ends before, the
/// thread ends when the delta server has answered, and nobody hears of it.
fn prepare(work: &Work, release: u64, before: Option<u64>) -> Result<Receiver<News>, String> {
    let options = PrepareOptions::default().changed(|options| {
        options.wait = true;
        options.timeout = Some(work.service.settings.deltas_within);
    });
    let (settings, version) = (work.caller.installation.clone(), work.caller.version);
    let installation = Installation::new(settings).map_err(|error| error.to_string())?;
    let mut installation = installation.knowing(version);
    let (sender, news) = mpsc::channel();
    let body = move || {
        let mut seen = |update: &FleetUpdate| drop(sender.send(News::Seen(update.clone())));
        let prepared = installation.prepare_release(release, before, options, &mut seen);
        let _ = sender.send(News::Prepared(prepared));
    };
    let started = thread::Builder::new().name("deltas".to_owned()).spawn(body);
    match started {
        Ok(_) => Ok(news),
        Err(error) => Err(format!("the builder has no room for another thread: {error}")),
    }
}

fn not_made(work: &Work, reason: &str) {
    let text = format!("Deltas could not be made, devices may pull in full: {reason}");
    work.screen.line(Tag::Warn, &text);
}

/// How far all are together.
fn percent(pairs: &[FleetPair]) -> u8 {
    let of = |pair: &FleetPair| match pair.status {
        UpdateState::Ready | UpdateState::Failed => 100,
        _ => u64::from(pair.percent.unwrap_or(0)),
    };
    let count = pairs.len().max(1) as u64;
    let sum: u64 = pairs.iter().filter(|pair| !pair.unchanged).map(of).sum();
    let unchanged = pairs.iter().filter(|pair| pair.unchanged).count() as u64;
    ((sum + unchanged * 100) / count).min(100) as u8
}

/// A line for each delta, with its bytes beside those of a pull.
fn tell(work: &Work, update: &FleetUpdate) {
    for pair in update.pairs.iter().filter(|pair| !pair.unchanged) {
        let from = pair.from_release;
        let pull = pair.pull_size.map_or_else(|| "a pull".to_owned(), bytes);
        let text = match (pair.status, pair.delta_size) {
            (UpdateState::Ready, Some(size)) if pair.pull_size.is_none_or(|pull| size < pull) => {
                format!("{} instead of {pull}", bytes(size))
            }
            (UpdateState::Ready, _) => format!("none is smaller than a pull ({pull})"),
            _ => {
                let reason = pair.reason.as_deref().unwrap_or("not ready in time");
                format!("none: {reason}")
            }
        };
        let (service, format) = (&pair.service_name, pair.delta_format);
        let line = format!("{service} from release {from} ({format}): {text}");
        work.screen.line(Tag::Delta, &line);
    }
    if update.timed_out {
        work.screen.line(Tag::Warn, "Some deltas are still being made: devices may pull in full");
    }
}
