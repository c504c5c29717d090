//! What a push asks for, as its URL says it.

use std::collections::HashSet;

use crate::quote::quoted;

/// Longer than any path that a file system takes.
const MAX_PATH: usize = 4096;
/// Longer than any honest name of a fleet.
const MAX_SLUG: usize = 300;

/// A push. The parameters are the balena CLI's (docs/formats/builder.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Push {
    /// The fleet's slug, or its name.
    pub(super) fleet: String,
    /// Another Dockerfile than the usual ones.
    pub(super) dockerfile_path: Option<String>,
    pub(super) is_emulated: bool,
    pub(super) no_cache: bool,
    /// Whoever pushes does not wait.
    pub(super) is_headless: bool,
    pub(super) is_draft: bool,
}

impl Push {
    /// Reads a URL's parameters; the error says what is wrong with which.
    pub(super) fn read(parameters: &[(String, String)]) -> Result<Self, String> {
        let mut seen = HashSet::new();
        if let Some((name, _)) = parameters.iter().find(|(name, _)| !seen.insert(name.as_str())) {
            return Err(format!("{} is there more than once", quoted(name)));
        }
        let find = |name: &str| parameters.iter().find(|(known, _)| known == name);
        let text = |name: &str| find(name).map_or("", |(_, value)| value.as_str());
        let flag = |name: &str| match text(name) {
            "true" => Ok(true),
            "false" | "" => Ok(false),
            _ => Err(format!("{name} is neither true nor false")),
        };
        let fleet = text("slug");
        if !is_fleet(fleet) {
            return Err("slug names no fleet".to_owned());
        }
        let path = text("dockerfilePath");
        if path.len() > MAX_PATH || path.chars().any(char::is_control) {
            return Err("dockerfilePath is no path".to_owned());
        }
        Ok(Push {
            fleet: fleet.to_owned(),
            dockerfile_path: (!path.is_empty()).then(|| path.to_owned()),
            is_emulated: flag("emulated")?,
            no_cache: flag("nocache")?,
            is_headless: flag("headless")?,
            is_draft: flag("isdraft")?,
        })
    }
}

/// Whether this is an organisation and a fleet, or a fleet's name alone.
fn is_fleet(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= MAX_SLUG && text.splitn(2, '/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Push, String> {
        let owned =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Push::read(&owned.collect::<Vec<_>>())
    }

    #[test]
    fn what_the_cli_sends_is_understood() {
        let push = read(&[
            ("slug", "org/my-fleet_2"),
            ("dockerfilePath", ""),
            ("emulated", "false"),
            ("nocache", "true"),
            ("headless", "false"),
            ("isdraft", "true"),
        ]);
        let push = push.expect("a push");
        assert_eq!((push.fleet.as_str(), push.dockerfile_path), ("org/my-fleet_2", None));
        assert_eq!(
            (push.is_emulated, push.no_cache, push.is_headless, push.is_draft),
            (false, true, false, true)
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_name() {
        for (name, value) in [
            ("slug", ""),
            ("slug", "a/b/c"),
            ("slug", "a'b"),
            ("slug", "a/"),
            ("slug", "ü"),
            ("nocache", "yes"),
            ("headless", "1"),
            ("dockerfilePath", "a\nb"),
        ] {
            let fleet = [("slug", "a")].into_iter().filter(|_| name != "slug");
            let parameters: Vec<_> = fleet.chain([(name, value)]).collect();
            let reason = read(&parameters).expect_err(value);
            assert!(reason.starts_with(name), "{reason}");
        }
        for name in ["slug", "other"] {
            let reason = read(&[("slug", "a"), (name, "b"), (name, "c")]).expect_err(name);
            assert!(reason.contains("more than once") && reason.contains(name), "{reason}");
        }
    }
}
