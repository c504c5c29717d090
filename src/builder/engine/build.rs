//! One build at an engine, with the classic builder or BuildKit.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::Method;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use super::client::{Answer, Client, call};
use super::error::EngineError;
use super::image::{self, Inspected};
use super::lines::Sink;
use super::objects::{Failure, Objects};
use super::output::Output;
use super::request::BuildRequest;
use super::session::Session;
use super::words::{self, told};

/// How long a line without an end is waited for until it is shown as it is.
const PARTIAL: Duration = Duration::from_secs(1);
/// What engines put before a failed command's exit code.
const CODES: [&str; 2] = ["returned a non-zero code: ", "exit code: "];

/// What a build made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The image's ID, with the algorithm before it.
    pub id: String,
    /// Its size on the engine, in bytes.
    pub size: u64,
    /// The architecture that its configuration names.
    pub architecture: String,
    /// Which of the architecture's versions it is for.
    pub variant: Option<String>,
}

/// Who builds, and within which bounds.
pub(super) struct Builder<'a> {
    pub(super) client: &'a Client,
    /// The version of the API as paths begin with it.
    pub(super) version: &'a str,
    pub(super) network_mode: Option<&'a str>,
    pub(super) limit: Duration,
}

impl Builder<'_> {
    /// Builds; whoever drops the future stops the build at the engine.
    pub(super) async fn build(
        &self,
        request: &BuildRequest,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        sink: Sink<'_>,
    ) -> Result<Built, EngineError> {
        let building = self.run(request, context, sink);
        let too_long = |_| EngineError::TooLong { limit: self.limit };
        let image = tokio::time::timeout(self.limit, building).await.map_err(too_long)??;
        let inspected = image::inspect(self.client, self.version, &image).await?;
        let gone = || EngineError::Vanished { engine: self.client.name() };
        checked(inspected.ok_or_else(gone)?, request)
    }

    /// Builds, and returns the image's ID.
    async fn run(
        &self,
        request: &BuildRequest,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        sink: Sink<'_>,
    ) -> Result<String, EngineError> {
        let session = match request.buildkit {
            true => Some(Session::open(self.client, self.version, request).await?),
            false => None,
        };
        let answer = self.begin(request, context, session.as_ref()).await?;
        let mut objects = Objects::new(self.client, answer);
        let mut output = Output::default();
        let ended = self.follow(&mut objects, &mut output, sink).await;
        let image = output.end(sink);
        if let Some(failure) = ended? {
            return Err(self.failed(failure, &output, request));
        }
        image.ok_or_else(|| self.client.lost(&"its answer ended without an image"))
    }

    async fn begin(
        &self,
        request: &BuildRequest,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        session: Option<&Session>,
    ) -> Result<Answer, EngineError> {
        let session = session.map(|session| session.id.as_str());
        let query = request.query(self.network_mode, session);
        let mut building = call(Method::POST, &format!("{}/build?{query}", self.version));
        building.headers_mut().extend(request.headers());
        // hyper only says that a body failed.
        let problem = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&problem);
        let context = context.map_ok(Frame::data).inspect_err(move |error| {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(copied(error));
        });
        *building.body_mut() = StreamBody::new(context).boxed_unsync();
        let answer = self.client.send(building).await;
        let problem = problem.lock().unwrap_or_else(PoisonError::into_inner).take();
        problem.map_or(answer, |problem| Err(EngineError::Context(problem)))
    }

    /// Reads the answer to its end, or to a failure.
    async fn follow(
        &self,
        objects: &mut Objects<'_>,
        output: &mut Output,
        sink: Sink<'_>,
    ) -> Result<Option<Failure>, EngineError> {
        loop {
            let Ok(next) = tokio::time::timeout(PARTIAL, objects.next()).await else {
                output.rest(sink);
                continue;
            };
            let Some(mut object) = next? else { return Ok(None) };
            if let Some(failure) = object.failure() {
                return Ok(Some(failure));
            }
            output.take(&object, sink);
        }
    }

    fn failed(&self, failure: Failure, output: &Output, request: &BuildRequest) -> EngineError {
        let message = failure.message;
        if words::is_of_a_vanished_image(&message) {
            return EngineError::Vanished { engine: self.client.name() };
        }
        if output.lacks_emulation || message.contains("exec format error") {
            let platform = request.architecture.platform().to_owned();
            return EngineError::NoEmulation { engine: self.client.name(), platform };
        }
        let code = failure.code.filter(|code| *code != 0).or_else(|| code_in(&message));
        EngineError::Failed { message: told(&message), code }
    }
}

/// An error is not to be had twice: this one says the same.
fn copied(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// BuildKit tells the exit code in words.
fn code_in(message: &str) -> Option<i64> {
    let after = CODES.iter().find_map(|words| message.rsplit_once(words))?.1;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn checked(image: Inspected, request: &BuildRequest) -> Result<Built, EngineError> {
    let wanted = request.architecture.of_images();
    if image.architecture != wanted {
        let built = super::lines::cleaned(&image.architecture);
        return Err(EngineError::WrongArchitecture { built, wanted: wanted.to_owned() });
    }
    Ok(Built {
        id: image.id,
        size: image.size,
        architecture: image.architecture,
        variant: image.variant.filter(|variant| !variant.is_empty()),
    })
}
