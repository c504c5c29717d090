//! A token endpoint as registries with Bearer authentication have one (Docker token authentication
//! spec): it signs what is asked for, and remembers who asked.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::KeyPair;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::registry_server::Identity;
use crate::scripted_server::{Reply, Request, ScriptedServer};

/// A running token endpoint.
pub(crate) struct TokenServer {
    pub(crate) server: ScriptedServer,
    /// What the registry needs to trust it, in PEM.
    pub(crate) certificate: String,
}

/// The user that may do everything; nobody else may write.
pub(crate) const USER: &str = "ann";
pub(crate) const PASSWORD: &str = "correct horse";
/// The same user's identity token.
pub(crate) const IDENTITY_TOKEN: &str = "identity-token-of-ann";

impl TokenServer {
    pub(crate) fn start() -> Self {
        let identity = Identity::new();
        let signer = Signer::new(&identity);
        let certificate = identity.certificate.clone();
        TokenServer {
            server: ScriptedServer::start(move |request| answer(request, &signer)),
            certificate,
        }
    }

    pub(crate) fn realm(&self) -> String {
        format!("http://{}/token", self.server.address())
    }
}

fn answer(request: &Request, signer: &Signer) -> Reply {
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let query = if request.method == "POST" { form } else { request.path.clone() };
    let fields = fields(&query);
    let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let known = match request.header("authorization") {
        Some(header) if header == expected => true,
        Some(_) => return Reply::status(401),
        None => {
            fields.iter().any(|(name, value)| name == "refresh_token" && value == IDENTITY_TOKEN)
        }
    };
    let scopes: Vec<&str> = fields
        .iter()
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, value)| value.split(' '))
        .collect();
    let access: Vec<Value> = scopes.iter().filter_map(|scope| grant(scope, known)).collect();
    let token = signer.token(&access);
    let name = if request.method == "POST" { "access_token" } else { "token" };
    Reply::ok(json!({ name: token, "expires_in": 300 }).to_string())
}

/// What a scope grants: strangers only read.
fn grant(scope: &str, known: bool) -> Option<Value> {
    let mut parts = scope.splitn(3, ':');
    let (kind, name, actions) = (parts.next()?, parts.next()?, parts.next()?);
    let allowed = |action: &&str| known || (*action == "pull" && name.starts_with("public/"));
    let actions: Vec<&str> = actions.split(',').filter(allowed).collect();
    Some(json!({ "type": kind, "name": name, "actions": actions }))
}

/// The fields of a query or form.
pub(crate) fn fields(query: &str) -> Vec<(String, String)> {
    let query = query.split_once('?').map_or(query, |(_, query)| query);
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}")).expect("a query");
    url.query_pairs().into_owned().collect()
}

struct Signer {
    key: EcdsaKeyPair,
    certificate: String,
}

impl Signer {
    fn new(identity: &Identity) -> Self {
        let key = KeyPair::from_pem(&identity.key).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &key.serialize_der(),
            &SystemRandom::new(),
        );
        let pem = identity.certificate.lines().filter(|line| !line.starts_with("-----"));
        Signer { key: key.expect("a P-256 key"), certificate: pem.collect() }
    }

    /// A token for the registries of these tests, with the certificate in it.
    fn token(&self, access: &[Value]) -> String {
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [self.certificate] });
        let claims = json!({
            "iss": "test-issuer", "aud": "test-registry", "sub": "test", "jti": "1",
            "iat": 1_000_000_000, "nbf": 1_000_000_000, "exp": 4_000_000_000_u64,
            "access": access,
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
