//! What a repository lists: its tags, and the manifests that refer to one of its manifests (OCI
//! distribution spec v1.1, "Listing Tags" and "Listing Referrers").

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::Value;

use super::RegistryError;
use super::manifests;
use super::session::{Call, Session};
use crate::Cause;
use crate::image::{Descriptor, Digest, ImageError};

/// Names asked for at once; a registry may give fewer.
const PAGE: usize = 1_000;
/// The most pages that are read: a registry whose pages never end is not followed for ever.
const MAX_PAGES: usize = 100;

/// Bytes of all pages of a list: a hundred thousand tags, or some thousand referrers.
const MAX_LIST_BYTES: usize = 12 << 20;

#[derive(Deserialize)]
struct TagPage {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ReferrerPage {
    manifests: Vec<Value>,
}

/// All tags of the repository, in the registry's order; none if there is no such repository.
pub(super) async fn tags(session: &Session) -> Result<Vec<String>, ImageError> {
    let mut tags = Vec::new();
    let first = session.url(&format!("tags/list?n={PAGE}")).await?;
    each_page(session, first, "listing tags", |bytes| {
        let page: TagPage = serde_json::from_slice(bytes)
            .map_err(|error| session.protocol(format!("its list of tags: {error}")))?;
        tags.extend(page.tags.unwrap_or_default());
        Ok(())
    })
    .await?;
    Ok(tags)
}

/// The manifests that name `subject` as their subject: those that the registry lists itself, or if it
/// does not list them, or makes nothing sensible of the question, those in the index that clients keep under the referrers
/// tag.
pub(super) async fn referrers(
    session: &Session,
    subject: Digest,
) -> Result<Vec<Descriptor>, ImageError> {
    let mut found = Vec::new();
    let mut add = |bytes: &[u8]| {
        let page: ReferrerPage = serde_json::from_slice(bytes)
            .map_err(|_| session.protocol("its list of referrers is no index"))?;
        // What one client wrote keeps nobody from what others did.
        let entries = page.manifests.into_iter().map(serde_json::from_value::<Descriptor>);
        found.extend(entries.filter_map(Result::ok));
        Ok(())
    };
    let first = session.url(&format!("referrers/{subject}")).await?;
    let unlisted = match each_page(session, first, "listing referrers", &mut add).await {
        Ok(true) => return Ok(found),
        Ok(false) => None,
        Err(error) if is_of_old_registry(&error) => None,
        Err(error) if is_odd(&error) => Some(error),
        Err(error) => return Err(error),
    };
    match (kept_by_clients(session, subject).await, unlisted) {
        (Ok(Some(bytes)), _) => add(&bytes)?,
        (_, Some(error)) => return Err(error),
        (kept, None) => drop(kept?),
    }
    Ok(found)
}

/// Whether a registry says with `error` that it lists no referrers: 404 would be right, others are met.
fn is_of_old_registry(error: &ImageError) -> bool {
    error.cause() == Cause::Refused
}

/// Whether a registry was reached, and its answer says nothing of referrers.
fn is_odd(error: &ImageError) -> bool {
    matches!(error.cause(), Cause::Denied | Cause::Protocol | Cause::Passing)
}

async fn kept_by_clients(
    session: &Session,
    subject: Digest,
) -> Result<Option<Vec<u8>>, ImageError> {
    let index = manifests::fetch(session, &super::referrers::tag(subject)).await?;
    Ok(index.map(|(_, bytes)| bytes))
}

/// Hands the body of each of a list's pages to `read`; returns whether the registry has such a list.
async fn each_page(
    session: &Session,
    first: Url,
    action: &'static str,
    mut read: impl FnMut(&[u8]) -> Result<(), RegistryError>,
) -> Result<bool, ImageError> {
    let (mut pages, mut total) = (0, 0);
    let mut next = Some(first);
    while let Some(url) = next.take() {
        if pages == MAX_PAGES {
            let problem = format!("{action} did not end after {MAX_PAGES} pages");
            return Err(session.protocol(problem).into());
        }
        let call = Call::new(Method::GET, url.clone(), action);
        let Some((headers, body)) = session.get_start(&call, MAX_LIST_BYTES + 1 - total).await?
        else {
            break;
        };
        total += body.len();
        if total > MAX_LIST_BYTES {
            let problem = format!("the pages of {action} have over {MAX_LIST_BYTES} bytes");
            return Err(session.protocol(problem).into());
        }
        read(&body)?;
        pages += 1;
        next = match next_page(&url, &headers) {
            Some(next) => Some(session.host.in_own_scheme(next).await?),
            None => None,
        };
        next = next.filter(|next| next.origin() == url.origin());
    }
    Ok(pages > 0)
}

/// The URL of the page after `url`, by the answer's `Link` header (RFC 8288, relation `next`). Another
/// host's is not followed.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let links = headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok());
    let next = links.flat_map(|links| links.split(',')).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then_some(target)
    })?;
    url.join(next).ok().filter(|next| next.host() == url.host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_that_the_link_header_names_at_the_same_host() {
        let url = Url::parse("https://registry.example.com/v2/app/tags/list?n=2").expect("a URL");
        let host = "https://registry.example.com";
        for (link, next) in [
            ("</v2/app/tags/list?last=b&n=2>; rel=\"next\"", Some("/v2/app/tags/list?last=b&n=2")),
            ("<list?last=b>; rel=next", Some("/v2/app/tags/list?last=b")),
            ("</a>; rel=\"prev\", </b>; title=x; rel=\"next\"", Some("/b")),
            ("<https://elsewhere.example.com/v2/>; rel=\"next\"", None),
            ("</a>; rel=\"prev\"", None),
            ("nonsense", None),
        ] {
            let headers = HeaderMap::from_iter([(LINK, link.parse().expect("a value"))]);
            let found = next_page(&url, &headers).map(String::from);
            assert_eq!(found, next.map(|path| format!("{host}{path}")), "{link}");
        }
        assert_eq!(next_page(&url, &HeaderMap::new()), None);
    }
}
