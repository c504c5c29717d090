//! One delta: where its job is, what it costs, its layers and the files that it is spent on.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::answer::{page, see};
use super::figures::{bytes, count, duration};
use super::layout::{Place, framed};
use super::names::{self, NamedPair};
use super::overview::trouble;
use super::rows;
use super::session::Session;
use super::{form, visit};
use crate::server::build::{Built, BuiltPlace};
use crate::server::images::Insight;
use crate::server::jobs::{JobState, JobStatus};
use crate::server::pair::Pair;
use crate::server::routes::{Asked, Service};
use crate::v3::{LayerReport, Weighed};

/// How long the page waits for a delta to be read; who looks again finds more.
const READ_TIME: Duration = Duration::from_millis(1_500);

pub(super) async fn get(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    let session = match visit::session(&service, &asked) {
        Ok(Some(session)) => session,
        Ok(None) => return see("/", None),
        Err(answer) => return *answer,
    };
    let named: NamedPair = form::query(&asked.query);
    // Whether there is a job that may not be seen is nobody's matter.
    let pair = named.pair().filter(|pair| session.sees(pair));
    let status = pair.as_ref().and_then(|pair| service.jobs.status(pair));
    let (Some(pair), Some(status)) = (pair, status) else {
        return unknown(&service, &session);
    };
    let insight = match &status.built {
        Some(Built { place: BuiltPlace::Tag { digest, .. }, bytes, .. }) => {
            let repository = &pair.target.repository;
            Some(service.insights.of(repository, *digest, *bytes, READ_TIME).await)
        }
        _ => None,
    };
    let content = content(&service, &pair, &status, insight.as_ref(), &session);
    page(StatusCode::OK, framed("Delta", Place::Other, &session, content))
}

fn unknown(service: &Service, session: &Session) -> Response {
    let content = html! {
        h1 { "Delta" }
        (trouble(service))
        p { "No job for such a delta is known, or its failure no longer counts. " a href="/jobs" { "All jobs" } }
    };
    page(StatusCode::NOT_FOUND, framed("Delta", Place::Other, session, content))
}

fn content(
    service: &Service,
    pair: &Pair,
    status: &JobStatus,
    insight: Option<&Insight>,
    session: &Session,
) -> Markup {
    let is_done = matches!(status.state, JobState::Ready | JobState::Failed);
    let is_read = !matches!(insight, Some(Insight::Reading | Insight::Busy));
    // Without a name to look for, the script has no reason to fetch the page again.
    let again = (!is_done || !is_read).then_some("yes");
    html! {
        h1 { "Delta " span.quiet { "from " (names::short_image(&pair.source)) " to " (names::short_image(&pair.target)) } }
        section data-live="delta" data-again=[again] aria-label="The delta" {
            (trouble(service))
            div.state data-job=(names::key(pair)) data-state=(rows::state_name(status.state)) {
                (rows::badge(status.state)) " "
                @if status.state == JobState::Preparing { (rows::progress(status, pair)) }
                @if let Some(reason) = status.reason() { span.reason { (reason) } }
                @if status.state == JobState::Failed { (rows::retry(pair, session)) }
            }
            dl.facts {
                dt { "From" } dd.name { (pair.source) }
                dt { "To" } dd.name { (pair.target) }
                dt { "Format" } dd { (pair.format.name()) }
                @if let Some(position) = status.position { dt { "Before it in the queue" } dd { (count(position)) } }
                @if let Some(built) = &status.built { (built_facts(service, pair, built)) }
            }
            @if let Some(insight) = insight { (inside(insight)) }
        }
    }
}

fn built_facts(service: &Service, pair: &Pair, built: &Built) -> Markup {
    html! {
        dt { "Size" } dd { (bytes(built.bytes)) " (" (count(built.bytes)) " bytes)" }
        @if let Some(pull) = built.pull_bytes {
            dt { "A pull" } dd { (bytes(pull)) " (" (count(pull)) " bytes)" }
        }
        @if built.commands > 0 { dt { "Commands" } dd { (count(built.commands)) } }
        @if built.seconds > 0.0 { dt { "Made in" } dd { (duration(built.seconds)) } }
        @match &built.place {
            BuiltPlace::Tag { tag, digest } => {
                dt { "Name" } dd.name { (service.images.name(&pair.target.repository, tag)) }
                dt { "Digest" } dd.name { (digest) }
            }
            BuiltPlace::File { .. } => { dt { "Where" } dd { "a file of this server, for older devices" } }
            BuiltPlace::NotWorth => { dt { "Where" } dd { "nowhere: devices pull the target" } }
        }
    }
}

fn inside(insight: &Insight) -> Markup {
    html! {
        h2 { "Inside" }
        @match insight {
            Insight::Known(weighed) => { (layers(weighed)) (files(weighed)) }
            Insight::Reading => { p.none { "The delta is being read from the registry." } }
            Insight::Busy => { p.none { "Other deltas are being read; look again in a moment." } }
            Insight::TooLarge => { p.none { "The delta is too large to be looked into here." } }
            Insight::Trouble(reason) => { p.problem { "The delta cannot be looked into: " (reason) "." } }
        }
    }
}

fn layers(weighed: &Weighed) -> Markup {
    let largest = weighed.report.layers.iter().map(|it| it.delta_bytes).max().unwrap_or(0).max(1);
    html! {
        div.scroll role="region" aria-label="Layers" tabindex="0" {
            table {
                caption { "Layers, the lowest first" }
                thead { tr {
                    th scope="col" { "Layer" } th scope="col" { "Fetched" } th scope="col" { "Share" }
                    th scope="col" { "New bytes" } th scope="col" { "Unpacked" } th scope="col" { "Commands" }
                } }
                tbody { @for (place, layer) in weighed.report.layers.iter().enumerate() {
                    (layer_row(place, layer, largest))
                } }
            }
        }
    }
}

fn layer_row(place: usize, layer: &LayerReport, largest: u64) -> Markup {
    let name = layer.diff_id.to_string();
    let digits: String = name.rsplit(':').next().unwrap_or_default().chars().take(10).collect();
    html! {
        tr {
            th scope="row" title=(name) { (place + 1) " · " (digits) }
            td { (bytes(layer.delta_bytes)) }
            td { meter min="0" max=(largest) value=(layer.delta_bytes) aria-label={ "Share of layer " (place + 1) } {} }
            td { (bytes(layer.literal_bytes)) }
            td { (bytes(layer.size)) }
            td { (count(layer.copies + layer.literals)) }
        }
    }
}

fn files(weighed: &Weighed) -> Markup {
    let absent = weighed.absent_layers;
    html! {
        @if !weighed.files.is_empty() {
            div.scroll role="region" aria-label="Files" tabindex="0" {
                table {
                    caption { "Files that cost the most, before compression" }
                    thead { tr {
                        th scope="col" { "File" } th scope="col" { "New bytes" } th scope="col" { "Of" }
                    } }
                    tbody { @for file in &weighed.files {
                        tr {
                            th.path scope="row" { (file.path) }
                            td { (bytes(file.literal_bytes)) }
                            td { (bytes(file.size)) }
                        }
                    } }
                }
            }
        }
        @if absent > 0 {
            p.hint { "Not in this server's store any more: " (count(absent as u64))
                @if absent == 1 { " layer" } @else { " layers" }
                " of the target, so that nobody can say here what its files cost. "
                code { "remora diff" } " says it." }
        }
    }
}
