//! More jobs than fit on a page.

use std::collections::BTreeSet;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::Scene;
use crate::installation::BUILDER_TOKEN;

/// Jobs of a page, and more of them than two pages have.
const PAGE: usize = 50;
const JOBS: usize = 2 * PAGE + 23;

/// Rows of the table of jobs: every third failed, the others are ready.
const ROWS: &str = "\
    WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 122)
    INSERT INTO jobs (format, source_repository, source_digest, target_repository, target_digest, fleet,
        release, state, crashes, last_used, tag, digest, bytes, pull_bytes, commands, seconds, cause, message,
        expires)
    SELECT 'v3', 'v2/source' || (n % 7), 'sha256:' || printf('%064x', n), 'v2/target' || (n % 5),
        'sha256:' || printf('%064x', n + 1000000), 'fleet' || (n % 3), FALSE,
        CASE WHEN n % 3 = 0 THEN 'failed' ELSE 'ready' END, 0, unixepoch() * 1000, 'delta-' || n,
        'sha256:' || printf('%064x', n + 2000000), 1000 + n, 100000, 3, 0.5, 'refused', 'reason ' || n,
        unixepoch() * 1000 + 3600000
    FROM numbers";

/// The numbers of the jobs on a page, and where the next page is.
fn read(text: &str) -> (Vec<u64>, Option<String>) {
    let rows = text.split("href=\"/delta?").skip(1);
    let numbers = rows.map(|row| {
        let digest = row.split("sha256%3A").nth(1).expect("a source");
        u64::from_str_radix(&digest[..64], 16).expect("a number")
    });
    let next = text.split("rel=\"next\" href=\"").nth(1);
    let next = next.and_then(|it| it.split('"').next()).map(|it| it.replace("&amp;", "&"));
    (numbers.collect(), next)
}

async fn insert(path: &std::path::Path) {
    let file = SqliteConnectOptions::new().filename(path);
    let mut connection: SqliteConnection = file.connect().await.expect("there");
    connection.execute(ROWS).await.expect("written");
    connection.close().await.expect("closed");
}

#[test]
fn every_job_is_on_one_page_newest_first() {
    let mut scene = Scene::new(&[]);
    scene.server.terminate();
    scene.server.wait();
    let path = scene.installation.path("deltas").join("jobs.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(insert(&path));
    scene.server = scene.installation.serve(&[]);
    let session = scene.session(BUILDER_TOKEN);
    let all: Vec<u64> = (0..JOBS as u64).rev().collect();
    let failed = |number: &u64| number.is_multiple_of(3);
    for (query, expected) in [
        ("", all.clone()),
        ("?state=failed", all.iter().copied().filter(failed).collect()),
        ("?state=ready", all.iter().copied().filter(|it| !failed(it)).collect()),
        ("?repository=v2/target2", all.iter().copied().filter(|it| it % 5 == 2).collect()),
        (
            "?repository=v2/source2&state=failed",
            all.iter().copied().filter(|it| it % 7 == 2 && failed(it)).collect(),
        ),
        ("?repository=v2/nowhere", Vec::new()),
        ("?state=pending", Vec::new()),
    ] {
        let (mut found, mut next) = (Vec::new(), Some(format!("/jobs{query}")));
        while let Some(path) = next {
            let page;
            (page, next) = read(&scene.see(&path, &session).text());
            assert!(page.len() <= PAGE && (next.is_none() || page.len() == PAGE));
            found.extend(page);
        }
        assert_eq!(found, expected, "{query}");
    }
    let overview = scene.see("/", &session).text();
    let (shown, _) = read(&overview);
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>().len(), 16);
    assert!(overview.contains("<dd>82</dd>") && overview.contains("<dd>41</dd>"), "{overview}");
}
