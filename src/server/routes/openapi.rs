//! The description of all routes (OpenAPI), served by the server itself.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder};

use super::service::Service;

/// Where the document is.
const PATH: &str = "/api/openapi.json";

/// The answer that names an image.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Name {
    /// The image to pull.
    pub(super) name: String,
}

/// The document without its routes.
pub(super) fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Remora delta server")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(License::new("Apache-2.0")));
    let scheme = |scheme| SecurityScheme::Http(Http::new(scheme));
    let components = ComponentsBuilder::new()
        .security_scheme("token", scheme(HttpAuthScheme::Bearer))
        .security_scheme("builder", scheme(HttpAuthScheme::Basic));
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build()
}

/// The route that the document is served on.
pub(super) fn route(document: OpenApi) -> Router<Arc<Service>> {
    Router::new().route(PATH, get(async move || Json(document)))
}
