//! What BuildKit asks for while it builds: secrets and logins. The engine calls back, with gRPC in the connection that
//! was opened for it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
    GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
    VerifyTokenAuthorityResponse,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tonic::codegen::{BoxStream, Service as _};
use tonic::{Request, Response, Status};

use super::client::{Answer, Client, Connection, call};
use super::error::EngineError;
use super::request::{BuildRequest, Login};

/// What an engine may call.
const METHODS: [&str; 6] = [
    "/grpc.health.v1.Health/Check",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.Auth/FetchToken",
    "/moby.filesync.v1.Auth/GetTokenAuthority",
    "/moby.filesync.v1.Auth/VerifyTokenAuthority",
];
/// How long a registry token is said to last: as long as a build needs it.
const TOKEN_SECONDS: i64 = 3600;
/// The authority of Docker Hub as BuildKit calls it, and as logins are keyed.
const HUB: &str = "registry-1.docker.io";
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// An open session; it ends when this is dropped.
pub(super) struct Session {
    pub(super) id: String,
    _connection: Connection,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Session {
    /// Opens a session for a build.
    pub(super) async fn open(
        client: &Client,
        version: &str,
        request: &BuildRequest,
    ) -> Result<Self, EngineError> {
        let id = random_name();
        let mut opening = call(Method::POST, &format!("{version}/session"));
        announce(opening.headers_mut(), &id);
        let Answer { response, connection } = client.send(opening).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(client.nonsense(&"no session for BuildKit"));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| client.lost(&error))?;
        let services = Services::new(request);
        let answer = service_fn(move |request| services.clone().answer(request));
        let serving = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(TokioIo::new(upgraded)), answer);
        let serving = tokio::spawn(async move {
            // The build fails by itself if the engine lacks an answer.
            let _ = serving.await;
        });
        Ok(Session { id, _connection: connection, serving })
    }
}

fn announce(headers: &mut HeaderMap, id: &str) {
    headers.insert(http::header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(http::header::UPGRADE, HeaderValue::from_static("h2c"));
    let id = HeaderValue::from_str(id).expect("hexadecimal digits");
    headers.insert("x-docker-expose-session-uuid", id);
    headers.insert("x-docker-expose-session-name", HeaderValue::from_static("remora"));
    for method in METHODS {
        let method = HeaderValue::from_static(method);
        headers.append("x-docker-expose-session-grpc-method", method);
    }
}

/// A name that nobody else has.
fn random_name() -> String {
    let bytes = random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// Everything that an engine may call.
#[derive(Clone)]
struct Services {
    secrets: SecretsServer<Files>,
    auth: AuthServer<Logins>,
    health: HealthServer<Well>,
}

impl Services {
    fn new(request: &BuildRequest) -> Self {
        let secrets = request.secrets.iter();
        let files = secrets.map(|secret| (secret.id.clone(), secret.content.clone())).collect();
        let seed = random();
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes");
        let logins = Logins { registries: request.registries.clone(), key };
        Services {
            secrets: SecretsServer::new(Files(files)),
            auth: AuthServer::new(logins),
            health: HealthServer::new(Well),
        }
    }

    async fn answer(
        mut self,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<tonic::body::Body>, Infallible> {
        match request.uri().path().split('/').nth(1) {
            Some("moby.buildkit.secrets.v1.Secrets") => self.secrets.call(request).await,
            Some("moby.filesync.v1.Auth") => self.auth.call(request).await,
            Some("grpc.health.v1.Health") => self.health.call(request).await,
            _ => Ok(Status::unimplemented("no such service").into_http()),
        }
    }
}

/// Files for the steps of a build.
struct Files(BTreeMap<String, Vec<u8>>);

#[tonic::async_trait]
impl Secrets for Files {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let file = self.0.get(&request.get_ref().id);
        let data = file.ok_or_else(|| Status::not_found("no such secret"))?.clone();
        Ok(Response::new(GetSecretResponse { data }))
    }
}

/// Logins at registries. Tokens of a registry are handed out as if they had been fetched for the engine: it asks for them
/// wherever a key stands for whoever answers.
struct Logins {
    registries: BTreeMap<String, Login>,
    key: Ed25519KeyPair,
}

impl Logins {
    fn of(&self, host: &str) -> Option<&Login> {
        let host = if host == HUB { HUB_KEY } else { host };
        self.registries.get(host)
    }

    fn token(&self, host: &str) -> Result<&str, Status> {
        match self.of(host) {
            Some(Login::Token(token)) => Ok(token.reveal()),
            _ => Err(Status::unimplemented("no token of that registry")),
        }
    }
}

#[tonic::async_trait]
impl Auth for Logins {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let answer = match self.of(&request.get_ref().host) {
            Some(Login::Password { username, password }) => CredentialsResponse {
                username: username.clone(),
                secret: password.reveal().to_owned(),
            },
            _ => CredentialsResponse::default(),
        };
        Ok(Response::new(answer))
    }

    async fn fetch_token(
        &self,
        request: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        let token = self.token(&request.get_ref().host)?.to_owned();
        let answer = FetchTokenResponse { token, expires_in: TOKEN_SECONDS, issued_at: 0 };
        Ok(Response::new(answer))
    }

    async fn get_token_authority(
        &self,
        request: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        self.token(&request.get_ref().host)?;
        let public_key = self.key.public_key().as_ref().to_vec();
        Ok(Response::new(GetTokenAuthorityResponse { public_key }))
    }

    /// The signature stands before what it signs.
    async fn verify_token_authority(
        &self,
        request: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        let request = request.into_inner();
        self.token(&request.host)?;
        let signature = self.key.sign(&request.payload);
        let signed = [signature.as_ref(), &request.payload].concat();
        Ok(Response::new(VerifyTokenAuthorityResponse { signed }))
    }
}

/// The session is alive as long as somebody says so.
struct Well;

#[tonic::async_trait]
impl Health for Well {
    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let status = ServingStatus::Serving.into();
        Ok(Response::new(HealthCheckResponse { status }))
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("not told"))
    }

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not told"))
    }
}
