//! What a repository lists: its tags, and the manifests that refer to one of its manifests (OCI
//! distribution spec v1.1, "Listing Tags" and "Listing Referrers").

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, Url};
use serde::Deserialize;

use super::manifests;
use super::session::{Call, Session};
use crate::image::limits::MAX_MANIFEST_BYTES;
use crate::image::{Descriptor, Digest, ImageError, ManifestDocument, media_type, parse_manifest};

/// Names asked for at once; a registry may give fewer.
const PAGE: usize = 1_000;
/// The most pages that are read: a registry whose pages never end is not followed for ever.
const MAX_PAGES: usize = 100;

#[derive(Deserialize)]
struct TagPage {
    tags: Option<Vec<String>>,
}

/// All tags of the repository, in the registry's order; none if there is no such repository.
pub(super) async fn tags(session: &Session) -> Result<Vec<String>, ImageError> {
    let mut tags = Vec::new();
    let first = session.url(&format!("tags/list?n={PAGE}")).await?;
    for bytes in pages(session, first, "listing tags").await?.unwrap_or_default() {
        let page: TagPage = serde_json::from_slice(&bytes)
            .map_err(|error| session.protocol(format!("its list of tags: {error}")))?;
        tags.extend(page.tags.unwrap_or_default());
    }
    Ok(tags)
}

/// The manifests that name `subject` as their subject: those that the registry lists itself, or if it
/// does not list them, those in the index that clients keep under the referrers tag.
pub(super) async fn referrers(
    session: &Session,
    subject: Digest,
) -> Result<Vec<Descriptor>, ImageError> {
    let first = session.url(&format!("referrers/{subject}")).await?;
    let listed = pages(session, first, "listing referrers").await?;
    let indexes = match listed {
        Some(pages) => pages,
        None => kept_by_clients(session, subject).await?.into_iter().collect(),
    };
    let mut found = Vec::new();
    for bytes in indexes {
        match parse_manifest(&bytes, Some(media_type::OCI_INDEX)) {
            Ok(ManifestDocument::Index(index)) => found.extend(index.manifests),
            _ => return Err(session.protocol("its list of referrers is no index").into()),
        }
    }
    Ok(found)
}

async fn kept_by_clients(
    session: &Session,
    subject: Digest,
) -> Result<Option<Vec<u8>>, ImageError> {
    let index = manifests::fetch(session, &super::referrers::tag(subject)).await?;
    Ok(index.map(|(_, bytes)| bytes))
}

/// The bodies of a list's pages; `None` if the registry has no such list.
async fn pages(
    session: &Session,
    first: Url,
    action: &'static str,
) -> Result<Option<Vec<Vec<u8>>>, ImageError> {
    let mut pages = Vec::new();
    let mut next = Some(first);
    while let Some(url) = next.take() {
        if pages.len() == MAX_PAGES {
            let problem = format!("{action} did not end after {MAX_PAGES} pages");
            return Err(session.protocol(problem).into());
        }
        let call = Call::new(Method::GET, url.clone(), action);
        let page = session.get_start(&call, MAX_MANIFEST_BYTES as usize + 1).await?;
        let Some((headers, body)) = page else { break };
        if body.len() as u64 > MAX_MANIFEST_BYTES {
            let problem = format!("a page of {action} has over {MAX_MANIFEST_BYTES} bytes");
            return Err(session.protocol(problem).into());
        }
        pages.push(body);
        next = match next_page(&url, &headers) {
            Some(next) => Some(session.host.in_own_scheme(next).await?),
            None => None,
        };
        next = next.filter(|next| next.origin() == url.origin());
    }
    Ok((!pages.is_empty()).then_some(pages))
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
