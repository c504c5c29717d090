//! Users and what they log in with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use super::OpenBalena;
use crate::scripted_server::Reply;

/// Whose a device's key is: no user's name.
const OF_A_DEVICE: &str = "";

#[derive(Default)]
pub(super) struct Access {
    users: Vec<User>,
    tokens: Vec<Token>,
}

pub(super) struct User {
    id: u64,
    pub(super) name: String,
}

struct Token {
    text: String,
    user: String,
    /// In seconds since 1970, if it ends by itself.
    expires: Option<u64>,
}

impl OpenBalena {
    /// Another user, without fleets.
    pub(crate) fn user(&self, name: &str) {
        let users = &mut self.lock().access.users;
        // The first is the API's guest.
        users.push(User { id: users.len() as u64 + 2, name: name.to_owned() });
    }

    /// A session token as `balena login` writes it into a file, good for so many seconds; with a negative
    /// lifetime it has expired.
    pub(crate) fn session_token(&self, user: &str, lifetime_seconds: i64) -> String {
        let now = now();
        let expires = now.saturating_add_signed(lifetime_seconds);
        let tokens = &mut self.lock().access.tokens;
        let claims = json!({
            "id": 2, "jwt_secret": format!("secret-{}", tokens.len()), "authTime": now * 1000,
            "iat": now, "exp": expires,
        });
        let text = signed(&json!({ "typ": "JWT", "alg": "HS256" }), &claims);
        tokens.push(Token { text: text.clone(), user: user.to_owned(), expires: Some(expires) });
        text
    }

    /// An API key of a user.
    pub(crate) fn api_key(&self, user: &str) -> String {
        let tokens = &mut self.lock().access.tokens;
        let text = format!("{:0>32}", format!("key{}", tokens.len()));
        tokens.push(Token { text: text.clone(), user: user.to_owned(), expires: None });
        text
    }

    /// A device's key: it is somebody, but no user.
    pub(crate) fn device_key(&self) -> String {
        let tokens = &mut self.lock().access.tokens;
        let text = format!("{:0>32}", format!("device{}", tokens.len()));
        tokens.push(Token { text: text.clone(), user: OF_A_DEVICE.to_owned(), expires: None });
        text
    }

    /// From now on a token is nobody's.
    pub(crate) fn revoke(&self, token: &str) {
        self.lock().access.tokens.retain(|known| known.text != token);
    }
}

impl Access {
    pub(super) fn user(&self, authorization: &str) -> Option<&User> {
        let token = self.token(authorization)?;
        self.users.iter().find(|user| user.name == token.user)
    }

    pub(super) fn is_device(&self, authorization: &str) -> bool {
        self.token(authorization).is_some_and(|token| token.user == OF_A_DEVICE)
    }

    fn token(&self, authorization: &str) -> Option<&Token> {
        let given = authorization.strip_prefix("Bearer ")?;
        let now = now();
        self.tokens
            .iter()
            .find(|token| token.text == given && token.expires.is_none_or(|expires| expires > now))
    }
}

pub(super) fn whoami(user: Option<&User>) -> Reply {
    let answer = |user: &User| {
        json!({
            "id": user.id, "actorType": "user", "actorTypeId": user.id,
            "username": user.name, "email": format!("{}@example.com", user.name),
        })
    };
    answered(user.map(answer))
}

pub(super) fn device_whoami() -> Reply {
    Reply::ok(json!({ "id": 1, "actorType": "device", "actorTypeId": 1 }).to_string())
}

pub(super) fn old_whoami(user: Option<&User>) -> Reply {
    let answer = |user: &User| {
        let email = format!("{}@example.com", user.name);
        json!({ "id": user.id, "username": user.name, "email": email })
    };
    answered(user.map(answer))
}

fn answered(user: Option<serde_json::Value>) -> Reply {
    user.map_or(Reply::status(401), |user| Reply::ok(user.to_string()))
}

/// A token of these claims with a key that only the API has.
fn signed(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"of the API");
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}
