//! The bytes of a connection, which end when it is quiet for too long.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::admitted::Admitted;

/// A connection with its place among the others.
pub(crate) struct WatchedStream {
    stream: TcpStream,
    timer: Pin<Box<Sleep>>,
    admitted: Arc<Admitted>,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, admitted: Arc<Admitted>) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        WatchedStream { stream, timer, admitted }
    }

    /// Looks at the first bytes that have come, and takes none.
    pub(super) fn poll_peek(
        &mut self,
        context: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let peeked = self.stream.poll_peek(context, &mut ReadBuf::new(bytes));
        self.unless_over(peeked, context)
    }

    fn activity(&self) -> &Activity {
        &self.admitted.activity
    }

    /// Whether the connection has been quiet for too long; if not, the task is woken when that is so.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.activity().register(context);
        let Some(deadline) = self.activity().deadline() else { return Poll::Pending };
        if deadline <= Instant::now() {
            return Poll::Ready(());
        }
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(context)
    }

    /// Ends what waits for the client, if the client's time is over.
    fn unless_over<T>(
        &mut self,
        done: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if done.is_pending() && self.poll_end(context).is_ready() {
            self.activity().timed_out();
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        done
    }

    fn wrote(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = written {
            self.activity().took_bytes();
        }
        self.unless_over(written, context)
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.unless_over(read, context)
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
