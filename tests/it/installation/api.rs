//! The API: its rows, and its token endpoint as docs/openbalena.md has it: ES256, a `kid` instead of a
//! certificate in the token, and a validly signed token that permits nothing for whoever asks.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PublicKeyData as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::openbalena::{Answering, OpenBalena};
use crate::registry_server::Identity;
use crate::scripted_server::{Reply, Request, ScriptedServer};
use crate::token_server::fields;

/// The installation's top-level domain.
pub(crate) const TLD: &str = "openbalena.test";
/// What the builder and the delta server get their tokens with.
pub(crate) const BUILDER_TOKEN: &str = "builder-token-0123456789abcdef";
/// A device, as it logs in.
pub(crate) const DEVICE: &str = "d_0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
pub(crate) const DEVICE_KEY: &str = "device-key";
const TOKEN_ENDPOINT: &str = "/auth/v1/token";
/// How far back `nbf` is, and how long a token holds, in seconds.
const NOT_BEFORE: u64 = 10;
const LIFETIME: u64 = 4 * 3600;

/// A running API.
pub(crate) struct Api {
    pub(crate) server: ScriptedServer,
    /// Users, fleets, releases and devices, and everything but the token endpoint.
    pub(crate) openbalena: OpenBalena,
    /// What its tokens are verified with, in PEM.
    pub(crate) certificate: String,
    signer: Signer,
}

/// What a token says.
#[derive(Debug, Clone)]
pub(crate) struct Claims(pub(crate) Value);

impl Claims {
    /// A device's token for a registry, with `pull` on these repositories.
    pub(crate) fn new(audience: &str, repositories: &[&str]) -> Self {
        let pull = |name: &&str| json!({ "type": "repository", "name": name, "actions": ["pull"] });
        Self::with_access(audience, DEVICE, repositories.iter().map(pull).collect())
    }

    /// A token with this `access`, as it is.
    fn with_access(audience: &str, subject: &str, access: Vec<Value>) -> Self {
        let now = now();
        Claims(json!({
            "jti": "0a1b2c", "iss": format!("api.{TLD}"), "aud": audience, "sub": subject,
            "iat": now, "nbf": now - NOT_BEFORE, "exp": now + LIFETIME, "access": access,
        }))
    }

    /// The same with another claim, or without it where `value` is null.
    pub(crate) fn with(mut self, claim: &str, value: Value) -> Self {
        match value {
            Value::Null => drop(self.0.as_object_mut().expect("an object").remove(claim)),
            value => self.0[claim] = value,
        }
        self
    }
}

impl Api {
    pub(crate) fn start() -> Self {
        let identity = Identity::new();
        let signer = Signer::new(&identity.key);
        let of_endpoint = Signer::new(&identity.key);
        let openbalena = OpenBalena::new();
        let rows = openbalena.answering();
        let server = ScriptedServer::start(move |request| {
            rows.interruption().unwrap_or_else(|| match request.path.starts_with(TOKEN_ENDPOINT) {
                true => answer(request, &of_endpoint, &rows),
                false => rows.answer(request),
            })
        });
        Api { server, openbalena, certificate: identity.certificate, signer }
    }

    pub(crate) fn realm(&self) -> String {
        format!("http://{}{TOKEN_ENDPOINT}", self.server.address())
    }

    pub(crate) fn issuer(&self) -> String {
        format!("api.{TLD}")
    }

    /// The public key that it signs with, as a set of one (RFC 7517), as newer installations have it
    /// on disk.
    pub(crate) fn key_set(&self) -> String {
        // An uncompressed point: 4, x, y (SEC 1, section 2.3.3).
        let (x, y) = self.signer.point[1..].split_at(32);
        let key = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id(),
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        json!({ "keys": [key] }).to_string()
    }

    /// The name of the key that it signs with.
    pub(crate) fn key_id(&self) -> &str {
        &self.signer.key_id
    }

    /// A token that it signs.
    pub(crate) fn token(&self, claims: &Claims) -> String {
        self.signer.token(&self.signer.header(), &claims.0)
    }

    /// The same under another header than its own.
    pub(crate) fn token_under(&self, header: &Value, claims: &Claims) -> String {
        self.signer.token(header, &claims.0)
    }
}

/// Who asks for a registry's token.
enum Asker {
    Builder,
    Device,
    User(String),
    Nobody,
}

impl Asker {
    /// None if the login is wrong.
    fn new(given: Option<&str>, rows: &Answering) -> Option<Self> {
        let login = |user: &str, password: &str| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        };
        match given {
            None => Some(Asker::Nobody),
            Some(given) if given == login("builder", BUILDER_TOKEN) => Some(Asker::Builder),
            Some(given) if given == login(DEVICE, DEVICE_KEY) => Some(Asker::Device),
            Some(given) => rows.user(given).map(Asker::User),
        }
    }

    fn subject(&self) -> &str {
        match self {
            Asker::Builder => "builder",
            Asker::Device => DEVICE,
            Asker::User(name) => name,
            Asker::Nobody => "",
        }
    }

    /// What of these actions is permitted on a repository.
    fn permitted<'a>(&self, repository: &str, asked: &[&'a str], rows: &Answering) -> Vec<&'a str> {
        let permitted = |action: &str| match self {
            Asker::Builder => true,
            Asker::Device => action == "pull",
            Asker::User(name) => rows.has_image(name, repository),
            Asker::Nobody => false,
        };
        asked.iter().copied().filter(|action| permitted(action)).collect()
    }
}

/// `GET` with a user's name and password or their token, or without.
fn answer(request: &Request, signer: &Signer, rows: &Answering) -> Reply {
    if request.method != "GET" {
        return Reply::status(404);
    }
    let Some(asker) = Asker::new(request.header("authorization"), rows) else {
        return Reply::status(401);
    };
    let fields = fields(&request.path);
    let values = |name: &'static str| fields.iter().filter(move |(key, _)| key == name);
    let audience = values("service").next().map_or("", |(_, value)| value);
    let access = values("scope").filter_map(|(_, scope)| grant(scope, &asker, rows)).collect();
    let claims = Claims::with_access(audience, asker.subject(), access);
    Reply::ok(json!({ "token": signer.token(&signer.header(), &claims.0) }).to_string())
}

/// What a scope grants, which may be no action at all. One that is not understood is dropped in silence: a
/// registry's host, several scopes in one, another action.
fn grant(scope: &str, asker: &Asker, rows: &Answering) -> Option<Value> {
    let (name, actions) = scope.strip_prefix("repository:")?.split_once(':')?;
    // The images of a multi-stage build have a number behind their name.
    let hash = name.strip_prefix("v2/")?.split('-').next()?;
    let hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let actions: Vec<&str> = actions.split(',').collect();
    let understood = hex(hash) && actions.iter().all(|action| ["pull", "push"].contains(action));
    let granted = asker.permitted(name, &actions, rows);
    let access = json!({ "type": "repository", "name": name, "actions": granted });
    understood.then_some(access)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

struct Signer {
    key: EcdsaKeyPair,
    key_id: String,
    point: Vec<u8>,
}

impl Signer {
    fn new(key: &str) -> Self {
        let pair = KeyPair::from_pem(key).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &pair.serialize_der(),
            &SystemRandom::new(),
        );
        let key_id = key_id(&pair.subject_public_key_info());
        let point = pair.public_key_raw().to_vec();
        Signer { key: key.expect("a P-256 key"), key_id, point }
    }

    fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": "ES256", "kid": self.key_id })
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The first 240 bits of the SHA-256 of a public key, in base32, in groups of four.
fn key_id(public_key: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::digest(public_key);
    let letters: Vec<char> = hash[..30]
        .chunks(5)
        .flat_map(|five| {
            let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            (0..8).map(move |letter| ALPHABET[(bits >> (35 - 5 * letter) & 31) as usize] as char)
        })
        .collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(":")
}
