//! Asking a credential helper (docker-credential-helpers protocol): `docker-credential-NAME get` reads
//! the registry's address and writes JSON.

use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::{Credentials, CredentialsError};
use crate::image::registry::limits::{HELPER_TIME, MAX_HELPER_ANSWER_BYTES, MAX_MESSAGE_CHARS};

/// The user name that says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// What helpers answer when they have nothing (docker-credential-helpers, `errors.go`).
const NOT_FOUND: &str = "credentials not found";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The credentials that the helper `name` has for `server`; `None` if it has none.
pub(super) async fn get(name: &str, server: &str) -> Result<Option<Credentials>, CredentialsError> {
    let failed = |reason: String| CredentialsError::Helper { name: name.to_owned(), reason };
    // The name comes from a file and must not lead to another folder.
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return Err(failed("its name has characters that no helper's has".to_owned()));
    }
    let child = Command::new(format!("docker-credential-{name}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (succeeded, output) = tokio::time::timeout(HELPER_TIME, converse(child, server))
        .await
        .map_err(|_| failed(format!("no answer in {} s", HELPER_TIME.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if succeeded {
        // The error is not passed on: it may quote the secret.
        let answer = serde_json::from_slice(&output);
        answer.map(credentials).map_err(|_| failed("its answer makes no sense".to_owned()))
    } else {
        let message = String::from_utf8_lossy(&output);
        let message = message.lines().next().unwrap_or_default().trim();
        if message.contains(NOT_FOUND) {
            return Ok(None);
        }
        Err(failed(message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect()))
    }
}

async fn converse(mut child: Child, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input has its reasons; its answer tells.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(answer) = child.stdout.take() {
        answer.take(MAX_HELPER_ANSWER_BYTES).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?.success(), output))
}

fn credentials(answer: Answer) -> Option<Credentials> {
    match answer.username.as_str() {
        "" if answer.secret.is_empty() => None,
        TOKEN_USER => Some(Credentials::IdentityToken(answer.secret)),
        _ => Some(Credentials::Password { user: answer.username, password: answer.secret }),
    }
}
