use serde_json::json;
use tempfile::TempDir;

use super::super::test_issuer::*;
use super::*;

const OFTEN: Duration = Duration::ZERO;
const SELDOM: Duration = Duration::from_secs(1 << 30);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Keys from one file with these contents, looked at so often.
fn loaded(folder: &TempDir, contents: &str, interval: Duration) -> Keys {
    let file = write(folder.path(), "key", contents);
    let keys = Keys::load(&[file], TokenAlgorithm::Es256).expect("a key");
    Keys { interval, ..keys }
}

fn load(contents: &str) -> Result<Keys, AccessError> {
    let folder = folder();
    let file = write(folder.path(), "key", contents);
    Keys::load(&[file], TokenAlgorithm::Es256)
}

fn count(contents: &str) -> usize {
    load(contents).expect("keys").candidates(None).len()
}

/// Whether a token of this issuer would be taken.
fn knows(keys: &Keys, issuer: &Issuer) -> bool {
    let token = issuer.token(&json!({}));
    let (message, signature) = token.rsplit_once('.').expect("a token");
    keys.candidates(None).iter().any(|key| key.verifies(message, signature))
}

#[test]
fn a_file_may_hold_several_keys() {
    let (one, two) = (Issuer::new(), Issuer::new());
    let (first, second) = (one.certificate_pem(), two.certificate_pem());
    assert_eq!(count(&format!("{first}{second}")), 2, "self-signed, with the same subject");
    assert_eq!(count(&format!("subject=x\n{first}\r\n\n{}", two.public_key_pem())), 2);
    assert_eq!(count(&format!("{}{first}", one.private_key_pem())), 1);
    assert_eq!(count(&format!(" \n{}", json!({ "keys": [one.jwk(None), two.jwk(None)] }))), 2);
    assert_eq!(count(&one.jwk(None).to_string()), 1);
}

#[test]
fn who_signed_the_signers_certificate_may_not_sign_tokens() {
    let (authority, leaf) = (rcgen::KeyPair::generate(), rcgen::KeyPair::generate());
    let (authority, leaf) = (authority.expect("a key"), leaf.expect("a key"));
    let named = |name: &str| {
        let mut parameters = rcgen::CertificateParams::new(vec![]).expect("parameters");
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters
    };
    let root = named("authority").self_signed(&authority).expect("a certificate");
    let issuer = rcgen::Issuer::new(named("authority"), &authority);
    let signed = named("api").signed_by(&leaf, &issuer).expect("a certificate");
    assert_eq!(count(&format!("{}{}", signed.pem(), root.pem())), 1);
    assert_eq!(count(&format!("{}{}", root.pem(), signed.pem())), 1);
    assert_eq!(count(&root.pem()), 1, "alone it is meant");
}

#[test]
fn several_files_count_together() {
    let (one, two, folder) = (Issuer::new(), Issuer::new(), folder());
    let files = [
        write(folder.path(), "api.pem", &one.certificate_pem()),
        write(folder.path(), "api.jwks.json", &json!({ "keys": [two.jwk(None)] }).to_string()),
    ];
    let keys = Keys::load(&files, TokenAlgorithm::Es256).expect("keys");
    assert!(knows(&keys, &one) && knows(&keys, &two));
}

#[test]
fn what_a_set_holds_besides_is_passed_over() {
    let issuer = Issuer::new();
    let mut encryption = Issuer::new().jwk(None);
    encryption["use"] = json!("enc");
    let mut other_algorithm = Issuer::new().jwk(None);
    other_algorithm["alg"] = json!("ES384");
    let mut good = issuer.jwk(Some("a"));
    good["use"] = json!("sig");
    good["alg"] = json!("ES256");
    let others = [
        encryption,
        other_algorithm,
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }),
        json!({ "kty": "of the future" }),
    ];
    let with_good: Vec<_> = others.iter().chain([&good]).collect();
    assert_eq!(count(&json!({ "keys": with_good }).to_string()), 1);
    let error = load(&json!({ "keys": others }).to_string()).err().expect("refused");
    assert!(error.to_string().ends_with("has no key for ES256 among its 5"), "{error}");
}

#[test]
fn a_file_without_a_usable_key_is_refused_with_the_reason() {
    let issuer = Issuer::new();
    let pem = issuer.certificate_pem();
    let middle = pem.len() / 2;
    let mut off_the_curve = issuer.jwk(None);
    off_the_curve["x"] = off_the_curve["y"].clone();
    let mut short = issuer.jwk(None);
    short["x"] = json!("AAAA");
    let mut many = String::new();
    for _ in 0..33 {
        many += &issuer.public_key_pem();
    }
    let no_key = "holds neither a certificate, nor a public key, nor a JWKS";
    for (contents, reason) in [
        (String::new(), no_key),
        ("hello".to_owned(), no_key),
        (json!([]).to_string(), no_key),
        (issuer.private_key_pem(), "holds a private key only"),
        (pem[..middle].to_owned(), "holds a broken PEM section"),
        (format!("{}!{}", &pem[..middle], &pem[middle..]), "holds a broken PEM section"),
        (format!("{}{}", &pem[..100], &pem[104..]), "holds a broken certificate"),
        (pem.replace("CERTIFICATE", "PUBLIC KEY"), "holds a broken public key"),
        (many, "holds 33 keys, more than 32"),
        ("{".to_owned(), "its JSON is broken"),
        ("{}".to_owned(), "holds a JWKS with a broken key"),
        (json!({ "keys": {} }).to_string(), "holds a JWKS without a list of keys"),
        (json!({ "keys": [] }).to_string(), "has no key for ES256 among its 0"),
        (json!({ "keys": [7] }).to_string(), "holds a JWKS with a broken key"),
        (json!({ "keys": [short] }).to_string(), "holds a JWKS with a broken key"),
        (json!({ "keys": [off_the_curve] }).to_string(), "holds a broken key for ECDSA on P-256"),
    ] {
        let error = load(&contents).err().expect("refused").to_string();
        assert!(error.starts_with("the key file ") && error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn no_file_a_missing_one_and_a_huge_one_are_refused() {
    let folder = folder();
    let load = |files: &[PathBuf]| Keys::load(files, TokenAlgorithm::Es256).err();
    assert!(matches!(load(&[]), Some(AccessError::NoKeys)));
    let missing = folder.path().join("missing");
    assert!(matches!(load(&[missing]), Some(AccessError::Unreadable { .. })));
    let huge = write(folder.path(), "huge", &" ".repeat(MAX_FILE as usize + 1));
    assert!(matches!(load(&[huge]), Some(AccessError::Unreadable { .. })));
}

#[test]
fn weak_and_broken_rsa_keys_are_refused() {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let modulus = |bytes: usize, last: u8| {
        let mut modulus = vec![0xc5; bytes];
        modulus[bytes - 1] = last;
        encode(&modulus)
    };
    for (n, e, reason) in [
        (modulus(256, 1), "AQAB".to_owned(), None),
        (modulus(255, 1), "AQAB".to_owned(), Some("an RSA key of 2040 bits, not of 2048 to 4096")),
        (modulus(513, 1), "AQAB".to_owned(), Some("an RSA key of 4104 bits")),
        (modulus(256, 2), "AQAB".to_owned(), Some("a broken RSA key")),
        (modulus(256, 1), encode(&[1]), Some("a broken RSA key")),
        (modulus(256, 1), encode(&[4]), Some("a broken RSA key")),
        (modulus(256, 1), encode(&[0xff; 5]), Some("a broken RSA key")),
        (modulus(256, 1), String::new(), Some("broken")),
    ] {
        let folder = folder();
        let set = json!({ "keys": [{ "kty": "RSA", "n": n, "e": e }] }).to_string();
        let file = write(folder.path(), "key", &set);
        let error = Keys::load(&[file], TokenAlgorithm::Rs256).err().map(|error| error.to_string());
        match (error, reason) {
            (Some(error), Some(reason)) => assert!(error.contains(reason), "{error}"),
            (error, reason) => assert_eq!(error.as_deref(), reason, "{n} {e}"),
        }
    }
}

#[test]
fn a_new_file_is_read_without_a_restart() {
    let (old, new, folder) = (Issuer::new(), Issuer::new(), folder());
    let keys = loaded(&folder, &old.certificate_pem(), OFTEN);
    assert!(knows(&keys, &old) && !knows(&keys, &new));
    write(folder.path(), "key", &json!({ "keys": [new.jwk(None)] }).to_string());
    assert!(knows(&keys, &new) && !knows(&keys, &old));
}

#[test]
fn a_file_that_another_is_renamed_to_is_read() {
    let (old, new, folder) = (Issuer::new(), Issuer::new(), folder());
    let keys = loaded(&folder, &old.public_key_pem(), OFTEN);
    let file = write(folder.path(), "next", &new.public_key_pem());
    std::fs::rename(file, folder.path().join("key")).expect("renamed");
    assert!(knows(&keys, &new) && !knows(&keys, &old));
}

#[test]
fn a_broken_new_file_keeps_the_old_keys_until_it_is_mended() {
    let (old, new, folder) = (Issuer::new(), Issuer::new(), folder());
    let keys = loaded(&folder, &old.certificate_pem(), OFTEN);
    for broken in ["", "-----BEGIN CERTIFICATE-----\nMIIB", "{\"keys\":[", &new.private_key_pem()] {
        write(folder.path(), "key", broken);
        assert!(knows(&keys, &old), "{broken}");
    }
    std::fs::remove_file(folder.path().join("key")).expect("removed");
    assert!(knows(&keys, &old));
    write(folder.path(), "key", &new.certificate_pem());
    assert!(knows(&keys, &new) && !knows(&keys, &old));
}

#[test]
fn files_are_not_looked_at_for_every_token_but_for_every_unknown_key() {
    let (old, new, folder) = (Issuer::new(), Issuer::new(), folder());
    let set = |issuer: &Issuer, kid| json!({ "keys": [issuer.jwk(Some(kid))] }).to_string();
    let keys = loaded(&folder, &set(&old, "old"), SELDOM);
    write(folder.path(), "key", &set(&new, "new"));
    assert!(knows(&keys, &old), "not looked at");
    assert_eq!(keys.candidates(Some("old")).len(), 1, "not looked at");
    assert_eq!(keys.candidates(Some("new")).len(), 1, "looked at");
    assert!(keys.candidates(Some("old")).is_empty());
    assert!(knows(&keys, &new) && !knows(&keys, &old));
}
