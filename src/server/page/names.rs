//! How pairs are named: shortly for people, by a key for the script, in full in URLs.

use maud::{Markup, html};
use serde::Deserialize;

use crate::Dialect;
use crate::image::Digest;
use crate::server::pair::{Pair, PinnedImage};

/// Characters of a repository's last part that are shown: openBalena's are 32 random digits.
const SHOWN: usize = 12;
/// Digits of a digest that are shown.
const DIGITS: usize = 10;
/// Digits of a pair's key.
const KEY: usize = 24;

/// A pair as a query or form names it.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct NamedPair {
    format: String,
    source: String,
    target: String,
}

impl NamedPair {
    /// The pair; `None` if these are no names of one.
    pub(super) fn pair(&self) -> Option<Pair> {
        let image = |text: &str| {
            let (repository, digest) = text.split_once('@')?;
            let digest = digest.parse::<Digest>().ok()?;
            Some(PinnedImage { repository: repository.to_owned(), digest })
        };
        Some(Pair {
            format: self.format.parse::<Dialect>().ok()?,
            source: image(&self.source)?,
            target: image(&self.target)?,
        })
    }
}

/// The page of a pair.
pub(super) fn link(pair: &Pair) -> String {
    let fields = [
        ("format", pair.format.name().to_owned()),
        ("source", pair.source.to_string()),
        ("target", pair.target.to_string()),
    ];
    // Text can always be encoded.
    format!("/delta?{}", serde_urlencoded::to_string(fields).unwrap_or_default())
}

/// What the script knows a pair by.
pub(super) fn key(pair: &Pair) -> String {
    let digest = Digest::of(pair.to_string().as_bytes()).to_string();
    digest.rsplit(':').next().unwrap_or_default().chars().take(KEY).collect()
}

/// A pair in a few words, with all of it at hand.
pub(super) fn short(pair: &Pair) -> Markup {
    html! {
        span.pair {
            span title=(pair.source) { (short_image(&pair.source)) }
            span.arrow { " → " }
            span title=(pair.target) { (short_image(&pair.target)) }
        }
    }
}

pub(super) fn short_image(image: &PinnedImage) -> String {
    let digest = image.digest.to_string();
    let digits: String =
        digest.rsplit(':').next().unwrap_or_default().chars().take(DIGITS).collect();
    format!("{}@{digits}", short_repository(&image.repository))
}

/// A repository, or a fleet, without most of a long last part.
pub(super) fn short_repository(name: &str) -> String {
    let (folder, last) = name.rsplit_once('/').map_or(("", name), |(folder, last)| (folder, last));
    let slash = if folder.is_empty() { "" } else { "/" };
    match last.char_indices().nth(SHOWN + 4) {
        None => name.to_owned(),
        Some(_) => {
            let shown: String = last.chars().take(SHOWN).collect();
            format!("{folder}{slash}{shown}…")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(repository: &str) -> Pair {
        let image = |name: &str| PinnedImage {
            repository: format!("{repository}{name}"),
            digest: Digest::of(name.as_bytes()),
        };
        Pair { format: Dialect::V3, source: image("a"), target: image("b") }
    }

    #[test]
    fn a_link_leads_to_its_pair_whatever_that_is_called() {
        for repository in ["v2/", "a b&c=\"<>", "ü@", ""] {
            let pair = pair(repository);
            let link = link(&pair);
            let query = link.strip_prefix("/delta?").expect("its page");
            let named: NamedPair = serde_urlencoded::from_str(query).expect("fields");
            let expected = (!repository.contains('@')).then_some(pair);
            assert_eq!(named.pair(), expected, "{link}");
        }
        for (format, source) in [("", "a@b"), ("v9", "a"), ("v3", "a@sha256:0"), ("v3", "")] {
            let target = pair("x").target.to_string();
            let named = NamedPair { format: format.into(), source: source.into(), target };
            assert_eq!(named.pair(), None);
        }
    }

    #[test]
    fn names_are_short_and_keys_tell_pairs_apart() {
        assert_eq!(short_repository("v2/0123456789abcdef0123456789abcdef"), "v2/0123456789ab…");
        assert_eq!(short_repository("org/fleet"), "org/fleet");
        assert_eq!(short_repository("äääääääääääääääääääää"), "ääääääääääää…");
        assert_ne!(key(&pair("a")), key(&pair("b")));
        assert_eq!(key(&pair("a")).len(), KEY);
    }
}
