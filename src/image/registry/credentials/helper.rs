//! Talking to a credential helper (docker-credential-helpers protocol): `docker-credential-NAME get` reads
//! the registry's address and writes JSON, `store` reads JSON, `erase` the address.

use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::error::CredentialsError;
use super::proof::Credentials;
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

/// What is said to a helper to keep a login.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(rename = "ServerURL")]
    server: &'a str,
    #[serde(rename = "Username")]
    user: &'a str,
    #[serde(rename = "Secret")]
    password: &'a str,
}

/// The credentials that the helper `name` has for `server`; `None` if it has none.
pub(super) async fn get(name: &str, server: &str) -> Result<Option<Credentials>, CredentialsError> {
    ask(command(name)?, server, |reason| failed(name, reason)).await
}

/// Has the helper `name` keep the login for `server`, in place of one that it has.
pub(super) async fn store(
    name: &str,
    server: &str,
    user: &str,
    password: &str,
) -> Result<(), CredentialsError> {
    let kept = serde_json::to_vec(&Kept { server, user, password });
    let kept = kept.map_err(|error| failed(name, error.to_string()))?;
    let answer = run(command(name)?, "store", &kept, |reason| failed(name, reason)).await?;
    answer.map(drop).map_err(|message| failed(name, message))
}

/// Has the helper `name` forget what it has for `server`.
pub(super) async fn erase(name: &str, server: &str) -> Result<(), CredentialsError> {
    let server = server.as_bytes();
    match run(command(name)?, "erase", server, |reason| failed(name, reason)).await? {
        Err(message) if !message.contains(NOT_FOUND) => Err(failed(name, message)),
        _ => Ok(()),
    }
}

fn failed(name: &str, reason: String) -> CredentialsError {
    CredentialsError::Helper { name: name.to_owned(), reason }
}

/// The program; a name comes from a file and must not lead to another folder.
fn command(name: &str) -> Result<Command, CredentialsError> {
    match name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        true => Ok(Command::new(format!("docker-credential-{name}"))),
        false => Err(failed(name, "its name has characters that no helper's has".to_owned())),
    }
}

async fn ask(
    helper: Command,
    server: &str,
    failed: impl Fn(String) -> CredentialsError,
) -> Result<Option<Credentials>, CredentialsError> {
    match run(helper, "get", server.as_bytes(), &failed).await? {
        Ok(output) => {
            // The error is not passed on: it may quote the secret.
            let answer = serde_json::from_slice(&output);
            answer.map(credentials).map_err(|_| failed("its answer makes no sense".to_owned()))
        }
        Err(message) if message.contains(NOT_FOUND) => Ok(None),
        Err(message) => Err(failed(message)),
    }
}

/// Runs the helper with `input`: its answer, or the first line of what it says if it fails.
async fn run(
    mut helper: Command,
    action: &str,
    input: &[u8],
    failed: impl Fn(String) -> CredentialsError,
) -> Result<Result<Vec<u8>, String>, CredentialsError> {
    let child = helper
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (succeeded, output) = tokio::time::timeout(HELPER_TIME, converse(child, input))
        .await
        .map_err(|_| failed(format!("no answer in {} s", HELPER_TIME.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if succeeded {
        return Ok(Ok(output));
    }
    let message = String::from_utf8_lossy(&output);
    let message = message.lines().next().unwrap_or_default().trim();
    Ok(Err(message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect()))
}

async fn converse(mut child: Child, said: &[u8]) -> std::io::Result<(bool, Vec<u8>)> {
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input has its reasons; its answer tells.
        let _ = input.write_all(said).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::RegistryError;
    use crate::image::registry::runtime;

    /// What a helper that runs `script` gives for `server.example`.
    fn answer(script: &'static str) -> String {
        let mut helper = Command::new("sh");
        helper.args(["-c", script, "docker-credential-test"]);
        let failed = |reason| CredentialsError::Helper { name: "test".to_owned(), reason };
        let asked = runtime::run(async move {
            Ok::<_, RegistryError>(ask(helper, "server.example", failed).await)
        });
        match asked.expect("a runtime") {
            Ok(Some(Credentials::Password { user, password })) => format!("{user}/{password}"),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_helper_is_asked_for_the_server_and_believed() {
        let script = r#"read server; echo "{\"Username\":\"$1\",\"Secret\":\"$server\"}""#;
        assert_eq!(answer(script), "get/server.example");
        let token = r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"t"}'"#;
        assert_eq!(answer(token), "Some(IdentityToken)");
        assert_eq!(answer(r#"echo '{"Username":"","Secret":""}'"#), "None");
    }

    #[test]
    fn a_helper_without_an_answer_is_told_from_one_that_fails() {
        assert_eq!(answer("echo credentials not found in native keychain; exit 1"), "None");
        let failed = "the credential helper docker-credential-test failed: ";
        assert_eq!(
            answer("echo the keychain is locked; exit 1"),
            format!("{failed}the keychain is locked")
        );
        assert_eq!(
            answer("echo 'secret, but no JSON'"),
            format!("{failed}its answer makes no sense")
        );
        assert_eq!(answer("exec <&-; echo '{}'"), format!("{failed}its answer makes no sense"));
    }

    #[test]
    fn a_helper_s_name_leads_to_no_other_folder() {
        for name in ["../evil", "a/b", "a b", "a\0"] {
            let asked = runtime::run(async { Ok::<_, RegistryError>(get(name, "x").await) });
            let error = asked.expect("a runtime").expect_err(name).to_string();
            assert!(error.ends_with("its name has characters that no helper's has"), "{error}");
        }
    }
}
