//! The page's style, script and icon. Each is served under a name that says its content, so that browsers may
//! keep it for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::answer::{answer, refuse};
use crate::image::Digest;

/// Digits of its digest that a name has.
const DIGITS: usize = 16;
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file that is part of the program.
pub(super) struct Asset {
    content: &'static str,
    kind: &'static str,
    name: LazyLock<String>,
}

pub(super) static STYLE: Asset = Asset {
    content: include_str!("assets/page.css"),
    kind: "text/css; charset=utf-8",
    name: LazyLock::new(|| name(include_str!("assets/page.css"), "css")),
};

pub(super) static SCRIPT: Asset = Asset {
    content: include_str!("assets/page.js"),
    kind: "text/javascript; charset=utf-8",
    name: LazyLock::new(|| name(include_str!("assets/page.js"), "js")),
};

pub(super) static ICON: Asset = Asset {
    content: include_str!("assets/icon.svg"),
    kind: "image/svg+xml",
    name: LazyLock::new(|| name(include_str!("assets/icon.svg"), "svg")),
};

impl Asset {
    /// The path that it is served at.
    pub(super) fn path(&self) -> String {
        format!("/assets/{}", *self.name)
    }
}

fn name(content: &str, extension: &str) -> String {
    let digest = Digest::of(content.as_bytes()).to_string();
    let digits = digest.rsplit(':').next().unwrap_or_default();
    format!("{}.{extension}", &digits[..DIGITS])
}

/// Answers with the file of this name.
pub(super) async fn get(Path(name): Path<String>) -> Response {
    let all = [&STYLE, &SCRIPT, &ICON];
    let Some(asset) = all.into_iter().find(|asset| *asset.name == name) else {
        // A page of another version asks for it, during an upgrade.
        return refuse(StatusCode::NOT_FOUND, "there is no such file");
    };
    let mut found = answer(StatusCode::OK, asset.kind, asset.content);
    found.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_says_the_content_and_nothing_else_is_served() {
        for asset in [&STYLE, &SCRIPT, &ICON] {
            let name = asset.path().trim_start_matches("/assets/").to_owned();
            let found = get(Path(name)).await;
            assert_eq!(
                (found.status(), &found.headers()[CACHE_CONTROL]),
                (StatusCode::OK, &FOR_EVER)
            );
        }
        for name in ["", "page.css", "../mod.rs", "0000000000000000.css"] {
            assert_eq!(get(Path(name.to_owned())).await.status(), StatusCode::NOT_FOUND);
        }
    }
}
