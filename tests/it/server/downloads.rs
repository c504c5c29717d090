//! v2: a URL that carries its own permission, and a file that can be had in pieces.

use super::Scene;
use crate::installation::{Answer, ServerProcess};

/// The path and query of a v2 delta's URL, from the host that the client asked.
fn location(scene: &Scene) -> String {
    let answer = scene.ask_on(2);
    assert_eq!((answer.status, answer.body.len()), (302, 0));
    let url = answer.header("location").expect("a location").to_owned();
    let origin = format!("http://{}", scene.server.address());
    url.strip_prefix(&origin).unwrap_or_else(|| panic!("{url}")).to_owned()
}

fn fetch(server: &ServerProcess, target: &str, range: &str) -> Answer {
    let headers = if range.is_empty() { vec![] } else { vec![("Range", range)] };
    server.ask("GET", target, &headers)
}

#[test]
fn the_file_comes_whole_first_and_in_pieces_after() {
    let scene = Scene::new(&[]);
    let target = location(&scene);
    // No credentials.
    let whole = scene.server.ask("GET", &target, &[("Accept-Encoding", "gzip, deflate, br, zstd")]);
    assert_eq!(whole.status, 200);
    let size = whole.body.len();
    assert!(size > 0);
    assert_eq!(whole.header("content-length"), Some(size.to_string().as_str()));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-encoding"), None);
    assert_eq!(whole.header("transfer-encoding"), None);

    let middle = size / 2;
    for (range, status, part) in [
        ("bytes=0-".to_owned(), 206, Some(0..size)),
        (format!("bytes={middle}-"), 206, Some(middle..size)),
        (format!("bytes={}-", size - 1), 206, Some(size - 1..size)),
        (format!("bytes=1-{middle}"), 206, Some(1..middle + 1)),
        ("bytes=-5".to_owned(), 206, Some(size - 5..size)),
        (format!("bytes={size}-"), 416, None),
        ("lines=1-".to_owned(), 200, Some(0..size)),
        ("bytes=5-2".to_owned(), 200, Some(0..size)),
    ] {
        let answer = fetch(&scene.server, &target, &range);
        assert_eq!(answer.status, status, "{range}");
        let Some(part) = part else {
            assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()));
            continue;
        };
        assert!(answer.body == whole.body[part.clone()], "{range}");
        if status == 206 {
            let expected = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            assert_eq!(answer.header("content-range"), Some(expected.as_str()));
        }
    }
    let head = scene.server.ask("HEAD", &target, &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.header("content-length"));
}

#[test]
fn a_changed_or_expired_url_is_403_and_another_file_stays_unread() {
    let scene = Scene::new(&[]);
    let good = location(&scene);
    let (path, query) = good.split_once('?').expect("signed");
    let signature = query.split("signature=").nth(1).expect("a signature");
    let before = scene.installation.proxy.requests().len();
    let (last, rest) = (path.len() - 1, &path[..path.len() - 1]);
    let other = if &path[last..] == "0" { "1" } else { "0" };
    for bad in [
        path.to_owned(),
        format!("{path}?"),
        format!("{rest}{other}?{query}"),
        format!("{path}?{}", query.replace("expires=1", "expires=2")),
        format!("{path}?expires=99999999999&signature={signature}"),
        format!("{path}?signature={signature}"),
        format!("{path}?{query}&{query}"),
        format!("{path}?{query}A"),
        format!("{path}?{}", &query[..query.len() - 1]),
        format!("{path}?{}", query.to_ascii_uppercase()),
        format!("{path}/../../jobs.sqlite?{query}"),
        format!("{path}%00?{query}"),
        format!("{path}/x?{query}"),
    ] {
        let answer = fetch(&scene.server, &bad, "");
        assert!([403, 404].contains(&answer.status), "{bad}: {}", answer.status);
    }
    assert_eq!(scene.installation.proxy.requests().len(), before);
    assert_eq!(fetch(&scene.server, &good, "").status, 200);

    let scene = Scene::new(&[("REMORA_DOWNLOAD_EXPIRY", "1s")]);
    let url = location(&scene);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(fetch(&scene.server, &url, "").status, 403);
    // A device asks again then.
    assert_eq!(fetch(&scene.server, &location(&scene), "").status, 200);
}

#[test]
fn urls_outlive_a_restart_and_what_they_give_stays_the_same() {
    let mut scene = Scene::new(&[]);
    let url = location(&scene);
    let first = fetch(&scene.server, &url, "").body;
    scene.restart(&[]);
    assert!(fetch(&scene.server, &url, "").body == first);
    assert!(fetch(&scene.server, &location(&scene), "").body == first);
    assert!(fetch(&scene.server, &url, "bytes=10-").body == first[10..]);
}

#[test]
fn the_url_is_what_the_client_can_reach() {
    let scene = Scene::new(&[("REMORA_PUBLIC_URL", "https://delta.openbalena.test/")]);
    let answer = scene.ask_on(2);
    let url = answer.header("location").expect("a location");
    assert!(url.starts_with("https://delta.openbalena.test/api/v2/"), "{url}");

    for (trusted, expected) in
        [("127.0.0.0/8", "https://d.test/"), ("10.0.0.0/8", "http://d.test/")]
    {
        let scene = Scene::new(&[("REMORA_TRUSTED_PROXIES", trusted)]);
        let target = format!(
            "/api/v2/delta?src={}&dest={}&wait=true",
            scene.base.reference, scene.target.reference
        );
        let bearer = format!("Bearer {}", scene.token);
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Host", "d.test"),
            ("X-Forwarded-Proto", "https"),
        ];
        let answer = scene.server.ask("GET", &target, &headers);
        let url = answer.header("location").expect("a location");
        assert!(url.starts_with(expected), "{url}");
    }
}

#[test]
fn a_file_that_is_gone_is_made_again() {
    let scene = Scene::new(&[]);
    let first = fetch(&scene.server, &location(&scene), "").body;
    let mut removed = 0;
    remove_files(&scene.installation.path("deltas"), &first, &mut removed);
    assert_eq!(removed, 1);
    assert!(fetch(&scene.server, &location(&scene), "").body == first);
}

/// Removes every file below `folder` that holds exactly this.
fn remove_files(folder: &std::path::Path, content: &[u8], removed: &mut usize) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            remove_files(&path, content, removed);
        } else if std::fs::read(&path).is_ok_and(|found| found == content) {
            std::fs::remove_file(path).expect("removed");
            *removed += 1;
        }
    }
}
