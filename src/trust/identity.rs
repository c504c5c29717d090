//! `signedIdentity`: which names a signature may give to the image that is asked for (containers-policy.json(5)).

use serde::Deserialize;

use super::named::Named;

/// Which name a signature must give to the image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum SignedIdentity {
    /// The one that was asked for.
    MatchExact {},
    /// The one that was asked for; of an image that was asked for by digest, any of its repository.
    MatchRepoDigestOrExact {},
    /// Any of the repository.
    MatchRepository {},
    /// This one.
    ExactReference {
        /// The name, with a tag or digest.
        docker_reference: String,
    },
    /// Any of this repository.
    ExactRepository {
        /// The repository.
        docker_repository: String,
    },
    /// As `matchRepoDigestOrExact`, after a prefix of the name that was asked for has been replaced.
    RemapIdentity {
        /// The prefix: a host, a namespace or a repository.
        prefix: String,
        /// The prefix that signatures have in its place.
        signed_prefix: String,
    },
}

impl Default for SignedIdentity {
    fn default() -> Self {
        SignedIdentity::MatchRepoDigestOrExact {}
    }
}

impl SignedIdentity {
    /// Returns the problem with what the policy says, if there is one.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let is_prefix = |text: &str| {
            let image = Named::parse(&format!("{text}/x"));
            image.is_some_and(|image| image.to_string() == format!("{text}/x"))
        };
        match self {
            SignedIdentity::ExactReference { docker_reference } => {
                let exact =
                    Named::parse(docker_reference).is_some_and(|name| !name.is_repository());
                (!exact).then_some("dockerReference names no image by tag or digest")
            }
            SignedIdentity::ExactRepository { docker_repository } => {
                Named::parse(docker_repository)
                    .is_none()
                    .then_some("dockerRepository names no repository")
            }
            SignedIdentity::RemapIdentity { prefix, signed_prefix } => {
                let both = is_prefix(prefix) && is_prefix(signed_prefix);
                (!both)
                    .then_some("prefix and signedPrefix must be hosts, namespaces or repositories")
            }
            _ => None,
        }
    }

    /// Whether the name that the image was asked for by counts.
    pub(super) fn needs_asked(&self) -> bool {
        !matches!(
            self,
            SignedIdentity::ExactReference { .. } | SignedIdentity::ExactRepository { .. }
        )
    }

    /// Whether a signature for `signed` is one for the image that was asked for. What is in no registry has no
    /// name.
    pub(super) fn accepts(&self, asked: Option<&Named>, signed: &str) -> bool {
        let Some(signed) = Named::parse(signed) else { return false };
        let asked = || asked.cloned();
        match self {
            SignedIdentity::MatchExact {} => {
                asked().is_some_and(|asked| is_same_image(&asked, &signed))
            }
            SignedIdentity::MatchRepoDigestOrExact {} => {
                asked().is_some_and(|asked| is_same_or_by_digest(&asked, &signed))
            }
            SignedIdentity::MatchRepository {} => {
                asked().is_some_and(|asked| asked.repository() == signed.repository())
            }
            SignedIdentity::ExactReference { docker_reference } => {
                Named::parse(docker_reference).is_some_and(|name| is_same_image(&name, &signed))
            }
            SignedIdentity::ExactRepository { docker_repository } => {
                let wanted = Named::parse(docker_repository);
                wanted.is_some_and(|wanted| wanted.repository() == signed.repository())
            }
            SignedIdentity::RemapIdentity { prefix, signed_prefix } => {
                let mapped = asked().and_then(|asked| remapped(asked, prefix, signed_prefix));
                mapped.is_some_and(|asked| is_same_or_by_digest(&asked, &signed))
            }
        }
    }
}

/// Repositories alone are no images, and so not the same one.
fn is_same_image(one: &Named, other: &Named) -> bool {
    one == other && !one.is_repository()
}

/// The digest of an image that was asked for by digest is compared with the signed one anyway.
fn is_same_or_by_digest(asked: &Named, signed: &Named) -> bool {
    match asked.has_tag() || asked.is_repository() {
        true => is_same_image(asked, signed),
        false => asked.repository() == signed.repository() && !signed.is_repository(),
    }
}

/// The name with `signed_prefix` in the place of `prefix`; the name itself if `prefix` does not begin it.
fn remapped(asked: Named, prefix: &str, signed_prefix: &str) -> Option<Named> {
    let Some(rest) = asked.repository().strip_prefix(prefix) else { return Some(asked) };
    match rest.is_empty() || rest.starts_with('/') {
        true => asked.in_repository(&format!("{signed_prefix}{rest}")),
        false => Some(asked),
    }
}
