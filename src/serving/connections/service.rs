//! Requests, noted with the connection that they came over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use http_body::{Frame, SizeHint};
use tower_service::Service;

use super::activity::Requesting;
use super::admitted::Admitted;

/// Seconds after which a client that found no place may come again.
const COME_AGAIN: &str = "30";

/// A service that answers the requests of one connection.
#[derive(Clone)]
pub(crate) struct NotedService<S> {
    service: S,
    admitted: Arc<Admitted>,
}

impl<S> NotedService<S> {
    pub(super) fn new(service: S, admitted: Admitted) -> Self {
        NotedService { service, admitted: Arc::new(admitted) }
    }

    /// The connection's place, which lasts as long as anybody has it.
    pub(super) fn admitted(&self) -> Arc<Admitted> {
        Arc::clone(&self.admitted)
    }
}

impl<B: 'static, S> Service<Request<B>> for NotedService<S>
where
    S: Service<Request<B>, Response = Response>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut requesting = self.admitted.activity.begin();
        let answer = (!self.admitted.activity.surplus).then(|| self.service.call(request));
        Box::pin(async move {
            let answer = match answer {
                Some(answer) => answer.await?,
                None => too_many(),
            };
            requesting.answered();
            Ok(answer.map(|body| Body::new(NotedBody { body, _requesting: requesting })))
        })
    }
}

/// The body of an answer; its request lasts as long.
struct NotedBody {
    body: Body,
    _requesting: Requesting,
}

impl HttpBody for NotedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn too_many() -> Response {
    let headers = [(RETRY_AFTER, COME_AGAIN), (CONNECTION, "close")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "too many connections\n").into_response()
}
