use std::path::Path;

use proptest::prelude::*;
use ring::hmac;
use serde_json::json;
use tempfile::TempDir;

use super::super::test_issuer::*;
use super::*;

fn verifier(issuer: &Issuer) -> (Verifier, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Verifier::new(&issuer.settings(folder.path())).expect("keys"), folder)
}

fn good_claims() -> Value {
    claims(noon())
}

/// The good claims with one member changed, or removed where the value is null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = good_claims();
    let members = claims.as_object_mut().expect("an object");
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    claims
}

#[test]
fn a_devices_token_permits_its_pair_and_nothing_else() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let claims = verifier.verify(&issuer.token(&good_claims()), noon()).expect("valid");
    assert_eq!(claims.subject, "d_0123");
    assert!(!claims.are_empty());
    assert!(claims.allow_pull(&[SOURCE, TARGET]));
    assert!(claims.allow_pull(&[TARGET]));
    for repositories in [
        vec![],
        vec![""],
        vec!["v2/other"],
        vec![SOURCE, "v2/other"],
        vec!["v2/other", TARGET],
        vec![&SOURCE[..SOURCE.len() - 1]],
    ] {
        assert!(!claims.allow_pull(&repositories), "{repositories:?}");
    }
}

#[test]
fn only_pull_on_the_repository_itself_permits() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let entry = |kind: &str, name: &str, actions: &[&str]| json!({ "type": kind, "name": name, "actions": actions });
    for (access, permitted) in [
        (json!([]), false),
        (json!([entry("repository", SOURCE, &["push", "pull"])]), true),
        (json!([entry("repository", SOURCE, &["push"]), pull(SOURCE)]), true),
        (json!([entry("repository", SOURCE, &["push"])]), false),
        (json!([entry("repository", SOURCE, &[])]), false),
        (json!([entry("repository", SOURCE, &["Pull"])]), false),
        (json!([entry("repository", SOURCE, &["pull,push"])]), false),
        (json!([entry("repository", SOURCE, &["*"])]), false),
        (json!([entry("registry", SOURCE, &["pull"])]), false),
        (json!([entry("repository", "*", &["pull"])]), false),
        (json!([entry("repository", "v2/*", &["pull"])]), false),
        (json!([entry("repository", &SOURCE.to_uppercase(), &["pull"])]), false),
        (json!([pull(&format!("registry.example.com/{SOURCE}"))]), false),
    ] {
        let token = issuer.token(&with("access", access.clone()));
        let claims = verifier.verify(&token, noon()).expect("valid");
        assert_eq!(claims.allow_pull(&[SOURCE]), permitted, "{access}");
    }
}

#[test]
fn a_token_without_access_is_valid_and_permits_nothing() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    for access in [Value::Null, json!([])] {
        let mut given = with("access", access);
        given["sub"] = json!("");
        let claims = verifier.verify(&issuer.token(&given), noon()).expect("valid");
        assert_eq!(claims.subject, "");
        assert!(claims.are_empty() && !claims.allow_pull(&[SOURCE]));
    }
}

#[test]
fn claims_decide() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let now = 1_800_000_000_i64;
    for (name, value, expected) in [
        ("iss", json!("api.evil.example"), Err(TokenError::Issuer)),
        ("iss", json!("API.example.com"), Err(TokenError::Issuer)),
        ("iss", json!(""), Err(TokenError::Issuer)),
        ("iss", json!(["api.example.com"]), Err(TokenError::Claims)),
        ("iss", Value::Null, Err(TokenError::Claims)),
        ("aud", json!("registry2.example.com"), Err(TokenError::Audience)),
        ("aud", json!("registry.example.com:443"), Err(TokenError::Audience)),
        ("aud", json!([]), Err(TokenError::Audience)),
        ("aud", json!(["a", "b"]), Err(TokenError::Audience)),
        ("aud", json!(["a", AUDIENCE]), Ok(())),
        ("aud", json!([AUDIENCE]), Ok(())),
        ("aud", json!({ "0": AUDIENCE }), Err(TokenError::Claims)),
        ("aud", Value::Null, Err(TokenError::Claims)),
        ("exp", json!(now + 1), Ok(())),
        ("exp", json!(now - 9), Ok(())),
        ("exp", json!(now - 10), Err(TokenError::Expired)),
        ("exp", json!(now as f64 - 9.5), Ok(())),
        ("exp", json!(0), Err(TokenError::Expired)),
        ("exp", json!(-1), Err(TokenError::Expired)),
        ("exp", json!(i64::MIN), Err(TokenError::Expired)),
        ("exp", json!(u64::MAX), Ok(())),
        ("exp", json!("4000000000"), Err(TokenError::Claims)),
        ("exp", json!(true), Err(TokenError::Claims)),
        ("exp", Value::Null, Err(TokenError::Claims)),
        ("nbf", Value::Null, Ok(())),
        ("nbf", json!(now + 10), Ok(())),
        ("nbf", json!(now + 11), Err(TokenError::NotYet)),
        ("nbf", json!(u64::MAX), Err(TokenError::NotYet)),
        ("nbf", json!("0"), Err(TokenError::Claims)),
        ("sub", Value::Null, Ok(())),
        ("sub", json!(7), Err(TokenError::Claims)),
        ("access", json!({}), Err(TokenError::Claims)),
        ("access", json!(["pull"]), Err(TokenError::Claims)),
        ("access", json!([{ "type": "repository", "name": SOURCE }]), Err(TokenError::Claims)),
        ("more", json!({ "deep": [1, 2] }), Ok(())),
    ] {
        let token = issuer.token(&with(name, value.clone()));
        let result = verifier.verify(&token, noon()).map(|_| ());
        assert_eq!(result, expected, "{name}: {value}");
    }
}

#[test]
fn leeway_is_a_setting() {
    let issuer = Issuer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let settings = TokenSettings { leeway: Duration::ZERO, ..issuer.settings(folder.path()) };
    let verifier = Verifier::new(&settings).expect("keys");
    let token = issuer.token(&with("exp", json!(1_800_000_000)));
    assert_eq!(verifier.verify(&token, noon()), Err(TokenError::Expired));
    assert!(verifier.verify(&token, noon() - Duration::from_secs(1)).is_ok());
}

#[test]
fn the_pinned_algorithm_is_the_only_one() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let refused = Err(TokenError::Algorithm(TokenAlgorithm::Es256));
    for name in ["none", "None", "", "HS256", "ES384", "RS256", "EdDSA", "es256", "ES256 "] {
        let header = json!({ "alg": name, "typ": "JWT" });
        let signed = issuer.sign(&header, &good_claims());
        assert_eq!(verifier.verify(&signed, noon()), refused, "{name}");
        let unsigned = format!("{}.", message(&header, &good_claims()));
        assert_eq!(verifier.verify(&unsigned, noon()), refused, "{name}");
    }
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    for secret in [
        issuer.public_key_der(),
        issuer.public_key_pem().into_bytes(),
        issuer.certificate_pem().into_bytes(),
    ] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        for name in ["HS256", "ES256"] {
            let message = message(&json!({ "alg": name }), &good_claims());
            let token = signed(&message, hmac::sign(&key, message.as_bytes()).as_ref());
            assert!(verifier.verify(&token, noon()).is_err(), "{name}");
        }
    }
}

#[test]
fn the_header_brings_no_key_and_no_demand() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let stranger = Issuer::new();
    for header in [
        json!({ "alg": "ES256", "jwk": stranger.jwk(None) }),
        json!({ "alg": "ES256", "jku": "http://127.0.0.1:1/jwks.json" }),
        json!({ "alg": "ES256", "x5c": [stranger.certificate_pem()] }),
    ] {
        let token = stranger.sign(&header, &good_claims());
        assert_eq!(verifier.verify(&token, noon()), Err(TokenError::Signature), "{header}");
    }
    for header in [
        json!({ "alg": "ES256", "crit": ["exp"] }),
        json!({ "alg": "ES256", "kid": 7 }),
        json!({ "alg": ["ES256"] }),
        json!({ "typ": "JWT" }),
        json!([]),
    ] {
        let token = issuer.sign(&header, &good_claims());
        assert_eq!(verifier.verify(&token, noon()), Err(TokenError::NoJwt), "{header}");
    }
}

#[test]
fn a_token_of_an_unknown_or_another_key_is_refused() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let named = |kid: &str| json!({ "alg": "ES256", "kid": kid });
    let stranger = Issuer::new();
    for kid in ["", "AAAA:BBBB", "../../etc/passwd"] {
        let token = issuer.sign(&named(kid), &good_claims());
        assert_eq!(verifier.verify(&token, noon()), Err(TokenError::UnknownKey), "{kid}");
    }
    let token = stranger.token(&good_claims());
    assert_eq!(verifier.verify(&token, noon()), Err(TokenError::Signature));
}

#[test]
fn a_key_that_appears_in_the_file_is_found_by_the_first_token_that_names_it() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let (verifier, folder) = verifier(&old);
    let set = json!({ "keys": [new.jwk(Some("new"))] });
    let token = new.sign(&json!({ "alg": "ES256", "kid": "new" }), &good_claims());
    assert_eq!(verifier.verify(&token, noon()), Err(TokenError::UnknownKey));
    write(folder.path(), "api.pem", &set.to_string());
    assert!(verifier.verify(&token, noon()).is_ok());
}

#[test]
fn a_token_that_was_verified_is_known_until_it_ends_or_its_key_goes() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let (verifier, folder) = verifier(&issuer);
    let token = issuer.token(&with("exp", json!(1_800_000_060)));
    let at = |seconds| noon() + Duration::from_secs(seconds);
    assert_eq!(verifier.seen(&token, noon()), None);
    let claims = verifier.verify(&token, noon()).expect("it holds");
    assert_eq!(verifier.seen(&token, at(69)), Some(claims), "leeway is 10 s");
    assert_eq!(verifier.seen(&token, at(70)), None);
    assert_eq!(verifier.seen(&token[1..], noon()), None);
    write(folder.path(), "api.pem", &other.certificate_pem());
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(verifier.seen(&token, noon()), None, "the key was withdrawn");
    assert_eq!(verifier.verify(&token, noon()), Err(TokenError::Signature));
}

#[test]
fn what_is_no_jwt_is_refused() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let good = issuer.token(&good_claims());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let (header, payload) = message.split_once('.').expect("three parts");
    let other = |text: &str| {
        let first = if text.starts_with('A') { 'B' } else { 'A' };
        format!("{first}{}", &text[1..])
    };
    for (token, expected) in [
        (String::new(), TokenError::NoJwt),
        (".".to_owned(), TokenError::NoJwt),
        ("..".to_owned(), TokenError::NoJwt),
        ("a.b.c".to_owned(), TokenError::NoJwt),
        (message.to_owned(), TokenError::NoJwt),
        (format!("{good}."), TokenError::Signature),
        (format!("{good}.{signature}"), TokenError::Signature),
        (format!("{message}."), TokenError::Signature),
        (format!("{message}.AAAA"), TokenError::Signature),
        (format!("{message}.{}", "A".repeat(86)), TokenError::Signature),
        (format!("{message}.{}", other(signature)), TokenError::Signature),
        (format!("{good}="), TokenError::Signature),
        (format!("{header}.{}.{signature}", other(payload)), TokenError::Signature),
        (format!(" {good}"), TokenError::NoJwt),
        (good.replace('.', " "), TokenError::NoJwt),
        (format!("{header}={}", &good[header.len()..]), TokenError::NoJwt),
        ("A".repeat(MAX_TOKEN + 1), TokenError::TooLong),
        ("é".repeat(20), TokenError::NoJwt),
    ] {
        assert_eq!(verifier.verify(&token, noon()), Err(expected), "{token}");
    }
}

#[test]
fn claims_that_say_two_things_are_refused() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let claims = good_claims().to_string().replacen('{', r#"{"exp":1,"#, 1);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
    let token = issuer.sign_message(&format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims)));
    assert_eq!(verifier.verify(&token, noon()), Err(TokenError::Claims));
}

#[derive(Deserialize)]
struct Vector {
    algorithm: String,
    kid: String,
    certificate: String,
    public_key: String,
    jwks: Value,
    token: String,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../../fixtures/tokens.json");
    serde_json::from_str(text).expect("vectors")
}

fn settings(folder: &Path, vector: &Vector, contents: &str) -> TokenSettings {
    TokenSettings {
        key_files: vec![write(folder, "key", contents)],
        algorithm: vector.algorithm.parse().expect("an algorithm"),
        ..Issuer::new().settings(folder)
    }
}

#[test]
fn tokens_of_another_implementation_verify_with_every_form_of_their_key() {
    let folder = tempfile::tempdir().expect("a folder");
    for vector in vectors() {
        for contents in [&vector.certificate, &vector.public_key, &vector.jwks.to_string()] {
            let verifier = Verifier::new(&settings(folder.path(), &vector, contents));
            let claims = verifier.expect("a key").verify(&vector.token, noon());
            let claims = claims.unwrap_or_else(|error| panic!("{}: {error}", vector.algorithm));
            assert!(claims.allow_pull(&[SOURCE, TARGET]), "{}", vector.algorithm);
        }
    }
}

#[test]
fn keys_are_called_what_openbalena_calls_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for vector in vectors() {
        let settings = settings(folder.path(), &vector, &vector.jwks.to_string());
        let keys = Keys::load(&settings.key_files, settings.algorithm).expect("a key");
        assert_eq!(keys.candidates(Some(&vector.kid)).len(), 1, "{}", vector.algorithm);
        assert!(keys.candidates(Some(&vector.kid.to_lowercase())).is_empty());
    }
}

#[test]
fn a_key_of_another_kind_than_the_algorithm_is_refused_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let kind = |name: &str| name.replace("PS", "RS")[..2].replace("ES", name);
    for key in vectors() {
        for other in vectors().iter().filter(|other| kind(&other.algorithm) != kind(&key.algorithm))
        {
            for contents in [&key.certificate, &key.public_key, &key.jwks.to_string()] {
                let error = Verifier::new(&settings(folder.path(), other, contents)).err();
                let text = error.expect("refused").to_string();
                assert!(text.contains(&other.algorithm), "{text}");
            }
        }
    }
}

#[test]
fn no_token_makes_it_panic() {
    let issuer = Issuer::new();
    let (verifier, _folder) = verifier(&issuer);
    let json = r#"[\[\]{}":,a-z0-9 ]{0,60}"#;
    let part =
        prop_oneof![json.prop_map(|text| URL_SAFE_NO_PAD.encode(text)), "[A-Za-z0-9_=-]{0,40}"];
    let parts = proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join("."));
    proptest!(|(token in prop_oneof![parts, "\\PC*"])| {
        prop_assert!(verifier.verify(&token, noon()).is_err());
    });
    let good = issuer.token(&good_claims());
    proptest!(|(at in 0..good.len(), to in "[A-Za-z0-9_.-]")| {
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        prop_assert!(changed == good || verifier.verify(&changed, noon()).is_err());
    });
}
