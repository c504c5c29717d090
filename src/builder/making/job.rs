//! A push that was taken in, and the thread that makes a release of it.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::begun::Begun;
use super::ending::end;
use super::steps::run;
use super::work::Work;
use crate::builder::answer::Screen;
use crate::builder::caller::Caller;
use crate::builder::crowd::Turn;
use crate::builder::push::Push;
use crate::builder::running::Ending;
use crate::builder::service::Service;

/// A push whose project is there.
pub(in crate::builder) struct Job {
    pub(in crate::builder) push: Push,
    pub(in crate::builder) caller: Caller,
    pub(in crate::builder) turn: Turn,
    pub(in crate::builder) project: File,
    pub(in crate::builder) screen: Screen,
    pub(in crate::builder) ending: Ending,
    /// Told when the release's rows are there, or why they never will be.
    pub(in crate::builder) begun: oneshot::Sender<Begun>,
}

/// Begins to make a release.
pub(in crate::builder) fn make(service: Arc<Service>, job: Job) -> io::Result<()> {
    let handle = Handle::current();
    let span = tracing::Span::current();
    let body = move || {
        let _entered = span.entered();
        let (screen, project, _turn) = (job.screen.clone(), job.project, job.turn);
        let work = Work::new(service, handle, job.push, job.caller, job.screen, job.ending);
        let (mut rows, mut begun) = (None, Some(job.begun));
        let made = catch_unwind(AssertUnwindSafe(|| run(&work, project, &mut rows, &mut begun)));
        let told = catch_unwind(AssertUnwindSafe(|| end(&work, rows, made.ok(), begun)));
        if told.is_err() {
            // Whatever happens, the answer has an outcome.
            screen.failed("The builder has a defect: see its log");
        }
    };
    thread::Builder::new().name("build".to_owned()).spawn(body).map(drop)
}
