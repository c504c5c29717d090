//! Where the database is, and how it is reached. The address has a password, which nobody is shown.

use std::fmt;

use sqlx::postgres::PgConnectOptions;

/// What may follow the `?` of an address.
const PARAMETERS: [&str; 14] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "user",
    "dbname",
];

/// The address of a PostgreSQL database.
#[derive(Clone)]
pub(crate) struct DatabaseAddress {
    options: Box<PgConnectOptions>,
    /// The password, as the address writes it, and as it is.
    secrets: Vec<String>,
}

/// Why a text is no address of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAddress {
    #[error("it does not begin with postgres://")]
    Scheme,
    #[error("it has a parameter that is not known; {} are", PARAMETERS.join(", "))]
    Parameter,
    #[error("it makes no sense")]
    Text,
}

impl DatabaseAddress {
    /// Reads `postgres://user:password@host:port/database`. The user's password may come from
    /// `PGPASSWORD` or a pgpass file too, as libpq reads them.
    pub(crate) fn parse(text: &str) -> Result<Self, BadAddress> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|it| text.strip_prefix(it));
        let rest = rest.ok_or(BadAddress::Scheme)?;
        // sqlx logs parameters that it does not know, with their values.
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let names = query.split('&').map(|part| part.split('=').next().unwrap_or_default());
        if names.into_iter().any(|name| !name.is_empty() && !PARAMETERS.contains(&name)) {
            return Err(BadAddress::Parameter);
        }
        let options: PgConnectOptions = text.parse().map_err(|_| BadAddress::Text)?;
        let written = rest.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        let written = written.map(|(_, password)| password).unwrap_or_default();
        let decoded = decoded(written);
        let secrets = [written.to_owned(), decoded].into_iter().filter(|it| !it.is_empty());
        Ok(DatabaseAddress { options: Box::new(options), secrets: secrets.collect() })
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        (*self.options).clone()
    }

    /// A message in which the password is not.
    pub(super) fn without_secret(&self, message: &str) -> String {
        self.secrets.iter().fold(message.to_owned(), |text, it| text.replace(it, "***"))
    }
}

/// What `%XX` stands for, decoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where it is, for people: host, port and database, and no user.
impl fmt::Display for DatabaseAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        match options.get_socket() {
            Some(socket) => write!(formatter, "{}", socket.display())?,
            None => write!(formatter, "{}:{}", options.get_host(), options.get_port())?,
        }
        write!(formatter, "/{}", options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_password() {
        let text = "postgres://remora:hush%40@db.example:6432/deltas?sslmode=require";
        let address = DatabaseAddress::parse(text).expect("an address");
        assert_eq!(address.to_string(), "db.example:6432/deltas");
        assert_eq!(format!("{address:?}"), "DatabaseAddress(db.example:6432/deltas)");
        for message in ["no user remora:hush%40", "no user remora:hush@"] {
            assert_eq!(address.without_secret(message), "no user remora:***");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_told() {
        for (text, error) in [
            ("mysql://u:hush@h/d", BadAddress::Scheme),
            ("jobs.sqlite", BadAddress::Scheme),
            ("postgres://u:hush@h:port/d", BadAddress::Text),
            ("postgres://u@h/d?passwd=hush", BadAddress::Parameter),
            ("postgres://u@h/d?sslmode=hush", BadAddress::Text),
        ] {
            let refused = DatabaseAddress::parse(text).expect_err(text);
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("hush"), "{refused}");
        }
    }
}
