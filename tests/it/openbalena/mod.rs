//! A stand-in for openBalena's API: rows in memory, and answers to the queries that Remora sends and to
//! no others. Whatever else it is asked it refuses and remembers, so that the test fails at its end.

mod access;
mod answers;
mod changes;
mod changes_trials;
mod cloud;
mod conditions;
mod data;
mod filters;
mod limits;
mod query;
mod recorded;
mod release_query;
pub(crate) mod release_update;
mod rows;
mod table_query;
mod tables;
mod trials;
mod writes;
mod writes_trials;
mod written;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use self::access::Access;
use self::data::Data;
use self::query::Version;
pub(crate) use self::rows::ReleaseRow;
use self::table_query::TableQuery;
pub(crate) use self::written::WriteFault;
use self::written::{FailingWrites, fault, refusal};
use crate::scripted_server::{Reply, Request};

/// The user that has every fleet unless a test says otherwise.
pub(crate) const USER: &str = "ann";

/// The rows of an installation's API, and how it behaves.
pub(crate) struct OpenBalena {
    state: Arc<Mutex<State>>,
}

/// What answers; the server's threads have it.
#[derive(Clone)]
pub(crate) struct Answering {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    data: Data,
    access: Access,
    mood: Mood,
    answered: usize,
    refused: Vec<String>,
    /// Where the API says that images are.
    registry: String,
    failing: Vec<FailingWrites>,
    writes: usize,
}

/// What tests can make it do to everybody.
#[derive(Default)]
struct Mood {
    gone: bool,
    too_many: usize,
    retry_after: u64,
    without_v7: bool,
    without_actors: bool,
    cloud: bool,
}

impl OpenBalena {
    pub(crate) fn new() -> Self {
        let openbalena = OpenBalena { state: Arc::default() };
        openbalena.user(USER);
        openbalena.set_registry("registry.example.com");
        openbalena
    }

    pub(crate) fn answering(&self) -> Answering {
        Answering { state: Arc::clone(&self.state) }
    }

    /// Requests that were answered with 400 because they are not in the list.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.lock().refused.clone()
    }

    /// Takes back what was refused: for tests that want it so.
    pub(crate) fn forget_refused(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().refused)
    }

    /// How many requests came, the token endpoint's and the hung-up ones among them.
    pub(crate) fn count(&self) -> usize {
        self.lock().answered
    }

    /// Closes connections without an answer, until it is told otherwise.
    pub(crate) fn set_gone(&self, gone: bool) {
        self.lock().mood.gone = gone;
    }

    /// Answers the next requests with 429.
    pub(crate) fn refuse_next(&self, requests: usize, retry_after_seconds: u64) {
        let mood = &mut self.lock().mood;
        (mood.too_many, mood.retry_after) = (requests, retry_after_seconds);
    }

    /// An installation from before August 2024.
    pub(crate) fn without_v7(&self) {
        self.lock().mood.without_v7 = true;
    }

    /// An installation from before 2023: it has `/user/v1/whoami` only.
    pub(crate) fn without_actors(&self) {
        self.lock().mood.without_actors = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panics")
    }
}

impl Drop for OpenBalena {
    fn drop(&mut self) {
        let refused = self.state.lock().map(|state| state.refused.clone()).unwrap_or_default();
        if !std::thread::panicking() {
            assert!(refused.is_empty(), "openBalena's API was asked for {refused:#?}");
        }
    }
}

impl Answering {
    /// What everybody gets at the moment, whatever they ask for.
    pub(crate) fn interruption(&self) -> Option<Reply> {
        let mut state = self.lock();
        state.answered += 1;
        let mood = &mut state.mood;
        if mood.gone {
            return Some(Reply::hang_up());
        }
        mood.too_many = mood.too_many.checked_sub(1)?;
        Some(Reply::status(429).header("Retry-After", mood.retry_after).body("Too Many Requests"))
    }

    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let mut state = self.lock();
        let reply = state.answer(request);
        if reply.is_none() {
            let body = String::from_utf8_lossy(&request.body);
            state.refused.push(format!("{} {} {body}", request.method, request.path));
        }
        let malformed = format!("\"Malformed url: '{}'\"", request.path);
        reply.unwrap_or_else(|| Reply::status(400).body(malformed))
    }

    /// Whose token this is.
    pub(crate) fn user(&self, authorization: &str) -> Option<String> {
        let state = self.lock();
        state.access.user(authorization).map(|user| user.name.clone())
    }

    /// Whether a user has a fleet with an image in this repository.
    pub(crate) fn has_image(&self, user: &str, repository: &str) -> bool {
        self.lock().data.has_image(user, repository)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panics")
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Option<Reply> {
        let Some((version, asked)) = query::read(request) else {
            return self.cloud_answer(request).or_else(|| self.build_answer(request));
        };
        let gone = match version {
            Some(Version::V7) => self.mood.without_v7,
            Some(Version::V6) => false,
            None => self.mood.without_actors && asked == query::Query::WhoAmI,
        };
        if gone {
            return Some(Reply::status(404));
        }
        let user = request.header("authorization").and_then(|given| self.access.user(given));
        match asked {
            query::Query::WhoAmI if self.is_device(request) => Some(access::device_whoami()),
            query::Query::WhoAmI => Some(access::whoami(user)),
            query::Query::OldWhoAmI => Some(access::old_whoami(user)),
            query::Query::Finalise { release, is_final } => {
                let user = user.map(|user| user.name.clone());
                Some(self.written(request, |state| {
                    changes::finalise(&mut state.data, user.as_deref(), release, is_final)
                }))
            }
            // Strangers may read fleets and releases, of which they see none, and nothing else.
            asked if user.is_none() && !asked.is_public() => Some(Reply::status(401)),
            asked => {
                let visible = self.data.visible_to(user.map(|user| user.name.as_str()));
                Some(answers::answer(&visible, version?, &asked))
            }
        }
    }

    fn is_device(&self, request: &Request) -> bool {
        request.header("authorization").is_some_and(|given| self.access.is_device(given))
    }

    /// Rows as a build reads and writes them.
    fn build_answer(&mut self, request: &Request) -> Option<Reply> {
        if request.path.starts_with("/v7/") && self.mood.without_v7 {
            return Some(Reply::status(404));
        }
        let user = request.header("authorization").and_then(|given| self.access.user(given));
        let user = user.map(|user| user.name.clone());
        if request.method == "GET" {
            let query = TableQuery::read(&request.path)?;
            if query.needs_user() && user.is_none() {
                return Some(Reply::status(401));
            }
            let rows = query.answer(&self.data.visible_to(user.as_deref()))?;
            return Some(answers::answered(&rows));
        }
        let Some(user) = user else { return Some(Reply::status(401)) };
        let mut understood = true;
        let reply = self.written(request, |state| {
            let writer = writes::Writer { user: &user, registry: &state.registry };
            let reply = writes::answer(&mut state.data, &writer, request);
            understood = reply.is_some();
            reply.unwrap_or_else(|| Reply::status(400))
        });
        understood.then_some(reply)
    }

    /// A write, unless a test wants it to fail.
    fn written(&mut self, request: &Request, write: impl FnOnce(&mut Self) -> Reply) -> Reply {
        self.writes += 1;
        let path = request.path.split('?').next().unwrap_or_default();
        match fault(&mut self.failing, &format!("{} {path}", request.method)) {
            None => write(self),
            Some(WriteFault::Status(status)) => refusal(status),
            Some(WriteFault::AnswerLost) => {
                write(self);
                Reply::hang_up()
            }
            Some(WriteFault::Gone) => {
                self.mood.gone = true;
                Reply::hang_up()
            }
        }
    }

    fn cloud_answer(&self, request: &Request) -> Option<Reply> {
        let user = request.header("authorization").and_then(|given| self.access.user(given));
        let visible = self.data.visible_to(user.map(|user| user.name.as_str()));
        cloud::answer(&visible, request).filter(|_| self.mood.cloud)
    }
}

/// A time as the API writes it: UTC with milliseconds.
fn timestamp(time: SystemTime) -> String {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let milliseconds = time.duration_since(UNIX_EPOCH).expect("after 1970").subsec_millis();
    let text = httpdate::fmt_http_date(time);
    let words: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, clock, _] = words[..] else { panic!("not a date: {text}") };
    let month = MONTHS.find(month).expect("a month") / 3 + 1;
    format!("{year}-{month:02}-{day}T{clock}.{milliseconds:03}Z")
}
