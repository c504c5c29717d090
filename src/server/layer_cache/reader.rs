//! An object on its way in, read by a thread that blocks.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::health::Health;
use crate::server::bucket::reason;

/// After how long a read that has to wait is interrupted, so that whoever reads may stop.
const LOOK_TIME: Duration = Duration::from_millis(250);
/// The time over which the rate is looked at.
const WINDOW: Duration = Duration::from_secs(5);
/// Bytes that come in a window at least: less is no help to anybody.
const LEAST_IN_WINDOW: u64 = 64 << 10;

/// The bytes of an object. Fails if hardly any come.
pub(super) struct ObjectReader {
    runtime: Handle,
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
    piece: Bytes,
    window_began: Instant,
    in_window: u64,
    health: Arc<Health>,
}

impl ObjectReader {
    pub(super) fn new(
        runtime: Handle,
        pieces: BoxStream<'static, object_store::Result<Bytes>>,
        health: Arc<Health>,
    ) -> Self {
        let (piece, window_began) = (Bytes::new(), Instant::now());
        ObjectReader { runtime, pieces, piece, window_began, in_window: 0, health }
    }

    /// The next bytes; none at the end.
    fn next(&mut self) -> io::Result<Bytes> {
        loop {
            let next = self.pieces.next();
            let next = self.runtime.block_on(async { timeout(LOOK_TIME, next).await });
            match next {
                Ok(Some(Ok(piece))) if piece.is_empty() => {}
                Ok(Some(Ok(piece))) => return Ok(piece),
                Ok(Some(Err(error))) => {
                    let why = reason(&error);
                    self.health.failed(&why);
                    return Err(io::Error::other(why));
                }
                Ok(None) => return Ok(Bytes::new()),
                Err(_) => {
                    self.check_rate()?;
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
        }
    }

    fn check_rate(&mut self) -> io::Result<()> {
        if self.window_began.elapsed() < WINDOW {
            return Ok(());
        }
        if self.in_window < LEAST_IN_WINDOW {
            let why = "hardly anything comes";
            self.health.failed(why);
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        (self.window_began, self.in_window) = (Instant::now(), 0);
        Ok(())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.next()?;
            self.in_window += self.piece.len() as u64;
            self.check_rate()?;
        }
        let len = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..len]);
        Ok(len)
    }
}
