//! `remora login` and `remora logout`: credentials for registries, kept where podman, skopeo and docker do.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use clap::Args;
use remora::Cause;
use remora::image::{
    CredentialsError, LoginKey, LoginPlace, Logins, RegistryError, RegistryLogin, Transports,
};
use serde::Serialize;

use super::failure::Failure;
use super::password;
use super::registry_access::RegistryArguments;
use super::session::Session;

const LOGIN_EXAMPLES: &str = "\
Examples:
  Log in as ann; the password is asked for:
    remora login registry.example.com --username ann
  In a script:
    pass show registry | remora login registry.example.com -u ann --password-stdin
  In a file of its own, for one command:
    remora login registry.example.com -u ann --authfile auth.json
    remora list registry.example.com/app:2 --authfile auth.json";

const LOGOUT_EXAMPLES: &str = "\
Examples:
  remora logout registry.example.com
  remora logout --all";

/// Log in to a registry.
///
/// The registry is shown the user and the password; if it takes them, they are kept in --authfile,
/// $REGISTRY_AUTH_FILE or else the file that podman and skopeo have for this user, or with the credential
/// helper that this file names for the registry. All of these tools read it, and other logins stay.
#[derive(Debug, Args)]
#[command(after_help = LOGIN_EXAMPLES)]
pub(super) struct Login {
    /// The registry, HOST[:PORT], or a namespace in it, HOST[:PORT]/NAMESPACE
    #[arg(value_name = "REGISTRY")]
    place: String,
    /// The user's name [default: asked for]
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// The password [default: asked for]. Others can read what stands here: better --password-stdin
    #[arg(short, long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    password: Option<Password>,
    /// Read the password from standard input, one line
    #[arg(long, requires = "username")]
    password_stdin: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Forget the login for a registry.
///
/// Looks into the one file that remora login writes, and asks the credential helper that it names. Other
/// logins stay.
#[derive(Debug, Args)]
#[command(after_help = LOGOUT_EXAMPLES)]
pub(super) struct Logout {
    /// The registry, or a namespace in it, as it was logged in to
    #[arg(value_name = "REGISTRY", required_unless_present = "all", conflicts_with = "all")]
    place: Option<String>,
    /// Forget all logins of the file, and what helpers have for the registries that it names
    #[arg(short, long)]
    all: bool,
    /// The file with registry credentials [default: podman's and skopeo's for this user]
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
}

/// What `--password` says.
#[derive(Clone)]
struct Password(String);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Password(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password")
    }
}

impl Login {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let key = key(&self.place)?;
        let mut settings = self.registry.settings();
        let logins = Logins::new(settings.authfile.clone());
        let (user, password) = self.ask(key.host())?;
        let (host, user_name) = (key.host().to_owned(), user.clone());
        settings.login = Some(RegistryLogin::new(host, user, password.clone()));
        let checked = Transports::new(settings)?.prove_login(key.host()).map_err(refused)?;
        let kept = logins.keep(&key, &user_name, &password).map_err(from_registry)?;
        let registry = key.to_string();
        session.summary(&LoggedIn { registry, user: user_name, checked, kept }, false)
    }

    /// The user and the password, asked for as far as they are not given.
    fn ask(&self, host: &str) -> Result<(String, String), Failure> {
        let user = match &self.username {
            Some(user) => user.clone(),
            None => password::ask_shown(&format!("User at {host}: "))?,
        };
        if user.is_empty() || user.contains(':') {
            return Err(Failure::usage(
                "a user's name has at least one character, and no colon",
                "give it with --username, and the password with --password-stdin",
            ));
        }
        let password = match &self.password {
            Some(Password(password)) => password.clone(),
            None if self.password_stdin => password::from_stdin()?,
            None => password::ask(&format!("Password of {user} at {host}: "), true)?,
        };
        match password.is_empty() {
            true => Err(Failure::usage("the password is empty", "give one with --password-stdin")),
            false => Ok((user, password)),
        }
    }
}

impl Logout {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let logins = Logins::new(self.authfile.clone());
        let (file, registries) = match &self.place {
            Some(place) => {
                let key = key(place)?;
                let place = logins.forget(&key).map_err(from_registry)?;
                (place.file, vec![key.to_string()])
            }
            None => logins.forget_all().map_err(from_registry)?,
        };
        session.summary(&LoggedOut { registries, file }, false)
    }
}

fn key(text: &str) -> Result<LoginKey, Failure> {
    text.parse().map_err(|error: remora::image::LoginKeyError| {
        Failure::usage(error.to_string(), "write it as registry.example.com or localhost:5000")
    })
}

/// What a refused login means to whoever has just given it.
fn refused(error: remora::image::ImageError) -> Failure {
    match error.cause() {
        Cause::Unauthorized | Cause::Denied => Failure::new(
            error.cause(),
            error.to_string(),
            "check the user's name and the password (many registries want an access token in its \
             place); nothing was kept",
        ),
        _ => error.into(),
    }
}

fn from_registry(error: RegistryError) -> Failure {
    match &error {
        RegistryError::Credentials(CredentialsError::NotLoggedIn {
            elsewhere: Some(other),
            ..
        }) => Failure::new(
            error.cause(),
            error.to_string(),
            format!("the login is in another file: remora logout --authfile {}", other.display()),
        ),
        RegistryError::Credentials(CredentialsError::NotLoggedIn { .. }) => Failure::new(
            error.cause(),
            error.to_string(),
            "check the registry's name, or name another file with --authfile",
        ),
        _ => remora::image::ImageError::from(error).into(),
    }
}

/// What was kept.
#[derive(Serialize)]
struct LoggedIn {
    registry: String,
    user: String,
    /// Whether the registry has looked at the login.
    checked: bool,
    kept: LoginPlace,
}

impl Display for LoggedIn {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "logged in to {} as {}", self.registry, self.user)?;
        writeln!(out, "kept:    {}", self.kept)?;
        match self.checked {
            true => Ok(()),
            false => writeln!(
                out,
                "note:    the registry asks nobody who they are: it has checked nothing"
            ),
        }
    }
}

/// What was forgotten.
#[derive(Serialize)]
struct LoggedOut {
    registries: Vec<String>,
    file: PathBuf,
}

impl Display for LoggedOut {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.registries.as_slice() {
            [] => writeln!(out, "there are no logins in {}", self.file.display()),
            all => writeln!(out, "logged out of {}", all.join(", ")),
        }
    }
}
