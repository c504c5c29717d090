//! All jobs, page by page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::answer::{page, see};
use super::layout::{Place, framed};
use super::overview::{notice, trouble};
use super::session::Session;
use super::{form, rows, visit};
use crate::server::jobs::{JobState, ListedJob, Wanted};
use crate::server::routes::{Asked, Service};

/// Jobs of a page.
const PAGE: usize = 50;

/// What of the jobs is to be shown, as the query says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Filter {
    state: String,
    repository: String,
    before: Option<u64>,
}

pub(super) async fn get(State(service): State<Arc<Service>>, asked: Asked) -> Response {
    let session = match visit::session(&service, &asked) {
        Ok(Some(session)) => session,
        Ok(None) => return see("/", None),
        Err(answer) => return *answer,
    };
    let filter: Filter = form::query(&asked.query);
    let mut jobs = service.jobs.list(&Wanted {
        state: filter.wanted_state(),
        repository: filter.repository(service.registry()),
        within: session.within(),
        before: filter.before,
        count: PAGE + 1,
    });
    // Those that are left out since their failure no longer counts make a page a little shorter.
    let older =
        jobs.get(PAGE.saturating_sub(1)).and_then(|job| job.id).filter(|_| jobs.len() > PAGE);
    jobs.truncate(PAGE);
    let trouble = trouble(&service);
    let content = content(&filter, trouble, &jobs, older, &session);
    page(StatusCode::OK, framed("Jobs", Place::Jobs, &session, content))
}

impl Filter {
    fn wanted_state(&self) -> Option<JobState> {
        JobState::ALL.into_iter().find(|state| rows::state_name(*state) == self.state)
    }

    /// The repository alone, whatever of a reference was typed.
    fn repository(&self, registry: &str) -> Option<String> {
        let text = self.repository.trim();
        let text = text.strip_prefix(registry).and_then(|it| it.strip_prefix('/')).unwrap_or(text);
        let text = text.split(['@', ':']).next().unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn link(&self, before: Option<u64>) -> String {
        let before = before.map(|before| before.to_string()).unwrap_or_default();
        let fields =
            [("state", &self.state), ("repository", &self.repository), ("before", &before)];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query = serde_urlencoded::to_string(given.collect::<Vec<_>>()).unwrap_or_default();
        format!("/jobs?{query}")
    }
}

fn content(
    filter: &Filter,
    trouble: Markup,
    jobs: &[ListedJob],
    older: Option<u64>,
    session: &Session,
) -> Markup {
    // Only the newest jobs change under one's eyes: a later page stays as it is.
    let live = filter.before.is_none().then_some("list");
    html! {
        h1 { "Jobs" }
        (notice(session))
        (filters(filter))
        section data-live=[live] aria-label="Jobs, the newest first" {
            (trouble)
            (rows::list(jobs, session, "There is no such job."))
        }
        nav.pages aria-label="Pages of jobs" {
            @if filter.before.is_some() { a href=(filter.link(None)) { "Newest" } }
            @if older.is_some() { a rel="next" href=(filter.link(older)) { "Older" } }
        }
    }
}

fn filters(filter: &Filter) -> Markup {
    let wanted = filter.wanted_state();
    html! {
        form.filter method="get" action="/jobs" role="search" {
            div {
                label for="state" { "State" }
                select #state name="state" {
                    option value="" { "any" }
                    @for state in JobState::ALL {
                        option value=(rows::state_name(state)) selected[wanted == Some(state)] {
                            (rows::state_word(state))
                        }
                    }
                }
            }
            div.wide {
                label for="repository" { "Repository" }
                input #repository name="repository" value=(filter.repository) spellcheck="false"
                    autocapitalize="none" autocomplete="off";
            }
            button type="submit" { "Show" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_what_people_copy_and_links_to_itself() {
        for (typed, repository) in [
            ("", None),
            ("  ", None),
            ("v2/a", Some("v2/a")),
            (" r.example:5000/v2/a@sha256:00 ", Some("v2/a")),
            ("r.example:5000/v2/a:latest", Some("v2/a")),
            ("other.example/v2/a", Some("other.example/v2/a")),
        ] {
            let filter = Filter { repository: typed.to_owned(), ..Filter::default() };
            assert_eq!(filter.repository("r.example:5000").as_deref(), repository);
        }
        let filter: Filter = form::query("state=failed&repository=a%26b%3C&before=7");
        assert_eq!(filter.wanted_state(), Some(JobState::Failed));
        assert_eq!(filter.link(Some(3)), "/jobs?state=failed&repository=a%26b%3C&before=3");
        let odd: Filter = form::query("before=x&state=%ff");
        assert_eq!((odd.before, odd.wanted_state()), (None, None));
    }
}
