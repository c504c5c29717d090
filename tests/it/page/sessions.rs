//! Who sees what, and which requests are taken.

use serde_json::json;

use super::{Images, Scene};
use crate::installation::{Answer, BUILDER_TOKEN, Claims};

const FORM: &str = "application/x-www-form-urlencoded";
const PROXY: [(&str, &str); 1] = [("REMORA_TRUSTED_PROXIES", "127.0.0.0/8")];

impl Scene {
    /// Sends the form to sign in, with these headers beside those that a browser sends.
    fn sign_in(&self, credential: &str, more: &[(&str, &str)]) -> Answer {
        let own = self.url("");
        let mut headers = vec![("Content-Type", FORM), ("Origin", &*own)];
        headers.extend(more);
        self.server.post("/sign-in", &headers, &format!("credential={credential}"))
    }

    /// The session of somebody with this credential, as browsers send it.
    pub(super) fn session(&self, credential: &str) -> String {
        let answer = self.sign_in(credential, &[]);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/")),
            "{}",
            answer.text()
        );
        cookie(&answer)
    }

    pub(super) fn see(&self, path: &str, session: &str) -> Answer {
        self.server.ask("GET", path, &[("Cookie", session)])
    }

    fn retry(&self, images: &Images, headers: &[(&str, &str)]) -> Answer {
        let name = |image: &crate::installation::Pushed| {
            let (_, digest) = image.reference.split_once('@').expect("by digest");
            format!("{}@{digest}", image.repository)
        };
        let (source, target) = (name(&images.base), name(&images.target));
        let body = format!("format=v3&source={source}&target={target}");
        let headers = [&[("Content-Type", FORM)], headers].concat();
        self.server.post("/retry", &headers, &body)
    }
}

fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';').next().expect("a value").to_owned()
}

#[test]
fn a_cookie_is_kept_from_scripts_and_other_sites_and_ends() {
    let scene = Scene::new(&PROXY);
    let set = |more: &[(&str, &str)]| {
        let answer = scene.sign_in(BUILDER_TOKEN, more);
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("set-cookie").expect("a cookie").to_owned()
    };
    let plain = set(&[]);
    let (value, rest) = plain.split_once(';').expect("attributes");
    assert_eq!(rest, " Path=/; Max-Age=28800; HttpOnly; SameSite=Strict");
    assert!(!value.contains(BUILDER_TOKEN) && value.starts_with("remora="));
    // A proxy that is trusted says that the client came by TLS.
    let secure = set(&[("X-Forwarded-Proto", "https")]);
    assert!(secure.starts_with("__Host-remora=") && secure.ends_with("; Secure"), "{secure}");
    // Each is taken where it belongs.
    let secure = secure.split(';').next().expect("a value");
    let seen = |headers: &[(&str, &str)]| {
        scene.server.ask("GET", "/", headers).text().contains("Sign out")
    };
    assert!(seen(&[("Cookie", value)]));
    assert!(seen(&[("Cookie", secure), ("X-Forwarded-Proto", "https")]));
    assert!(!seen(&[("Cookie", secure)]));
    assert!(!seen(&[("Cookie", value), ("X-Forwarded-Proto", "https")]));
    assert!(!seen(&[("Cookie", &value[..value.len() - 1])]));
    assert!(!seen(&[]));
    // One that a token makes ends with the token.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after");
    let claims = Claims::new(&scene.installation.registry_host(), &["v2/a"]);
    let soon = claims.with("exp", json!(now.as_secs() + 600));
    let short = scene.sign_in(&scene.installation.api.token(&soon), &[]);
    let short = short.header("set-cookie").expect("a cookie").to_owned();
    let seconds = short.split("Max-Age=").nth(1).and_then(|it| it.split(';').next());
    let seconds: u64 = seconds.expect("an age").parse().expect("seconds");
    assert!((500..=611).contains(&seconds), "{short}");
}

#[test]
fn answers_tell_browsers_to_run_nothing_that_is_not_ours() {
    let scene = Scene::new(&[]);
    let session = scene.session(BUILDER_TOKEN);
    for path in ["/", "/jobs", "/delta"] {
        let answer = scene.see(path, &session);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let text = answer.text();
        assert!(
            !text.contains("style=") && !text.contains("<style") && !text.contains("javascript:")
        );
        for asset in text.split('"').filter(|part| part.starts_with("/assets/")) {
            let answer = scene.server.ask("GET", asset, &[]);
            assert_eq!(answer.status, 200, "{asset}");
            assert!(answer.header("cache-control").expect("told").contains("immutable"));
        }
    }
}

#[test]
fn a_form_of_another_site_is_not_taken() {
    let scene = Scene::new(&[]);
    let (own, session) = (scene.url(""), scene.session(BUILDER_TOKEN));
    let failed = scene.failed(0, "fleet");
    for headers in [
        &[][..],
        &[("Origin", "http://evil.example")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
        &[("Origin", &*own), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        let with_cookie = [headers, &[("Cookie", &*session)]].concat();
        assert_eq!(scene.retry(&failed, &with_cookie).status, 403, "{headers:?}");
        for path in ["/sign-in", "/sign-out"] {
            let headers = [headers, &[("Content-Type", FORM)]].concat();
            let answer = scene.server.post(path, &headers, &format!("credential={BUILDER_TOKEN}"));
            assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{headers:?}");
        }
    }
    assert_eq!(scene.state(&failed), "failed");
    // Without a session a form of our own does nothing.
    assert_eq!(scene.retry(&failed, &[("Origin", &own)]).header("location"), Some("/"));
    assert_eq!(scene.state(&failed), "failed");
    let answer = scene.retry(&failed, &[("Origin", &own), ("Cookie", &session)]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    scene.until_state(&failed, "ready");
    let out = scene.server.post("/sign-out", &[("Sec-Fetch-Site", "same-origin")], "");
    assert_eq!(cookie(&out), "remora=");
}

#[test]
fn a_token_shows_what_it_may_pull_and_has_nothing_tried_again() {
    let scene = Scene::new(&[]);
    let (mine, other) = (scene.ready(0, "secret-fleet"), scene.ready(1, "other-fleet"));
    let failed = scene.failed(2, "secret-fleet");
    let session = scene.session(&scene.token(&[&mine, &failed]));
    let page = |path: &str| scene.see(path, &session).text();
    for path in [
        "/",
        "/jobs",
        "/jobs?state=ready",
        &format!("/jobs?repository={}", other.target.repository),
    ] {
        let text = page(path);
        assert!(!text.contains(&other.base.repository[..20]), "{path}");
        // The filter shows what was typed.
        let rows = text.split("class=\"jobs\"").nth(1).unwrap_or_default();
        assert!(!rows.contains(&other.target.repository), "{path}");
        assert!(!text.contains("other-fleet") && !text.contains("/retry"), "{path}");
    }
    assert!(page("/jobs").contains(&mine.target.repository));
    assert!(!page("/").contains("Disk of this server"));
    let delta = |images: &Images| {
        let digest = |reference: &str| reference.split_once('@').expect("by digest").1.to_owned();
        let (base, target) = (&images.base, &images.target);
        format!(
            "/delta?format=v3&source={}@{}&target={}@{}",
            base.repository,
            digest(&base.reference),
            target.repository,
            digest(&target.reference)
        )
    };
    assert_eq!(scene.see(&delta(&mine), &session).status, 200);
    assert_eq!(scene.see(&delta(&other), &session).status, 404);
    let own = scene.url("");
    let answer = scene.retry(&failed, &[("Origin", &own), ("Cookie", &session)]);
    assert_eq!(answer.status, 403);
    assert_eq!(scene.state(&failed), "failed");
    // Only half of a pair is not enough.
    let half = scene.session(&scene.installation.token(&[&mine.target.repository]));
    assert_eq!(scene.see(&delta(&mine), &half).status, 404);
    assert!(scene.see("/jobs", &half).text().contains("There is no such job."));
}

#[test]
fn changes_are_told_to_those_who_may_see_them() {
    let scene = Scene::new(&[]);
    assert_eq!(scene.see("/changes", "remora=x.y").status, 401);
    let (mine, other) = (scene.images(0), scene.images(1));
    let session = scene.session(&scene.token(&[&mine]));
    let headers = [("Cookie", &*session)];
    let mut stream = scene.server.begin("GET", "/changes", &headers, b"").into_stream();
    let mut text = String::new();
    let mut until = |wanted: &str| {
        let mut buffer = [0; 4096];
        while !text.contains(wanted) {
            let read = std::io::Read::read(&mut stream, &mut buffer).expect("it goes on");
            assert!(read > 0, "the stream ended: {text}");
            text += &String::from_utf8_lossy(&buffer[..read]);
        }
        text.clone()
    };
    until("text/event-stream");
    scene.prepare(&other, "fleet");
    scene.until_state(&other, "ready");
    scene.prepare(&mine, "fleet");
    scene.until_state(&mine, "ready");
    let told = until("\"state\":\"ready\"");
    let jobs: std::collections::HashSet<&str> =
        told.split("\"job\":\"").skip(1).filter_map(|it| it.split('"').next()).collect();
    assert_eq!(jobs.len(), 1, "{told}");
    assert!(!told.contains("v2/"), "no image is named: {told}");
}

#[test]
fn who_fails_too_often_waits_as_strangers_do() {
    let scene = Scene::new(&[("REMORA_RATE_LIMIT", "6"), ("REMORA_RATE_BURST", "3")]);
    let statuses: Vec<u16> = (0..5).map(|_| scene.sign_in("wrong", &[]).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert!(scene.sign_in("wrong", &[]).header("retry-after").is_some());
    // The builder is let in all the same, and a token that permits nothing never.
    let session = scene.session(BUILDER_TOKEN);
    assert!((0..20).all(|_| scene.see("/", &session).status == 200));
    let nothing = scene.installation.token(&[]);
    assert_eq!(scene.sign_in(&nothing, &[]).status, 403);
    // A token's session has the allowance of its device.
    let other =
        Claims::new(&scene.installation.registry_host(), &["v2/a"]).with("sub", json!("someone"));
    let session = scene.session(&scene.installation.api.token(&other));
    let statuses: Vec<u16> = (0..4).map(|_| scene.see("/", &session).status).collect();
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[test]
fn any_server_with_the_same_keys_takes_a_session() {
    let key = "0123456789abcdef0123456789abcdef";
    let scene = Scene::new(&[("REMORA_DOWNLOAD_KEY", key)]);
    let session = scene.session(BUILDER_TOKEN);
    let serve = |name: &str, more: &[(&str, &str)]| {
        let data = scene.installation.path(name).display().to_string();
        let settings = [&[("REMORA_DATA", &*data)], more].concat();
        scene.installation.serve(&settings)
    };
    let (same, other) = (serve("b", &[("REMORA_DOWNLOAD_KEY", key)]), serve("c", &[]));
    let rotated =
        [("REMORA_DOWNLOAD_KEY", key), ("TOKEN_AUTH_BUILDER_TOKEN", "another-builder-token")];
    let rotated = serve("d", &rotated);
    for (server, is_taken) in [(&same, true), (&other, false), (&rotated, false)] {
        let text = server.ask("GET", "/", &[("Cookie", &session)]).text();
        assert_eq!(text.contains("Sign out"), is_taken);
    }
}

#[test]
fn odd_forms_are_refused() {
    let scene = Scene::new(&[]);
    let own = scene.url("");
    let session = scene.session(BUILDER_TOKEN);
    let long = format!("credential={}", "x".repeat(40_000));
    for (path, kind, body, status) in [
        ("/sign-in", "application/json", "{}", 415),
        ("/sign-in", "text/plain", "credential=a", 415),
        ("/sign-in", FORM, "a=b", 400),
        ("/sign-in", FORM, "credential=%ff%fe", 401),
        ("/sign-in", FORM, &*long, 413),
        ("/retry", FORM, "", 400),
        ("/retry", FORM, "format=v3&source=a&target=b", 400),
        ("/retry", FORM, "format=v9&source=a@sha256:00&target=b", 400),
    ] {
        let headers = [("Content-Type", kind), ("Origin", &*own), ("Cookie", &*session)];
        let answer = scene.server.post(path, &headers, body);
        assert_eq!(answer.status, status, "{path} {kind} {}", &body[..body.len().min(60)]);
    }
    for path in ["/sign-in", "/sign-out", "/retry"] {
        assert_eq!(scene.see(path, &session).status, 405);
    }
}
