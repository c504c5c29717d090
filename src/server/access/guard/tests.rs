use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::RateSettings;
use super::super::test_issuer::*;
use super::*;

const DEVICE: &str = "192.0.2.7:40000";
const BUILDER: &str = "10.1.2.3:40000";
const SECRET: &str = "builder-secret-of-the-installation";

struct House {
    issuer: Issuer,
    guard: Guard,
    _folder: TempDir,
}

/// A guard with these changes to the settings that an installation has.
fn house(change: impl FnOnce(&mut AccessSettings)) -> House {
    let issuer = Issuer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = AccessSettings {
        tokens: issuer.settings(folder.path()),
        builder_token: Some(SECRET.to_owned()),
        rate: None,
        empty_access_networks: vec![],
        trusted_proxies: vec![],
    };
    change(&mut settings);
    House { issuer, guard: Guard::new(settings).expect("keys"), _folder: folder }
}

fn peer(text: &str) -> SocketAddr {
    text.parse().expect(text)
}

fn with(authorization: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(authorization).expect("a header");
    headers.insert(header::AUTHORIZATION, value);
    headers
}

impl House {
    fn bearer(&self, access: Value) -> HeaderMap {
        let mut claims = claims(SystemTime::now());
        claims["access"] = access;
        with(&format!("Bearer {}", self.issuer.token(&claims)))
    }

    fn ask(&self, headers: &HeaderMap, from: &str) -> Result<Caller, Denied> {
        self.guard.authorize(headers, peer(from), &[SOURCE, TARGET])
    }
}

fn both() -> Value {
    json!([pull(SOURCE), pull(TARGET)])
}

fn kind(result: Result<Caller, Denied>) -> &'static str {
    match result {
        Ok(_) => "let in",
        Err(Denied::Unauthenticated(_)) => "401",
        Err(Denied::Forbidden(_)) => "403",
        Err(Denied::TooMany { .. }) => "503",
    }
}

#[test]
fn a_device_with_its_token_is_let_in() {
    let house = house(|_| {});
    let caller = house.ask(&house.bearer(both()), DEVICE);
    assert_eq!(caller, Ok(Caller::Token { subject: "d_0123".to_owned() }));
}

#[test]
fn not_known_and_not_allowed_are_told_apart() {
    let house = house(|_| {});
    let stranger = Issuer::new().token(&claims(SystemTime::now()));
    let expired =
        house.issuer.token(&claims(SystemTime::now() - std::time::Duration::from_secs(20_000)));
    for (headers, expected) in [
        (HeaderMap::new(), "401"),
        (with("Bearer"), "401"),
        (with("Bearer x"), "401"),
        (with(&format!("Bearer {stranger}")), "401"),
        (with(&format!("Bearer {expired}")), "401"),
        (with(&format!("Bearer {SECRET}")), "401"),
        (with(&format!("Basic {}", STANDARD.encode(format!("builder:{SECRET}")))), "401"),
        (house.bearer(json!([])), "403"),
        (house.bearer(json!([pull(SOURCE)])), "403"),
        (house.bearer(json!([pull(TARGET)])), "403"),
        (house.bearer(json!([pull(SOURCE), { "type": "repository", "name": TARGET, "actions": ["push"] }])), "403"),
        (house.bearer(both()), "let in"),
    ] {
        assert_eq!(kind(house.ask(&headers, DEVICE)), expected, "{headers:?}");
    }
}

#[test]
fn a_good_token_for_nothing_at_all_permits_nothing() {
    let house = house(|_| {});
    let result = house.guard.authorize(&house.bearer(both()), peer(DEVICE), &[]);
    assert_eq!(kind(result), "403");
}

#[test]
fn a_refusal_is_one_line_without_the_credential() {
    let house = house(|_| {});
    let good = house.bearer(json!([]));
    let token = good[header::AUTHORIZATION].to_str().expect("text")["Bearer ".len()..].to_owned();
    let tampered = format!("{}AAAA", &token[..token.len() - 4]);
    for secret in [token, tampered, "hunter2".to_owned(), format!("{SECRET}x")] {
        for scheme in ["Bearer", "Basic", "Token"] {
            let headers = with(&format!("{scheme} {secret}"));
            let builder = house.guard.authorize_builder(&headers, peer(DEVICE));
            for denied in [house.ask(&headers, DEVICE).err(), builder.err()].into_iter().flatten() {
                let text = denied.to_string();
                assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
                assert!(secret.split('.').all(|part| !text.contains(part)), "{text}");
            }
        }
    }
}

#[test]
fn empty_access_is_taken_from_named_networks_only() {
    let closed = house(|_| {});
    let opened = house(|settings| {
        settings.empty_access_networks = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    for (house, access, from, expected) in [
        (&closed, json!([]), BUILDER, "403"),
        (&opened, json!([]), BUILDER, "let in"),
        (&opened, json!([]), "[::ffff:10.1.2.3]:40000", "let in"),
        (&opened, json!([]), DEVICE, "403"),
        (&opened, json!([pull(SOURCE)]), BUILDER, "403"),
        (&opened, both(), BUILDER, "let in"),
        (&opened, both(), DEVICE, "let in"),
    ] {
        assert_eq!(kind(house.ask(&house.bearer(access), from)), expected, "{from}");
    }
    assert_eq!(opened.ask(&opened.bearer(json!([])), BUILDER), Ok(Caller::TrustedNetwork));
    let stranger = Issuer::new().token(&claims(SystemTime::now()));
    assert_eq!(kind(opened.ask(&with(&format!("Bearer {stranger}")), BUILDER)), "401");
    assert_eq!(kind(opened.ask(&HeaderMap::new(), BUILDER)), "401");
}

#[test]
fn nobody_writes_himself_into_a_network() {
    let networks = |settings: &mut AccessSettings| {
        settings.empty_access_networks = vec!["10.0.0.0/8".parse().expect("a network")];
        settings.trusted_proxies = vec!["172.16.0.0/12".parse().expect("a network")];
    };
    let house = house(networks);
    for (from, forwarded, expected) in [
        (DEVICE, "10.1.2.3", "403"),
        ("172.16.0.2:1", "10.1.2.3", "let in"),
        ("172.16.0.2:1", "10.1.2.3, 192.0.2.7", "403"),
        ("172.16.0.2:1", "192.0.2.7, 10.1.2.3", "let in"),
        ("172.16.0.2:1", "nonsense", "403"),
        ("172.16.0.2:1", "10.1.2.3, nonsense", "403"),
    ] {
        let mut headers = house.bearer(json!([]));
        headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
        assert_eq!(kind(house.ask(&headers, from)), expected, "{from} {forwarded}");
    }
}

fn three(settings: &mut AccessSettings) {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    settings.rate = Some(RateSettings { per_minute: number(1), burst: number(3) });
}

/// A token of `subject` that differs from others of the same subject by `number`.
fn numbered(house: &House, subject: &str, number: u32) -> HeaderMap {
    let mut claims = claims(SystemTime::now());
    (claims["sub"], claims["jti"]) = (json!(subject), json!(number.to_string()));
    with(&format!("Bearer {}", house.issuer.token(&claims)))
}

#[test]
fn a_device_that_asks_too_often_waits_whatever_token_it_shows_and_others_do_not() {
    let house = house(three);
    for number in 0..3 {
        assert_eq!(kind(house.ask(&numbered(&house, "d_1", number), DEVICE)), "let in");
    }
    for from in [DEVICE, BUILDER] {
        match house.ask(&numbered(&house, "d_1", 3), from) {
            Err(Denied::TooMany { retry_after }) => {
                assert!((1..=60).contains(&retry_after.as_secs()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(kind(house.ask(&numbered(&house, "d_2", 0), DEVICE)), "let in");
}

#[test]
fn tokens_that_name_nobody_are_counted_by_network() {
    let house = house(three);
    for number in 0..3 {
        assert_eq!(kind(house.ask(&numbered(&house, "", number), "[2001:db8::1]:1")), "let in");
    }
    assert_eq!(kind(house.ask(&numbered(&house, "", 3), "[2001:db8::2]:1")), "503");
    assert_eq!(kind(house.ask(&numbered(&house, "", 3), DEVICE)), "let in");
}

#[test]
fn forged_tokens_are_counted_before_their_signatures_are_checked() {
    let house = house(three);
    let known = numbered(&house, "d_1", 0);
    assert_eq!(kind(house.ask(&known, DEVICE)), "let in");
    // Three failures, and after them ten times as many checks.
    for number in 0..40 {
        let stranger = numbered(&self::house(|_| {}), "d_9", number);
        assert_ne!(kind(house.ask(&stranger, DEVICE)), "let in");
    }
    // Nothing more is checked, not even what would hold; what is known to hold still does.
    assert_eq!(kind(house.ask(&numbered(&house, "d_2", 0), DEVICE)), "503");
    assert_eq!(kind(house.ask(&known, DEVICE)), "let in");
    assert_eq!(kind(house.ask(&numbered(&house, "d_2", 0), BUILDER)), "let in");
}

#[test]
fn an_address_that_fails_too_often_waits_and_its_neighbours_with_tokens_do_not() {
    let house = house(three);
    for number in 0..3 {
        assert_eq!(kind(house.ask(&with(&format!("Bearer x{number}")), DEVICE)), "401");
    }
    assert_eq!(kind(house.ask(&with("Bearer y"), DEVICE)), "503");
    assert_eq!(kind(house.guard.authorize_builder(&with("Bearer z"), peer(DEVICE))), "503");
    assert_eq!(kind(house.ask(&house.bearer(both()), DEVICE)), "let in");
    assert_eq!(kind(house.ask(&with("Bearer y"), BUILDER)), "401");
}

#[test]
fn only_the_builder_prepares() {
    let house = house(|_| {});
    let ask = |headers: &HeaderMap| house.guard.authorize_builder(headers, peer(BUILDER));
    assert_eq!(ask(&with(&format!("Bearer {SECRET}"))), Ok(Caller::Builder));
    let basic = format!("Basic {}", STANDARD.encode(format!("builder:{SECRET}")));
    assert_eq!(ask(&with(&basic)), Ok(Caller::Builder));
    assert_eq!(kind(ask(&HeaderMap::new())), "401");
    assert_eq!(kind(ask(&house.bearer(both()))), "401");
}

#[test]
fn the_builder_and_whoever_may_have_a_delta_may_watch_it() {
    let house = house(three);
    let watch = |headers: &HeaderMap| {
        house.guard.authorize_watcher(headers, peer(DEVICE), &[SOURCE, TARGET])
    };
    for _ in 0..10 {
        assert_eq!(watch(&with(&format!("Bearer {SECRET}"))), Ok(Caller::Builder));
    }
    assert_eq!(kind(watch(&house.bearer(both()))), "let in");
    assert_eq!(kind(watch(&house.bearer(json!([])))), "403");
    for expected in ["401", "401", "401", "503"] {
        assert_eq!(kind(watch(&with("Bearer x"))), expected, "who may watch was not counted here");
    }
    assert_eq!(
        Guard::open().authorize_watcher(&HeaderMap::new(), peer(DEVICE), &[]),
        Ok(Caller::Anybody)
    );
}

#[test]
fn without_a_builder_credential_nobody_prepares() {
    let house = house(|settings| settings.builder_token = None);
    for headers in [HeaderMap::new(), with("Bearer "), with("Bearer x"), house.bearer(both())] {
        assert_eq!(kind(house.guard.authorize_builder(&headers, peer(BUILDER))), "403");
    }
}

#[test]
fn an_open_guard_lets_everybody_in() {
    let guard = Guard::open();
    for headers in [HeaderMap::new(), with("Bearer x")] {
        let caller = guard.authorize(&headers, peer(DEVICE), &[SOURCE]);
        assert_eq!(caller, Ok(Caller::Anybody));
        assert_eq!(guard.authorize_builder(&headers, peer(DEVICE)), Ok(Caller::Anybody));
    }
}

#[test]
fn settings_that_let_nobody_in_or_anybody_are_refused() {
    let refused = |change: fn(&mut AccessSettings)| {
        let folder = tempfile::tempdir().expect("a folder");
        let tokens = Issuer::new().settings(folder.path());
        let (empty_access_networks, trusted_proxies) = (vec![], vec![]);
        let mut settings = AccessSettings {
            tokens,
            builder_token: None,
            rate: None,
            empty_access_networks,
            trusted_proxies,
        };
        change(&mut settings);
        Guard::new(settings).err().expect("refused").to_string()
    };
    assert_eq!(
        refused(|settings| settings.tokens.key_files.clear()),
        "no key to verify tokens with"
    );
    assert_eq!(refused(|settings| settings.tokens.issuer.clear()), "the issuer is empty");
    assert_eq!(refused(|settings| settings.tokens.audience.clear()), "the audience is empty");
    let empty = refused(|settings| settings.builder_token = Some(String::new()));
    assert_eq!(empty, "the builder token is empty");
}

#[test]
fn the_builder_is_counted_nowhere() {
    let house = house(|settings| {
        three(settings);
        settings.empty_access_networks = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    // The builder's address has used up what strangers and unnamed callers may.
    for number in 0..50 {
        let _ = house.ask(&with(&format!("Bearer x{number}")), BUILDER);
        let _ = house.ask(&numbered(&house, "", number), BUILDER);
    }
    assert_eq!(kind(house.ask(&numbered(&house, "", 0), BUILDER)), "503");
    for _ in 0..50 {
        let builder = with(&format!("Bearer {SECRET}"));
        let from = peer(BUILDER);
        assert_eq!(house.guard.authorize_builder(&builder, from), Ok(Caller::Builder));
        let watcher = house.guard.authorize_watcher(&builder, from, &[SOURCE, TARGET]);
        assert_eq!(watcher, Ok(Caller::Builder));
    }
}

#[test]
fn a_builder_whose_token_permits_nothing_asks_for_whole_releases() {
    let house = house(|settings| {
        three(settings);
        settings.empty_access_networks = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    let mut claims = claims(SystemTime::now());
    (claims["sub"], claims["access"]) = (json!(""), json!([]));
    let token = with(&format!("Bearer {}", house.issuer.token(&claims)));
    for _ in 0..50 {
        assert_eq!(house.ask(&token, BUILDER), Ok(Caller::TrustedNetwork));
    }
}

#[test]
fn each_caller_is_limited_as_one_and_the_trusted_are_not() {
    let house = house(|settings| {
        settings.empty_access_networks = vec!["10.0.0.0/8".parse().expect("a network")];
    });
    let limited =
        |headers: &HeaderMap, from| house.ask(headers, from).expect("let in").limited_as();
    let one = limited(&numbered(&house, "d_1", 0), DEVICE);
    assert_eq!(one, limited(&numbered(&house, "d_1", 1), BUILDER));
    assert_ne!(one, limited(&numbered(&house, "d_2", 0), DEVICE));
    let unnamed = limited(&numbered(&house, "", 0), "[2001:db8::1]:1");
    assert_eq!(unnamed, limited(&numbered(&house, "", 1), "[2001:db8::2]:1"));
    assert!(one.is_some() && unnamed.is_some() && one != unnamed);
    assert_eq!(limited(&house.bearer(json!([])), BUILDER), None);
}
