//! Names, keys and signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SigningKey as _,
};
use serde_json::{Value, json};

use super::super::evidence::{Unproved, Wanted};
use super::super::identity::SignedIdentity;
use super::super::key::{Key, KeySource};
use super::super::key_problem::KeyProblem;
use super::super::named::Named;
use super::super::signatures::Found;
use crate::image::{Digest, RegistryReference};
use crate::trust::TrustError;

fn identity(kind: &str) -> SignedIdentity {
    serde_json::from_value(json!({ "type": kind })).expect(kind)
}

fn asked(text: &str) -> Named {
    Named::of(&text.parse::<RegistryReference>().expect(text))
}

#[test]
fn signatures_name_images_as_the_rule_demands() {
    let digest = format!("r.example/a@{}", Digest::of(b""));
    let remap = |prefix: &str, signed_prefix: &str| SignedIdentity::RemapIdentity {
        prefix: prefix.to_owned(),
        signed_prefix: signed_prefix.to_owned(),
    };
    let reference = SignedIdentity::ExactReference { docker_reference: "v.example/a:1".to_owned() };
    let repository =
        SignedIdentity::ExactRepository { docker_repository: "v.example/a".to_owned() };
    for (identity, image, signed, accepts) in [
        (identity("matchExact"), "r.example/a:1", "r.example/a:1", true),
        (identity("matchExact"), "busybox", "docker.io/library/busybox:latest", true),
        (identity("matchExact"), "r.example/a:1", "r.example/a:2", false),
        (identity("matchExact"), "r.example/a:1", "r.example/a", false),
        (identity("matchExact"), "r.example/a", "r.example/a", false),
        (identity("matchExact"), &digest, "r.example/a:1", false),
        (identity("matchExact"), &digest, &digest, true),
        (identity("matchRepoDigestOrExact"), "r.example/a:1", "r.example/a:1", true),
        (identity("matchRepoDigestOrExact"), "r.example/a:1", "r.example/a:2", false),
        (identity("matchRepoDigestOrExact"), "r.example/a:1", "r.example/a", false),
        (identity("matchRepoDigestOrExact"), &digest, "r.example/a:1", true),
        (identity("matchRepoDigestOrExact"), &digest, "r.example/a", false),
        (identity("matchRepoDigestOrExact"), &digest, "r.example/b:1", false),
        (identity("matchRepository"), "r.example/a:1", "r.example/a", true),
        (identity("matchRepository"), "r.example/a:1", "r.example/a:2", true),
        (identity("matchRepository"), &digest, "r.example/a", true),
        (identity("matchRepository"), "r.example/a:1", "r.example/ab", false),
        (identity("matchRepository"), "r.example/a:1", "s.example/a", false),
        (reference.clone(), "r.example/x:9", "v.example/a:1", true),
        (reference, "r.example/x:9", "v.example/a", false),
        (repository, "r.example/x:9", "v.example/a:7", true),
        (remap("r.example", "v.example/m"), "r.example/a:1", "v.example/m/a:1", true),
        (remap("r.example/a", "v.example/b"), "r.example/a:1", "v.example/b:1", true),
        (remap("r.example/a", "v.example/b"), "r.example/ab:1", "v.example/bb:1", false),
        (remap("r.example/a", "v.example/b"), "r.example/ab:1", "r.example/ab:1", true),
        (remap("r.example", "v.example"), "r.example/a:1", "r.example/a:1", false),
        (identity("matchRepository"), "r.example/a:1", "", false),
        (identity("matchRepository"), "r.example/a:1", "https://r.example/a", false),
    ] {
        let asked = asked(image);
        assert_eq!(
            identity.accepts(Some(&asked), signed),
            accepts,
            "{identity:?} {image} {signed}"
        );
    }
    assert!(!identity("matchRepository").accepts(None, "r.example/a:1"));
}

fn loaded(pem: &str) -> Result<Key, TrustError> {
    KeySource::Inline(pem.as_bytes().to_vec()).load()
}

#[test]
fn what_is_no_public_key_is_refused_by_name() {
    let pair = KeyPair::generate().expect("a pair");
    let certificate = rcgen::generate_simple_self_signed(["x".to_owned()]).expect("one").cert.pem();
    let labelled = |label: &str| format!("-----BEGIN {label}-----\nMFkw\n-----END {label}-----\n");
    for (pem, expected) in [
        (String::new(), KeyProblem::NotAKey),
        ("text".to_owned(), KeyProblem::NotAKey),
        (labelled("PUBLIC KEY"), KeyProblem::NotAKey),
        (pair.serialize_pem(), KeyProblem::Private),
        (labelled("ENCRYPTED COSIGN PRIVATE KEY"), KeyProblem::Private),
        (labelled("ENCRYPTED SIGSTORE PRIVATE KEY"), KeyProblem::Private),
        (certificate, KeyProblem::Certificate),
        (labelled("RSA PUBLIC KEY"), KeyProblem::Unsupported),
        (P521.to_owned(), KeyProblem::Unsupported),
    ] {
        match loaded(&pem) {
            Err(TrustError::Key { problem, .. }) => assert_eq!(problem, expected, "{pem}"),
            other => panic!("{other:?} for {pem}"),
        }
    }
}

/// A key on the curve P-521, made by openssl.
const P521: &str = "-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBclm6ao8ZC6wS5fxbueZb0/cCaH10
zCn3lvLlS3F1z0Wo/gXykvpJ/WMExwi+37UrCnV6Ys92+hgnAG4awMXPhXMBHv73
uI20+m05h/k7cNOLJOAV3aQ1i6bJ0h8xlo1E7e5wUJ7LSnPh4ahj8lE1HAd9BkDh
1qt69NKpLnclCdpBEU0=
-----END PUBLIC KEY-----
";

fn payload(digest: Digest) -> Value {
    json!({
        "critical": {
            "type": "cosign container image signature",
            "image": { "docker-manifest-digest": digest.to_string() },
            "identity": { "docker-reference": "r.example/a:1" },
        },
        "optional": null,
    })
}

/// What a check of a signature by `pair` over `payload` says, if `keys` are accepted.
fn check(pair: &KeyPair, payload: &[u8], keys: &[Key]) -> Result<String, String> {
    let signature = STANDARD.encode(pair.sign(payload).expect("signed"));
    checked(&Found::Simple { payload: payload.to_vec(), signature }, keys, false)
}

fn checked(found: &Found, keys: &[Key], without_name: bool) -> Result<String, String> {
    let (asked, identity) = (asked("r.example/a:1"), SignedIdentity::default());
    let digest = Digest::of(b"manifest");
    let wanted = Wanted { keys, identity: &identity, without_name, asked: Some(&asked), digest };
    let proof = wanted.check(found).map_err(|reason| reason.to_string())?;
    Ok(proof.name.unwrap_or_default())
}

#[test]
fn each_kind_of_key_accepts_its_own_signatures_alone() {
    let payload = payload(Digest::of(b"manifest")).to_string();
    let kinds = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519];
    let pairs = kinds.map(|kind| KeyPair::generate_for(kind).expect("a pair"));
    for (number, pair) in pairs.iter().enumerate() {
        let own = loaded(&pair.public_key_pem()).expect("a key");
        let others: Vec<Key> = pairs
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number)
            .map(|(_, other)| loaded(&other.public_key_pem()).expect("a key"))
            .collect();
        let accepted = check(pair, payload.as_bytes(), &[others[0].clone(), own]);
        assert_eq!(accepted, Ok("r.example/a:1".to_owned()));
        let refused = check(pair, payload.as_bytes(), &others);
        assert_eq!(refused, Err("one is by another key".to_owned()));
    }
}

#[test]
fn a_good_signature_of_anything_else_is_none() {
    let pair = KeyPair::generate().expect("a pair");
    let keys = [loaded(&pair.public_key_pem()).expect("a key")];
    let good = payload(Digest::of(b"manifest"));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut payload = good.clone();
        change(&mut payload);
        payload.to_string()
    };
    assert!(check(&pair, good.to_string().as_bytes(), &keys).is_ok());
    let notes = changed(&|it| it["optional"] = json!({ "creator": "x", "timestamp": 1 }));
    assert!(check(&pair, notes.as_bytes(), &keys).is_ok());
    for (payload, reason) in [
        (payload(Digest::of(b"other")).to_string(), "another manifest"),
        (
            changed(&|it| it["critical"]["identity"]["docker-reference"] = json!("r.example/a:2")),
            "another name",
        ),
        (changed(&|it| it["critical"]["type"] = json!("atomic container signature")), "no payload"),
        (changed(&|it| it["critical"]["more"] = json!(1)), "no payload"),
        (changed(&|it| it["more"] = json!(1)), "no payload"),
        (changed(&|it| drop(it.as_object_mut().expect("one").remove("optional"))), "no payload"),
        (
            changed(&|it| it["critical"]["image"]["docker-manifest-digest"] = json!("sha512:00")),
            "no payload",
        ),
        ("nonsense".to_owned(), "no payload"),
        (
            good.to_string().replacen("\"optional\"", "\"critical\":{},\"optional\"", 1),
            "no payload",
        ),
    ] {
        let error = check(&pair, payload.as_bytes(), &keys).expect_err("refused");
        assert!(error.contains(reason), "{payload}: {error}");
    }
    let found = Found::Simple { payload: good.to_string().into_bytes(), signature: "%".to_owned() };
    assert_eq!(checked(&found, &keys, false), Err("one is not in base64".to_owned()));
}

#[test]
fn a_good_signature_for_an_image_without_a_name_says_that_a_name_is_wanted() {
    let pair = KeyPair::generate().expect("a pair");
    let keys = [loaded(&pair.public_key_pem()).expect("a key")];
    let digest = Digest::of(b"manifest");
    let payload = payload(digest).to_string().into_bytes();
    let signature = STANDARD.encode(pair.sign(&payload).expect("signed"));
    let found = Found::Simple { payload, signature };
    let refusal = |identity: &SignedIdentity| {
        let wanted = Wanted { keys: &keys, identity, without_name: false, asked: None, digest };
        wanted.check(&found).err()
    };
    let nameless = Unproved::Nameless("r.example/a:1".to_owned());
    assert_eq!(refusal(&SignedIdentity::default()), Some(nameless));
    // A rule that says the name itself asks nobody for one.
    let exact = |name: &str| SignedIdentity::ExactRepository { docker_repository: name.to_owned() };
    assert_eq!(refusal(&exact("r.example/a")), None);
    assert!(matches!(refusal(&exact("r.example/b")), Some(Unproved::Other(_))));
}

/// A bundle of `pair` with this statement.
fn bundle(pair: &KeyPair, kind: &str, statement: &str) -> Found {
    let message = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
    let signature = STANDARD.encode(pair.sign(message.as_bytes()).expect("signed"));
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "publicKey": { "hint": "x" } },
        "dsseEnvelope": {
            "payload": STANDARD.encode(statement),
            "payloadType": kind,
            "signatures": [{ "sig": signature }],
        },
    });
    Found::Bundle(bundle.to_string().into_bytes())
}

#[test]
fn a_bundle_is_a_signature_where_no_name_is_asked_for() {
    let pair = KeyPair::generate().expect("a pair");
    let other = KeyPair::generate().expect("a pair");
    let keys = [loaded(&pair.public_key_pem()).expect("a key")];
    let statement = |digest: Digest, predicate: &str| {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": digest.hex() } }],
            "predicateType": predicate,
            "predicate": {},
        })
        .to_string()
    };
    let kind = "application/vnd.in-toto+json";
    let signs = "https://sigstore.dev/cosign/sign/v1";
    let good = statement(Digest::of(b"manifest"), signs);
    assert!(checked(&bundle(&pair, kind, &good), &keys, true).is_ok());
    for (found, without_name, reason) in [
        (bundle(&pair, kind, &good), false, "gives the image no name"),
        (bundle(&other, kind, &good), true, "another key"),
        (bundle(&pair, "text/plain", &good), true, "without a statement"),
        (bundle(&pair, kind, &statement(Digest::of(b"x"), signs)), true, "something else"),
        (
            bundle(
                &pair,
                kind,
                &statement(Digest::of(b"manifest"), "https://slsa.dev/provenance/v1"),
            ),
            true,
            "something else",
        ),
        (bundle(&pair, kind, "{}"), true, "something else"),
        (Found::Bundle(b"{}".to_vec()), true, "without a statement"),
        (Found::Odd("one is odd".to_owned()), true, "one is odd"),
    ] {
        let error = checked(&found, &keys, without_name).expect_err("refused");
        assert!(error.contains(reason), "{error}");
    }
}
