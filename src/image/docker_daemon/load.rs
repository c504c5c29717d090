//! An image on its way into an engine.

use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::stream::poll_fn;
use http::{HeaderValue, Method, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc as pieces;

use super::call::{Engine, with_body};
use super::error::DaemonError;
use crate::image::registry::runtime;
use crate::image::transfer::CopyError;
use crate::image::{EngineImage, ImageContents, ImageError, ImageReference, docker_archive};
use crate::progress::{Progress, check};

/// Bytes that are sent at once.
const PIECE: usize = 256 << 10;
/// Pieces on their way.
const PIECES: usize = 4;
/// How often it is looked whether the work is to stop.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

type Piece = io::Result<Bytes>;

/// The name that the engine is to give to an image: one with a tag.
pub(super) fn name(
    reference: &ImageReference,
    image: &EngineImage,
) -> Result<Vec<String>, ImageError> {
    match image {
        EngineImage::Named(name) if name.digest().is_none() => Ok(vec![name.to_string()]),
        _ => Err(ImageError::Unsuitable {
            reference: reference.to_string(),
            reason: "an engine's image is written by its name with a tag".to_owned(),
        }),
    }
}

/// Sends the image as a docker archive, and waits until the engine has it. If the archive can't be made to its end the
/// connection breaks: the engine takes no part of it for an image.
pub(super) fn load(
    engine: Engine,
    names: Vec<String>,
    contents: &ImageContents,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let (sender, receiver) = pieces::channel(PIECES);
    let (told, answer) = mpsc::sync_channel(1);
    let task = runtime::spawn(async move {
        // Nobody waits for the answer only if the work was given up.
        let _ = told.send(send(&engine, receiver).await);
    })?;
    let pipe = Pipe { sender: sender.clone() };
    let mut out = BufWriter::with_capacity(PIECE, pipe);
    let filled = docker_archive::fill(names, contents, &mut out, progress)
        .and_then(|()| out.flush().map_err(CopyError::Write));
    if let Err(CopyError::Read(error)) = filled {
        task.abort();
        return Err(ImageError::from_read(error));
    }
    // What the buffer still holds after a failure is for nobody.
    let _ = out.into_parts();
    drop(sender);
    let answered = wait(&answer, progress).inspect_err(|_| task.abort())?;
    match (answered, filled) {
        (Err(error), _) => Err(error.into()),
        (Ok(()), Err(CopyError::Write(source) | CopyError::Read(source))) => {
            Err(ImageError::Stream { doing: "send the image to the engine".to_owned(), source })
        }
        (Ok(()), Ok(())) => Ok(()),
    }
}

fn wait(
    answer: &Receiver<Result<(), DaemonError>>,
    progress: &dyn Progress,
) -> Result<Result<(), DaemonError>, ImageError> {
    loop {
        match answer.recv_timeout(CHECK_INTERVAL) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Timeout) => check(progress)?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(ImageError::contents("a network task ended unexpectedly"));
            }
        }
    }
}

async fn send(engine: &Engine, mut pieces: pieces::Receiver<Piece>) -> Result<(), DaemonError> {
    let pieces = poll_fn(move |context| pieces.poll_recv(context)).map_ok(Frame::data);
    let body = StreamBody::new(pieces).boxed_unsync();
    let mut request = with_body(Method::POST, "/images/load?quiet=1", body);
    let kind = HeaderValue::from_static("application/x-tar");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    let answer = engine.send(request).await?;
    let words = engine.words(answer).await?;
    match words.split(|byte| *byte == b'\n').find_map(refusal) {
        Some(message) => Err(DaemonError::Refused { engine: engine.name(), message }),
        None => Ok(()),
    }
}

/// A line of what an engine says while it takes an image.
#[derive(Deserialize)]
struct Said {
    error: Option<String>,
}

/// The problem that a line tells of. A line that makes no sense is one too: it may be half of what was to be told.
fn refusal(line: &[u8]) -> Option<String> {
    match serde_json::from_slice(line) {
        Ok(Said { error }) => error,
        Err(_) if line.trim_ascii().is_empty() => None,
        Err(_) => Some(String::from_utf8_lossy(line).into_owned()),
    }
}

/// The writing end of the call's body.
struct Pipe {
    sender: pieces::Sender<Piece>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(piece)).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
