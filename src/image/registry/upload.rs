//! Blobs on their way out (OCI distribution spec, "Pushing blobs": POST then PUT, and "Mounting a blob
//! from another repository").

use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Body, Method, Response, StatusCode, Url};
use tokio::sync::mpsc::Receiver;

use super::RegistryError;
use super::error::is_passing;
use super::http_client::same_origin;
use super::limits::{PIECES_IN_FLIGHT, UPLOAD_PIECE_BYTES};
use super::push_event::Event;
use super::runtime::PieceSender;
use super::session::{Call, Session};
use crate::image::{Blob, ImageError};

/// One blob and the repository it goes to.
pub(super) struct Upload {
    session: Arc<Session>,
    blob: Arc<Blob>,
    sent: Arc<Sent>,
}

/// How far an upload is.
struct Sent {
    /// Bytes of this attempt.
    now: Arc<AtomicU64>,
    /// The most bytes of any attempt: what was reported.
    most: AtomicU64,
    /// Why the blob could not be read, if it could not.
    fault: Mutex<Option<ImageError>>,
    events: Sender<Event>,
}

impl Upload {
    pub(super) fn new(session: Arc<Session>, blob: Blob, events: Sender<Event>) -> Self {
        let (now, most, fault) = (Arc::default(), AtomicU64::new(0), Mutex::default());
        let sent = Arc::new(Sent { now, most, fault, events });
        Upload { session, blob: Arc::new(blob), sent }
    }

    /// Sees to it that the repository has the blob: it may have it, another one may, or it is sent.
    pub(super) async fn run(&self, mount_from: &[String]) -> Result<(), ImageError> {
        if self.exists(&self.session, &self.session.repository).await? {
            return self.finished("is there already");
        }
        let location = match self.mount(mount_from).await {
            Mount::Done => return self.finished("mounted from another repository"),
            Mount::Upload(location) => Some(location),
            Mount::Impossible => None,
        };
        self.send(location).await?;
        self.finished("uploaded")
    }

    fn finished(&self, how: &str) -> Result<(), ImageError> {
        let Blob { digest, size, .. } = &*self.blob;
        tracing::info!("{}: blob {digest} {how}, {size} bytes", self.session.place());
        self.sent.reached(self.blob.size);
        Ok(())
    }

    async fn exists(&self, session: &Session, repository: &str) -> Result<bool, RegistryError> {
        let url = session.url_in(repository, &format!("blobs/{}", self.blob.digest)).await?;
        let call = Call::new(Method::HEAD, url, "asking for a blob");
        let response = session.call(&call).await?;
        match response.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            // The registry has it and sent us to its storage, which takes no HEAD.
            _ if !same_origin(&call.url, response.url()) => Ok(true),
            _ => Err(session.failure(response, call.action).await),
        }
    }

    /// Tries to take the blob from another repository. Whatever goes wrong with that, it can be sent.
    async fn mount(&self, mount_from: &[String]) -> Mount {
        for from in mount_from {
            let session = self.session.reading_also(from);
            if !matches!(self.exists(&session, from).await, Ok(true)) {
                continue;
            }
            let query = format!("blobs/uploads/?mount={}&from={from}", self.blob.digest);
            let Ok(url) = session.url(&query).await else { continue };
            let mut call = Call::new(Method::POST, url, "mounting a blob");
            call.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            match session.call(&call).await {
                Ok(response) if response.status() == StatusCode::CREATED => return Mount::Done,
                Ok(response) if response.status() == StatusCode::ACCEPTED => {
                    let location = location(&session, &response).await;
                    return location.map_or(Mount::Impossible, Mount::Upload);
                }
                _ => {}
            }
        }
        Mount::Impossible
    }

    /// Sends the blob, from its beginning every time: a delta's blobs are small, and few registries
    /// can take an upload up again.
    async fn send(&self, mut location: Option<Url>) -> Result<(), ImageError> {
        let mut attempts = self.session.attempts();
        let mut refused_elsewhere = false;
        loop {
            let target = match location.take() {
                Some(location) => location,
                None => begin(&self.session).await?,
            };
            let (error, pause) = match self.put(target).await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => {
                    let pause = self.session.asked_pause(&response)?;
                    // A signed URL may have ended while other blobs went out; a new one tells.
                    if !refused_elsewhere && self.session.is_refused_elsewhere(&response).await? {
                        refused_elsewhere = true;
                        continue;
                    }
                    // The upload may have been forgotten by a registry that was started anew.
                    let lost = response.status() == StatusCode::NOT_FOUND;
                    let passing = lost || is_passing(response.status());
                    let error = self.session.failure(response, "uploading a blob").await;
                    if !passing {
                        return Err(error.into());
                    }
                    (if lost { self.lost() } else { error }, pause)
                }
                Err(error) => (error, None),
            };
            if let Some(fault) = self.sent.take_fault() {
                return Err(fault);
            }
            attempts.failed(error, pause).await?;
        }
    }

    async fn put(&self, mut location: Url) -> Result<Response, RegistryError> {
        location.query_pairs_mut().append_pair("digest", &self.blob.digest.to_string());
        let mut call = Call::new(Method::PUT, location, "uploading a blob");
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        call.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.blob.size));
        let (blob, sent) = (Arc::clone(&self.blob), Arc::clone(&self.sent));
        call.activity = Some(Arc::clone(&self.sent.now));
        call.body = Some(Box::new(move || body(Arc::clone(&blob), Arc::clone(&sent))));
        self.session.send(&call).await
    }

    fn lost(&self) -> RegistryError {
        RegistryError::connection(
            &self.session.host.name,
            "the registry lost the upload".to_owned(),
        )
    }
}

/// Begins an upload: where the registry wants the blob.
pub(super) async fn begin(session: &Session) -> Result<Url, RegistryError> {
    let url = session.url("blobs/uploads/").await?;
    let mut call = Call::new(Method::POST, url, "beginning an upload");
    call.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    let response = session.call(&call).await?;
    match response.status() {
        StatusCode::ACCEPTED => location(session, &response).await,
        _ => Err(session.failure(response, call.action).await),
    }
}

/// The URL that an answer to a beginning names; it may be relative, and may lead to another host.
async fn location(session: &Session, response: &Response) -> Result<Url, RegistryError> {
    let text = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let url = text.and_then(|text| response.url().join(text).ok());
    let url = url.ok_or_else(|| session.protocol("it gave no place to upload to"))?;
    let url = session.host.in_own_scheme(url).await?;
    if !session.host.http.may_follow(response.url(), &url) {
        return Err(RegistryError::PlainHttp(url.host_str().unwrap_or_default().to_owned()));
    }
    Ok(url)
}

enum Mount {
    /// The repository has the blob now.
    Done,
    /// The registry would rather have it sent, here.
    Upload(Url),
    /// No other repository has it, or none gives it.
    Impossible,
}

impl Sent {
    /// Counts up to `bytes` of the blob, and reports what was not reported before.
    fn reached(&self, bytes: u64) {
        let before = self.most.fetch_max(bytes, Ordering::Relaxed);
        if bytes > before {
            // Whoever counts is gone only if the push was given up.
            let _ = self.events.send(Event::Sent(bytes - before));
        }
    }

    fn take_fault(&self) -> Option<ImageError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The blob as a request's body, read by a thread that may wait for the disk.
fn body(blob: Arc<Blob>, sent: Arc<Sent>) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel(PIECES_IN_FLIGHT);
    sent.now.store(0, Ordering::Relaxed);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read_pieces(&blob, &sent, &sender) {
            let fault = ImageError::from_read(error);
            *sent.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
            // The request fails with this; what is reported is the fault.
            let _ = sender.blocking_send(Err(io::ErrorKind::Other.into()));
        }
    });
    let next = |mut receiver: Receiver<io::Result<Bytes>>| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    };
    Body::wrap_stream(stream::unfold(receiver, next))
}

/// Passes the blob on, each piece only when the one after it was read: the last goes out when the
/// blob was found to be the right one, so that no registry can take a wrong one.
fn read_pieces(blob: &Blob, sent: &Sent, sender: &PieceSender) -> io::Result<()> {
    let mut bytes = blob.open()?;
    let mut held = Bytes::new();
    loop {
        let mut piece = vec![0; UPLOAD_PIECE_BYTES];
        let len = bytes.read(&mut piece)?;
        piece.truncate(len);
        let ready = std::mem::replace(&mut held, piece.into());
        let ready_bytes = ready.len() as u64;
        if !ready.is_empty() && sender.blocking_send(Ok(ready)).is_err() {
            return Ok(());
        }
        sent.reached(sent.now.fetch_add(ready_bytes, Ordering::Relaxed) + ready_bytes);
        if len == 0 {
            return Ok(());
        }
    }
}
