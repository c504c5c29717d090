//! Requirements of a policy: what they demand, read from their JSON (containers-policy.json(5), "Policy
//! Requirements").

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::identity::SignedIdentity;
use super::key::KeySource;
use super::object::Object;

/// What an image must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requirement {
    /// Nothing.
    AcceptAnything,
    /// What no image meets.
    Reject,
    /// A signature.
    Signed(Signed),
    /// Something that is not known here, as policies spell it.
    Unsupported(&'static str),
}

/// A signature that an image must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    /// The keys of which one must have signed.
    pub(super) keys: Vec<KeySource>,
    /// The name that the signature must give to the image.
    pub(super) identity: SignedIdentity,
    /// Whether signatures that give no name are accepted too.
    pub(super) without_name: bool,
}

/// A requirement as policies write it. The variants are structs without fields, not units: those take any field.
#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Stated {
    InsecureAcceptAnything {},
    Reject {},
    SignedBy {
        key_type: String,
        key_path: Option<String>,
        key_paths: Option<Vec<String>>,
        key_data: Option<String>,
        #[serde(default)]
        signed_identity: Object<SignedIdentity>,
    },
    SignedBaseLayer {
        #[serde(rename = "baseLayerIdentity")]
        _base_layer_identity: IgnoredAny,
    },
    SigstoreSigned {
        key_path: Option<String>,
        key_paths: Option<Vec<String>>,
        key_data: Option<String>,
        key_datas: Option<Vec<String>>,
        fulcio: Option<IgnoredAny>,
        pki: Option<IgnoredAny>,
        rekor_public_key_path: Option<IgnoredAny>,
        rekor_public_key_paths: Option<IgnoredAny>,
        rekor_public_key_data: Option<IgnoredAny>,
        rekor_public_key_datas: Option<IgnoredAny>,
        #[serde(default)]
        signed_identity: Object<SignedIdentity>,
    },
}

/// The kinds of keys of `signedBy` that policies may name.
const KEY_TYPES: [&str; 4] = ["GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs"];

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(stated) = Object::deserialize(deserializer)?;
        checked(stated).map_err(serde::de::Error::custom)
    }
}

fn checked(stated: Stated) -> Result<Requirement, &'static str> {
    match stated {
        Stated::InsecureAcceptAnything {} => Ok(Requirement::AcceptAnything),
        Stated::Reject {} => Ok(Requirement::Reject),
        Stated::SignedBaseLayer { .. } => Ok(Requirement::Unsupported("signedBaseLayer")),
        Stated::SignedBy {
            key_type,
            key_path,
            key_paths,
            key_data,
            signed_identity: Object(identity),
        } => {
            if !KEY_TYPES.contains(&key_type.as_str()) {
                return Err("signedBy has a keyType that is none");
            }
            let sources = [key_path.is_some(), key_paths.is_some(), key_data.is_some()];
            if sources.into_iter().filter(|given| *given).count() != 1 {
                return Err("signedBy needs one of keyPath, keyPaths and keyData");
            }
            identity.problem().map_or(Ok(Requirement::Unsupported("signedBy")), Err)
        }
        Stated::SigstoreSigned {
            key_path,
            key_paths,
            key_data,
            key_datas,
            fulcio,
            pki,
            rekor_public_key_path,
            rekor_public_key_paths,
            rekor_public_key_data,
            rekor_public_key_datas,
            signed_identity: Object(identity),
        } => {
            let key_path = key_path.filter(|path| !path.is_empty());
            let keys = [
                key_path.is_some(),
                key_paths.is_some(),
                key_data.is_some(),
                key_datas.is_some(),
                fulcio.is_some(),
                pki.is_some(),
            ];
            if keys.into_iter().filter(|given| *given).count() != 1 {
                return Err("sigstoreSigned needs one of keyPath, keyPaths, keyData, keyDatas, \
                            fulcio and pki");
            }
            let logs = [
                rekor_public_key_path,
                rekor_public_key_paths,
                rekor_public_key_data,
                rekor_public_key_datas,
            ];
            let logs = logs.iter().flatten().count();
            if logs > 1 || fulcio.is_some() && logs == 0 {
                return Err("sigstoreSigned takes one of rekorPublicKeyPath and its like, and \
                            needs it with fulcio");
            }
            if let Some(problem) = identity.problem() {
                return Err(problem);
            }
            match (fulcio, pki, logs) {
                (Some(_), _, _) => {
                    return Ok(Requirement::Unsupported("sigstoreSigned with fulcio"));
                }
                (_, Some(_), _) => return Ok(Requirement::Unsupported("sigstoreSigned with pki")),
                (_, _, 1..) => {
                    return Ok(Requirement::Unsupported("sigstoreSigned with rekorPublicKey"));
                }
                _ => {}
            }
            let paths = key_path.into_iter().chain(key_paths.unwrap_or_default());
            let datas = key_data.into_iter().chain(key_datas.unwrap_or_default());
            signed(paths, datas, identity)
        }
    }
}

fn signed(
    paths: impl Iterator<Item = String>,
    datas: impl Iterator<Item = String>,
    identity: SignedIdentity,
) -> Result<Requirement, &'static str> {
    let mut keys: Vec<KeySource> = paths.map(|path| KeySource::File(PathBuf::from(path))).collect();
    for data in datas {
        // Lines may be broken, as in other JSON of bytes.
        let data: String = data.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let data = STANDARD.decode(data).map_err(|_| "keyData is not in base64")?;
        keys.push(KeySource::Inline(data));
    }
    match keys.is_empty() {
        true => Err("sigstoreSigned names no keys"),
        false => Ok(Requirement::Signed(Signed { keys, identity, without_name: false })),
    }
}
