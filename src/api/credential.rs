//! What a client of the delta server shows of itself.

use reqwest::RequestBuilder;

use super::Secret;

/// The user that a builder credential belongs to.
const USER: &str = "builder";

/// Proof of who asks a delta server.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// Nothing is shown.
    None,
    /// The builder credential.
    Builder(Secret),
    /// Tokens for the registry, which together permit what is asked for. One alone, for some hundred
    /// repositories, would be longer than proxies let a header be.
    RegistryTokens(Vec<Secret>),
}

impl Credential {
    /// The request with the `Authorization` header that goes with it.
    pub(super) fn shown_by(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Credential::None => request,
            Credential::Builder(secret) => request.basic_auth(USER, Some(secret.reveal())),
            Credential::RegistryTokens(tokens) => match tokens.first() {
                Some(token) => request.bearer_auth(token.reveal()),
                None => request,
            },
        }
    }

    /// The tokens that find no place in the header.
    pub(super) fn further_tokens(&self) -> Vec<String> {
        match self {
            Credential::RegistryTokens(tokens) => {
                tokens.iter().skip(1).map(|token| token.reveal().to_owned()).collect()
            }
            Credential::None | Credential::Builder(_) => Vec::new(),
        }
    }
}
