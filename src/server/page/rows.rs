//! Jobs in lists: one item each, with what there is to say of its state.

use maud::{Markup, html};

use super::figures::{bytes, share};
use super::names;
use super::session::Session;
use crate::server::build::BuiltPlace;
use crate::server::jobs::{JobState, JobStatus, ListedJob};
use crate::server::pair::Pair;

/// A list of jobs; what is said where there are none.
pub(super) fn list(jobs: &[ListedJob], session: &Session, none: &str) -> Markup {
    html! {
        @if jobs.is_empty() { p.none { (none) } }
        @else {
            ul.jobs { @for job in jobs { (item(job, session)) } }
        }
    }
}

fn item(job: &ListedJob, session: &Session) -> Markup {
    let state = job.status.state;
    // The script looks for jobs by their keys, and for those that it does not find at the newest ones.
    html! {
        li data-job=(names::key(&job.pair)) data-state=(state_name(state)) {
            div.what {
                (badge(state))
                a href=(names::link(&job.pair)) { (names::short(&job.pair)) }
                span.fleet {
                    span.quiet { "for " }
                    span title=(job.fleet) { (names::short_repository(&job.fleet)) }
                    " · " (job.pair.format.name())
                }
            }
            div.how { (how(&job.status, &job.pair, session)) }
        }
    }
}

/// What there is to say of a job.
fn how(status: &JobStatus, pair: &Pair, session: &Session) -> Markup {
    match status.state {
        JobState::Pending => {
            html! { span.reason { (status.reason().unwrap_or("waits for its turn")) } }
        }
        JobState::Preparing => progress(status, pair),
        JobState::Ready => html! { span.sizes { (sizes(status)) } },
        JobState::Failed => html! {
            span.reason { (status.reason().unwrap_or("failed")) }
            (retry(pair, session))
        },
    }
}

pub(super) fn progress(status: &JobStatus, pair: &Pair) -> Markup {
    let name = format!("Progress of {}", names::short_image(&pair.target));
    let stage = status.stage.map_or("under way", |stage| stage.name());
    html! {
        @if let Some(percent) = status.percent {
            progress max="100" value=(percent) aria-label=(name) {}
            span.stage { (stage) " · " (percent) " %" }
        } @else {
            progress max="100" aria-label=(name) {}
            span.stage { "on another server" }
        }
    }
}

pub(super) fn sizes(status: &JobStatus) -> Markup {
    let Some(built) = &status.built else { return html! {} };
    let pull = built.pull_bytes;
    html! {
        @match (&built.place, pull) {
            (BuiltPlace::NotWorth, _) => { "not worth it: pulling the target costs hardly more" }
            (_, Some(pull)) => {
                strong { (bytes(built.bytes)) } " instead of " (bytes(pull))
                span.share { " " (share(built.bytes, pull)) }
            }
            (_, None) => { strong { (bytes(built.bytes)) } }
        }
    }
}

/// The button that has a failure tried again, for whoever may.
pub(super) fn retry(pair: &Pair, session: &Session) -> Markup {
    html! {
        @if session.sees_all() {
            form.retry method="post" action="/retry" {
                input type="hidden" name="format" value=(pair.format.name());
                input type="hidden" name="source" value=(pair.source);
                input type="hidden" name="target" value=(pair.target);
                button type="submit" {
                    "Try again" span.quiet { ": " (names::short_image(&pair.target)) }
                }
            }
        }
    }
}

pub(super) fn badge(state: JobState) -> Markup {
    html! { span class={ "badge " (state_name(state)) } { (state_word(state)) } }
}

/// A state as the program names it.
pub(super) fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Pending => "pending",
        JobState::Preparing => "preparing",
        JobState::Ready => "ready",
        JobState::Failed => "failed",
    }
}

/// A state as people read it.
pub(super) fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::Pending => "waits",
        JobState::Preparing => "building",
        JobState::Ready => "ready",
        JobState::Failed => "failed",
    }
}
