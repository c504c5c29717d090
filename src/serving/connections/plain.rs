//! Connections in the clear, of which the version of HTTP is seen before any byte is taken.

use std::future::{Ready, ready};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready as ready_or_return};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::WatchedStream;

/// How HTTP/2 begins (RFC 9113, section 3.4); no method of HTTP/1 does.
const PREFACE: &[u8] = b"PRI ";

/// Takes connections as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

impl<S> Accept<WatchedStream, S> for Plain {
    type Stream = PlainStream;
    type Service = S;
    type Future = Ready<io::Result<(PlainStream, S)>>;

    fn accept(&self, stream: WatchedStream, service: S) -> Self::Future {
        ready(Ok((PlainStream { stream, is_version_told: false }, service)))
    }
}

/// A connection whose first read takes nothing where HTTP/1 is spoken.
///
/// hyper-util takes up to 24 bytes to see which version it is, and HTTP/1 if there are none. Bytes that
/// it took are given to hyper first, which then makes its buffer of 8 KiB twice as large, for as long as a
/// request waits.
pub(crate) struct PlainStream {
    stream: WatchedStream,
    is_version_told: bool,
}

impl AsyncRead for PlainStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_version_told {
            let mut start = [0; PREFACE.len()];
            let length = ready_or_return!(self.stream.poll_peek(context, &mut start))?;
            self.is_version_told = true;
            if !PREFACE.starts_with(&start[..length]) {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
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
