//! Signing in and out.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::answer::{denied, denied_status, page, see};
use super::layout::bare;
use super::session::Session;
use super::{form, visit};
use crate::server::access::Denied;
use crate::server::routes::{Asked, Service};

#[derive(Deserialize)]
struct Form {
    credential: String,
}

/// Takes a credential and begins a session.
pub(super) async fn post(
    State(service): State<Arc<Service>>,
    asked: Asked,
    request: Request,
) -> Response {
    let signed_in = signed_in(&service, &asked, request).await;
    signed_in.unwrap_or_else(|answer| *answer)
}

async fn signed_in(
    service: &Service,
    asked: &Asked,
    request: Request,
) -> Result<Response, Box<Response>> {
    visit::same_site(service, asked)?;
    let Form { credential } = form::read(request).await?;
    let found = service.guard.sign_in(credential.trim(), &asked.headers, asked.peer);
    let signed_in = found.map_err(|reason| Box::new(refused(&reason)))?;
    let now = SystemTime::now();
    let session = Session::begin(signed_in, now);
    let seconds = session.left(now).as_secs();
    let sealed = service.session_key.seal(session);
    let cookie = visit::cookie(visit::is_secure(service, asked), Some((&sealed, seconds)));
    Ok(see("/", Some(&cookie)))
}

/// Ends a session.
pub(super) async fn end(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    match visit::same_site(&service, &asked) {
        Ok(()) => see("/", Some(&visit::cookie(visit::is_secure(&service, &asked), None))),
        Err(answer) => *answer,
    }
}

/// The form, for whoever is not signed in.
pub(super) fn ask() -> Response {
    page(StatusCode::OK, sign_in_page(None))
}

fn refused(reason: &Denied) -> Response {
    match reason {
        Denied::TooMany { .. } => denied(reason),
        _ => page(denied_status(reason), sign_in_page(Some(&reason.to_string()))),
    }
}

fn sign_in_page(problem: Option<&str>) -> Markup {
    bare(
        "Sign in",
        html! {
            h1 { "Sign in" }
            p { "With the builder credential, or with a token of openBalena's API for the registry: then "
                "only deltas of the repositories that the token may pull from are shown." }
            @if let Some(problem) = problem {
                p.problem #problem role="alert" {
                    "That is neither the builder credential nor a token that holds: " (problem) "."
                }
            }
            form.sign-in method="post" action="/sign-in" {
                label for="credential" { "Credential" }
                input #credential type="password" name="credential" autocomplete="current-password"
                    required autofocus spellcheck="false" autocapitalize="none"
                    aria-describedby=[problem.map(|_| "problem")] aria-invalid=[problem.map(|_| "true")];
                button type="submit" { "Sign in" }
            }
        },
    )
}
