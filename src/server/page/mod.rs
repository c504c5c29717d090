//! The page: what is built, waits and failed, and what it saved, for whoever looks after a fleet.
//!
//! Door: [`routes`]. HTML is written here (maud: escaped unless said otherwise, checked by the compiler, next to
//! the data). Everything works without the little script, which keeps a page that is open up to date.
//!
//! Who signed in is in a signed cookie ([`SessionKey`]), so that any server of an installation takes it; nothing
//! of a session is in memory. What a session may not see is left out before anything is written.
//!
//! Not here: what credentials hold (access), how jobs are kept and found (jobs), what a delta is made of (images).

mod answer;
mod assets;
mod changes;
mod chart;
mod detail;
mod figures;
mod form;
mod job_list;
mod layout;
mod names;
mod overview;
mod retry;
mod rows;
mod savings;
mod session;
mod sign_in;
mod streams;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use session::SessionKey;
pub(crate) use streams::Streams;

use super::routes::Service;

/// The page's routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(overview::get))
        .route("/jobs", get(job_list::get))
        .route("/delta", get(detail::get))
        .route("/changes", get(changes::get))
        .route("/sign-in", post(sign_in::post))
        .route("/sign-out", post(sign_in::end))
        .route("/retry", post(retry::post))
        .route("/assets/{name}", get(assets::get))
}
