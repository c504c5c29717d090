//! The first page: how everything is, in one view.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::answer::page;
use super::figures::{bytes, count, duration};
use super::layout::{Place, framed};
use super::session::Session;
use super::{names, rows, savings, sign_in, visit};
use crate::server::jobs::{JobState, KnownServer, ListedJob, Overall, Survey, Wanted};
use crate::server::routes::{Asked, Service};

/// Jobs of each kind that are shown.
const SHOWN: usize = 8;
/// Builds that are shown: all of an installation of ordinary size.
const SHOWN_BUILDS: usize = 32;

/// The overview, or the form to sign in.
pub(super) async fn get(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    let session = match visit::session(&service, &asked) {
        Ok(Some(session)) => session,
        Ok(None) => return sign_in::ask(),
        Err(answer) => return *answer,
    };
    let survey = service.jobs.survey().await;
    let content = content(&service, &session, survey.as_deref());
    page(StatusCode::OK, framed("Overview", Place::Overview, &session, content))
}

fn content(service: &Service, session: &Session, survey: Option<&Survey>) -> Markup {
    let overall = service.jobs.overall(SHOWN);
    let of = |state, count| of_state(service, session, state, count);
    let (builds, failed) = (of(JobState::Preparing, SHOWN_BUILDS), of(JobState::Failed, SHOWN));
    let (ready, next) = (of(JobState::Ready, SHOWN), next_up(service, session));
    html! {
        h1.quiet { "Overview" }
        (notice(session))
        @if session.sees_all() { (tiles(&overall, survey)) }
        div.columns {
            section data-live="builds" aria-labelledby="builds" {
                h2 #builds { "Builds" }
                (rows::list(&builds, session, "Nothing is being built."))
            }
            section data-live="queue" aria-labelledby="queue" {
                h2 #queue { "Next in the queue" }
                (rows::list(&next, session, "Nothing waits."))
                (more("pending", "All that wait"))
            }
            section data-live="failed" aria-labelledby="failures" {
                h2 #failures { "Failed" }
                (rows::list(&failed, session, "Nothing failed."))
                (more("failed", "All failures"))
            }
            section data-live="ready" aria-labelledby="ready" {
                h2 #ready { "Ready" }
                (rows::list(&ready, session, "No delta is ready yet."))
                (more("ready", "All deltas that are ready"))
            }
        }
        (savings::section(survey, session))
        @if session.sees_all() {
            div.columns {
                (releases(&overall))
                (servers(survey))
                (disk(service))
            }
        }
    }
}

fn of_state(service: &Service, session: &Session, state: JobState, count: usize) -> Vec<ListedJob> {
    let within = session.within();
    service.jobs.list(&Wanted { state: Some(state), within, count, ..Wanted::default() })
}

fn next_up(service: &Service, session: &Session) -> Vec<ListedJob> {
    service.jobs.next_up(SHOWN, |pair| session.sees(pair))
}

/// What of a session's rights is not shown.
pub(super) fn notice(session: &Session) -> Markup {
    html! {
        @if let Some(token) = &session.token {
            p.notice {
                "Shown is what the token may pull: deltas of "
                (count(token.repositories.len() as u64)) " repositories."
                @if token.left_out > 0 {
                    " The token permits " (count(token.left_out as u64))
                    " more, which no session has room for."
                }
            }
        }
    }
}

/// Why what is shown may be old, or not all.
pub(super) fn trouble(service: &Service) -> Markup {
    html! {
        @if !service.jobs.are_read() {
            p.notice { "The database has not answered since this server started: most jobs are not known here." }
        } @else if service.jobs.are_stuck() {
            p.notice { "The database does not answer: jobs are shown as this server knows them." }
        }
    }
}

fn tiles(overall: &Overall, survey: Option<&Survey>) -> Markup {
    let saved = survey.map(|survey| savings::of_last_day(&survey.days));
    let of = |state: JobState| overall.counts[state as usize] as u64;
    let tile = |name: &str, value: String, link: Option<&str>| {
        html! {
            div.tile {
                dt { @match link { Some(link) => { a href=(link) { (name) } } None => { (name) } } }
                dd { (value) }
            }
        }
    };
    html! {
        dl.tiles data-live="tiles" {
            (tile("Building", count(of(JobState::Preparing)), Some("/jobs?state=preparing")))
            (tile("Waiting", count(of(JobState::Pending)), Some("/jobs?state=pending")))
            (tile("Failed", count(of(JobState::Failed)), Some("/jobs?state=failed")))
            (tile("Ready", count(of(JobState::Ready)), Some("/jobs?state=ready")))
            @if let Some(saved) = saved {
                (tile("Saved today", bytes(saved.saved_bytes), None))
                (tile("Time saved today", duration(saved.saved_seconds), None))
            }
        }
    }
}

fn more(state: &str, words: &str) -> Markup {
    html! { p.more { a href={ "/jobs?state=" (state) } { (words) } } }
}

fn releases(overall: &Overall) -> Markup {
    html! {
        section data-live="releases" aria-labelledby="releases" {
            h2 #releases { "Releases being prepared" }
            @if overall.releases.is_empty() { p.none { "None." } }
            @else {
                dl.facts {
                    @for (fleet, jobs) in &overall.releases {
                        dt title=(fleet) { (names::short_repository(fleet)) }
                        dd {
                            (count(*jobs as u64))
                            @if *jobs == 1 { " delta is not done" } @else { " deltas are not done" }
                        }
                    }
                }
            }
        }
    }
}

fn servers(survey: Option<&Survey>) -> Markup {
    html! {
        section data-live="servers" aria-labelledby="servers" {
            h2 #servers { "Servers" }
            @match survey {
                None => { p.none { "The database does not answer." } }
                Some(survey) => {
                    dl.facts { @for server in &survey.servers { (server_fact(server)) } }
                    (age(survey))
                }
            }
        }
    }
}

fn server_fact(server: &KnownServer) -> Markup {
    let home = if server.home.is_empty() { &server.name } else { &server.home };
    html! {
        dt title={ (server.home) " " (server.name) } {
            (names::short_repository(home)) @if server.is_this { " (this one)" }
        }
        dd {
            @match server.lease_left {
                None => { "alone" }
                Some(left) if left.is_zero() => { "gives no sign of life" }
                Some(left) => { "holds its jobs for " (duration(left.as_secs_f64())) " more" }
            }
        }
    }
}

/// How old a survey is, if the database did not answer since.
fn age(survey: &Survey) -> Markup {
    let age = SystemTime::now().duration_since(survey.at).unwrap_or_default().as_secs_f64();
    html! { @if age > 10.0 { p.notice { "As it was " (duration(age)) " ago: the database does not answer." } } }
}

fn disk(service: &Service) -> Markup {
    let (disk, budget) = (service.housekeeping.disk_use(), service.settings.data.budget);
    let used = disk.layer_bytes.saturating_add(disk.file_bytes);
    html! {
        section data-live="disk" aria-labelledby="disk" {
            h2 #disk { "Disk of this server" }
            meter min="0" max=(budget) value=(used.min(budget)) aria-label="Used of the budget" {}
            p { (bytes(used)) " of " (bytes(budget)) }
            dl.facts {
                dt { "Layers" } dd { (count(disk.layers)) ", " (bytes(disk.layer_bytes)) }
                dt { "v2 files" } dd { (count(disk.files)) ", " (bytes(disk.file_bytes)) }
            }
        }
    }
}
