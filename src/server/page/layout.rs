//! What all pages have around them.

use std::time::SystemTime;

use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::figures;
use super::session::Session;

/// A page of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Jobs,
    /// None of those that are named.
    Other,
}

/// A page for somebody who signed in.
pub(super) fn framed(title: &str, place: Place, session: &Session, content: Markup) -> Markup {
    let current = |it| (place == it).then_some("page");
    let header = html! {
        nav aria-label="Pages" {
            a href="/" aria-current=[current(Place::Overview)] { "Overview" }
            a href="/jobs" aria-current=[current(Place::Jobs)] { "Jobs" }
        }
        (who(session))
    };
    document(title, Some(header), content, true)
}

/// A page for somebody who did not.
pub(super) fn bare(title: &str, content: Markup) -> Markup {
    document(title, None, html! { div.narrow { (content) } }, false)
}

fn document(title: &str, header: Option<Markup>, content: Markup, live: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " – Remora" }
                link rel="stylesheet" href=(STYLE.path());
                link rel="icon" type="image/svg+xml" href=(ICON.path());
                @if live { script src=(SCRIPT.path()) defer {} }
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header.top {
                    a.brand href="/" { img src=(ICON.path()) alt="" width="28" height="28"; "Remora" }
                    @if let Some(header) = header { (header) }
                }
                main #content tabindex="-1" { (content) }
                @if live {
                    p #said.quiet role="status" aria-live="polite" {}
                }
                footer { "Remora " (env!("CARGO_PKG_VERSION")) @if live { " · " span #live {} } }
            }
        }
    }
}

fn who(session: &Session) -> Markup {
    let name = match &session.token {
        None => "builder",
        Some(token) if token.subject.is_empty() => "a token",
        Some(token) => &token.subject,
    };
    let left = session.left(SystemTime::now());
    html! {
        div.who {
            span.name title={ "The session ends in " (figures::duration(left.as_secs_f64())) } { (name) }
            form method="post" action="/sign-out" { button.plain type="submit" { "Sign out" } }
        }
    }
}
