//! Blobs on their way in, taken up again where the connection broke.

use std::io::Read;
use std::sync::Arc;

use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use super::RegistryError;
use super::body::next_piece;
use super::limits::MAX_RESUMES;
use super::runtime::{self, PieceReader, PieceSender};
use super::session::{Call, Session};
use crate::image::{Descriptor, Digest};

/// The blob's bytes from `start` on as they come in; nothing is checked here but where they belong. The transfer
/// ends when the reader is dropped.
pub(super) fn open(
    session: Arc<Session>,
    descriptor: &Descriptor,
    start: u64,
) -> impl Read + Send + use<> {
    let (sender, reader) = PieceReader::new();
    let mut download = Download {
        session,
        digest: descriptor.digest,
        size: descriptor.size,
        foreign: !descriptor.urls.is_empty(),
        got: start,
        takes_ranges: true,
    };
    let failed = sender.clone();
    let task = async move {
        if let Err(error) = download.run(&sender).await {
            // The reader may be gone by now; then nobody is interested.
            let _ = sender.send(Err(error.into())).await;
        }
    };
    if let Err(error) = runtime::spawn(task) {
        // An empty channel takes one message.
        let _ = failed.try_send(Err(error.into()));
    }
    reader
}

struct Download {
    session: Arc<Session>,
    digest: Digest,
    size: u64,
    foreign: bool,
    /// Bytes handed on so far, or had before.
    got: u64,
    /// Whether the server begins in the middle, as far as is known.
    takes_ranges: bool,
}

/// The answer to a request for the rest of a blob.
enum Asked {
    /// The rest, or all of the blob, is coming.
    Coming(Response),
    /// There is no more.
    AllThere,
    /// The server can't begin where more has to be.
    NoSuchRange,
}

/// How one transfer ended.
enum End {
    /// Nothing more is to come.
    Finished,
    /// It broke off.
    Broken(RegistryError),
}

impl Download {
    async fn run(&mut self, sender: &PieceSender) -> Result<(), RegistryError> {
        let mut attempts = self.session.attempts();
        for _ in 0..MAX_RESUMES {
            let before = self.got;
            let response = match self.request().await? {
                Asked::Coming(response) => response,
                Asked::AllThere => return Ok(()),
                // All of the blob is asked for, and what is known of it is passed over.
                Asked::NoSuchRange => {
                    self.takes_ranges = false;
                    continue;
                }
            };
            match self.transfer(response, sender).await {
                End::Finished => return Ok(()),
                End::Broken(error) => {
                    if self.got > before {
                        attempts.succeeded();
                    }
                    attempts.failed(error, None).await?;
                }
            }
        }
        Err(self.session.protocol(format!("the blob {} came in too many pieces", self.digest)))
    }

    /// Asks for the rest of the blob.
    async fn request(&self) -> Result<Asked, RegistryError> {
        let url = self.session.url(&format!("blobs/{}", self.digest)).await?;
        let mut call = Call::new(Method::GET, url, "a request for a blob");
        let in_the_middle = self.got > 0 && self.takes_ranges;
        if in_the_middle {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.got));
            let range = range.map_err(|_| self.session.protocol("the blob cannot be resumed"))?;
            call.headers.insert(RANGE, range);
        }
        let response = self.session.call(&call).await?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(Asked::Coming(response)),
            StatusCode::RANGE_NOT_SATISFIABLE if in_the_middle => Ok(match self.got < self.size {
                true => Asked::NoSuchRange,
                false => Asked::AllThere,
            }),
            StatusCode::NOT_FOUND => {
                let (place, digest, foreign) = (self.session.place(), self.digest, self.foreign);
                Err(RegistryError::NoBlob { place, digest, foreign })
            }
            _ => Err(self.session.failure(response, call.action).await),
        }
    }

    async fn transfer(&mut self, mut response: Response, sender: &PieceSender) -> End {
        let mut skip = match response.status() {
            StatusCode::PARTIAL_CONTENT => match range_start(response.headers()) {
                Some(start) if start <= self.got => self.got - start,
                _ => return End::Broken(self.session.protocol("it sent another part of the blob")),
            },
            // A server that knows no ranges starts again from the beginning.
            _ => self.got,
        };
        let (host, before) = (Arc::clone(&self.session.host), self.got);
        loop {
            let mut piece = match next_piece(&host, &mut response).await {
                Ok(Some(piece)) => piece,
                Ok(None) => return self.at_end(before),
                Err(error) => return End::Broken(error),
            };
            let known = skip.min(piece.len() as u64);
            skip -= known;
            let _ = piece.split_to(known as usize);
            self.got += piece.len() as u64;
            // One byte too many is enough for the reader to see that there are.
            if sender.send(Ok(piece)).await.is_err() || self.got > self.size {
                return End::Finished;
            }
        }
    }

    /// The body ended in good order. If the blob did not, the connection may have been cut where
    /// that cannot be seen, unless the server has no more behind the `before` bytes that were known.
    fn at_end(&self, before: u64) -> End {
        let is_all = !self.takes_ranges && self.got == before;
        if self.got >= self.size || is_all {
            return End::Finished;
        }
        End::Broken(RegistryError::connection(
            &self.session.host.name,
            format!("the blob {} ended after {} of {} bytes", self.digest, self.got, self.size),
        ))
    }
}

/// The first position of `Content-Range: bytes FIRST-LAST/LENGTH` (RFC 9110, section 14.4).
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}
