//! What a repository lists: its tags, and the manifests that refer to one of its manifests (OCI
//! distribution spec v1.1, "Listing Tags" and "Listing Referrers").

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::value::RawValue;

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

/// Of a list of referrers, so many are kept, and of all of them so many annotations: a list may be long, and what it lists is
/// anybody's.
const REFERRERS_MAX: usize = 16 << 10;
const ANNOTATIONS_MAX: usize = 64 << 10;
/// A referrer of more bytes is not kept.
const REFERRER_BYTES: usize = 16 << 10;

#[derive(Deserialize)]
struct ReferrerPage<'a> {
    #[serde(borrow)]
    manifests: Vec<&'a RawValue>,
}

/// Referrers, as many as are kept.
#[derive(Default)]
struct Referrers {
    found: Vec<Descriptor>,
    annotations: usize,
}

impl Referrers {
    /// Keeps those of `page`, but for what is no descriptor: what one client wrote keeps nobody from what others did.
    fn add(&mut self, page: &ReferrerPage<'_>) {
        let short = page.manifests.iter().filter(|entry| entry.get().len() <= REFERRER_BYTES);
        for entry in short.filter_map(|entry| serde_json::from_str::<Descriptor>(entry.get()).ok())
        {
            self.annotations += entry.annotations.as_ref().map_or(0, BTreeMap::len);
            if self.found.len() == REFERRERS_MAX || self.annotations > ANNOTATIONS_MAX {
                break;
            }
            self.found.push(entry);
        }
    }
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

/// The manifests that name `subject` as their subject, [`REFERRERS_MAX`] of them at most: those that the registry lists itself, or
/// if it does not list them, or makes nothing sensible of the question, those in the index that clients keep under the referrers
/// tag.
pub(super) async fn referrers(
    session: &Session,
    subject: Digest,
) -> Result<Vec<Descriptor>, ImageError> {
    let mut referrers = Referrers::default();
    let mut add = |bytes: &[u8]| {
        let page = serde_json::from_slice(bytes)
            .map_err(|_| session.protocol("its list of referrers is no index"))?;
        referrers.add(&page);
        Ok(())
    };
    let first = session.url(&format!("referrers/{subject}")).await?;
    let unlisted = match each_page(session, first, "listing referrers", &mut add).await {
        Ok(true) => return Ok(referrers.found),
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
    Ok(referrers.found)
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
    fn of_lists_without_end_so_much_is_kept_that_memory_is_bounded() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let entry = |annotations: usize| {
            let notes: Vec<_> = (0..annotations).map(|key| format!("\"{key}\":\"\"")).collect();
            let notes = notes.join(",");
            format!("{{\"digest\":\"{digest}\",\"size\":1,\"annotations\":{{{notes}}}}}")
        };
        for (annotations, count, kept) in [
            (1, 10, 10),
            (0, REFERRERS_MAX + 1, REFERRERS_MAX),
            (1_000, 2 * ANNOTATIONS_MAX / 1_000, ANNOTATIONS_MAX / 1_000),
            (REFERRER_BYTES / 8, 1, 0),
        ] {
            let list = vec![entry(annotations); count].join(",");
            let page = format!("{{\"manifests\":[1,{list}]}}");
            let mut referrers = Referrers::default();
            referrers.add(&serde_json::from_str(&page).expect("a page"));
            assert_eq!(referrers.found.len(), kept, "{count} referrers of {annotations} notes");
        }
    }

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
