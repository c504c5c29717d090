//! The way in: a client gets a place before the next one is let in, and before TLS is spoken.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tower_service::Service;

use super::admission::Connections;
use super::admitted::Admitted;
use super::service::NotedService;
use super::stream::WatchedStream;

/// Makes a service for each client, as far as there are places: the listener lets nobody in before.
#[derive(Clone)]
pub(crate) struct Admitting<M> {
    connections: Arc<Connections>,
    make: M,
}

impl<M> Admitting<M> {
    pub(crate) fn new(connections: Arc<Connections>, make: M) -> Self {
        Admitting { connections, make }
    }
}

impl<M, S> Service<SocketAddr> for Admitting<M>
where
    M: Service<SocketAddr, Response = S, Error = Infallible>,
    M::Future: Send + 'static,
{
    type Response = NotedService<S>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<NotedService<S>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self.connections.poll_place(context) {
            Poll::Ready(()) => self.make.poll_ready(context),
            Poll::Pending => Poll::Pending,
        }
    }

    fn call(&mut self, client: SocketAddr) -> Self::Future {
        let admitted = Admitted::new(&self.connections, client.ip());
        let made = self.make.call(client);
        Box::pin(async move { made.await.map(|service| NotedService::new(service, admitted)) })
    }
}

/// Watches the bytes of each connection, below whatever `inner` makes of them.
#[derive(Clone)]
pub(crate) struct Watching<A>(pub(crate) A);

impl<A, S> Accept<TcpStream, NotedService<S>> for Watching<A>
where
    A: Accept<WatchedStream, NotedService<S>>,
    A::Future: Send + 'static,
    A::Stream: Send + 'static,
    A::Service: Send + 'static,
{
    type Stream = A::Stream;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: NotedService<S>) -> Self::Future {
        // Answers are small and awaited.
        if let Err(error) = stream.set_nodelay(true) {
            return Box::pin(ready(Err(error)));
        }
        let stream = WatchedStream::new(stream, service.admitted());
        Box::pin(self.0.accept(stream, service))
    }
}
