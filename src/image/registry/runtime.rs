//! Where async ends: one small runtime for the whole process, and the ways out of it.

use std::future::Future;
use std::io::{self, Read};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::task::AbortHandle;

use super::RegistryError;
use super::limits::{CHECK_INTERVAL, PIECES_IN_FLIGHT};
use crate::image::ImageError;
use crate::progress::{Progress, check};
use crate::threads::{WAITING_THREAD_LIFE, check_threads};

/// Threads for all connections; they only move bytes.
const THREADS: usize = 2;
/// Threads that wait, for the names of hosts and for disks: without one, nobody is ever reached.
const WAITING_THREADS: usize = 1;

static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();

fn runtime() -> Result<&'static Runtime, RegistryError> {
    let build = || {
        check_threads(THREADS + WAITING_THREADS)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("remora-registry")
            .thread_keep_alive(WAITING_THREAD_LIFE)
            .enable_all()
            .build()?;
        // The one that waits is there from now on.
        runtime.spawn_blocking(|| ());
        Ok(runtime)
    };
    let cannot_start = |error| RegistryError::Setup(format!("cannot start threads: {error}"));
    RUNTIME.get_or_init(build).as_ref().map_err(cannot_start)
}

/// Runs a future to its end and waits for it. Unlike `block_on` this may also be called on a thread
/// that belongs to another runtime.
pub(super) fn run<T, E, F>(future: F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<RegistryError> + Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(1);
    spawn(async move {
        // Nobody waits for the result only if the waiting thread is gone.
        let _ = sender.send(future.await);
    })?;
    receiver.recv().map_err(|_| gone())?
}

/// The same, given up when `progress` says that the work is to stop.
pub(in crate::image) fn run_watched<T, F>(
    progress: &dyn Progress,
    future: F,
) -> Result<T, ImageError>
where
    F: Future<Output = Result<T, ImageError>> + Send + 'static,
    T: Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(1);
    let task = spawn(async move {
        // Nobody waits for the result only if it was given up.
        let _ = sender.send(future.await);
    })?;
    loop {
        match receiver.recv_timeout(CHECK_INTERVAL) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => check(progress).inspect_err(|_| task.abort())?,
            Err(RecvTimeoutError::Disconnected) => return Err(gone().into()),
        }
    }
}

fn gone() -> RegistryError {
    RegistryError::Setup("a network task ended unexpectedly".to_owned())
}

/// Lets a future run on its own; it can be stopped with what is given back.
pub(in crate::image) fn spawn(
    future: impl Future<Output = ()> + Send + 'static,
) -> Result<AbortHandle, RegistryError> {
    Ok(runtime()?.spawn(future).abort_handle())
}

/// Starts the threads that move bytes, with the priority of the calling thread: later they would get
/// that of whoever needs them first.
pub(super) fn start() -> Result<(), RegistryError> {
    runtime().map(drop)
}

/// Where a task puts the bytes that a [`PieceReader`] gives out. Sending fails when the reader is gone.
pub(in crate::image) type PieceSender = tokio::sync::mpsc::Sender<io::Result<Bytes>>;

/// Bytes from a task, as a blocking reader. At most [`PIECES_IN_FLIGHT`] pieces wait in between.
pub(in crate::image) struct PieceReader {
    receiver: tokio::sync::mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl PieceReader {
    pub(in crate::image) fn new() -> (PieceSender, Self) {
        let (sender, receiver) = tokio::sync::mpsc::channel(PIECES_IN_FLIGHT);
        (sender, PieceReader { receiver, piece: Bytes::new() })
    }
}

impl PieceReader {
    /// The next piece. While none comes the read is interrupted now and then, so that whoever reads
    /// can see that it is to stop: all of the standard library reads on.
    fn next(&mut self) -> io::Result<Option<io::Result<Bytes>>> {
        match self.receiver.try_recv() {
            Ok(piece) => return Ok(Some(piece)),
            Err(TryRecvError::Disconnected) => return Ok(None),
            Err(TryRecvError::Empty) => {}
        }
        let runtime = runtime().map_err(io::Error::from)?;
        let receiver = &mut self.receiver;
        let next = async { tokio::time::timeout(CHECK_INTERVAL, receiver.recv()).await };
        runtime.handle().block_on(next).map_err(|_| io::ErrorKind::Interrupted.into())
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.next()? {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let len = self.piece.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.piece.split_to(len));
        Ok(len)
    }
}
