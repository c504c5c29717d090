//! Policies, and what they say of an image.

use std::io;
use std::path::{Path, PathBuf};

use super::document::{Document, Rule};
use super::error::TrustError;
use super::evidence::{Unproved, Wanted};
use super::identity::SignedIdentity;
use super::key::{Key, KeySource};
use super::limits::{MAX_POLICY_BYTES, MAX_REASONS};
use super::named::Named;
use super::requirement::{Requirement, Signed};
use super::scope;
use super::signatures::{self, Found, Place, fetch};
use super::verdict::{Accepted, Verdict};
use crate::Remedy;
use crate::image::{Digest, ImageReference, RegistryReference, Transports, WholeArtifact};
use crate::progress::Progress;
use crate::small_file::read_small_file;

/// A user's policy, below the home folder, and the system's.
const USERS: &str = ".config/containers/policy.json";
const SYSTEMS: &str = "/etc/containers/policy.json";

/// The rules that an image must meet, all of them.
#[derive(Debug, Clone)]
pub struct Policy {
    documents: Vec<Document>,
}

/// The image that a policy is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The digest of what the reference names: a manifest, or an index.
    pub named: Digest,
    /// The digest of the manifest that is used: the same, or one that the index leads to.
    pub manifest: Digest,
}

/// Signatures that came along with an image, such as in a delta.
#[derive(Debug, Clone, Copy)]
pub struct Brought<'a> {
    /// The digest of the image's manifest, which came along too.
    pub manifest: Digest,
    /// The signatures.
    pub signatures: &'a [WholeArtifact],
    /// The name that the image is asked for by, and that signatures have to be for; `None` if nobody named it.
    pub name: Option<&'a ImageReference>,
}

impl Policy {
    /// Reads the policy in a file.
    ///
    /// # Errors
    /// If the file can't be read, or holds no policy. What rules ask for is looked at when they apply.
    pub fn from_file(path: &Path) -> Result<Self, TrustError> {
        let wrong = |source| TrustError::File { path: path.to_owned(), source };
        let json = read_small_file(path, MAX_POLICY_BYTES).map_err(wrong)?;
        Self::parse(&json, &path.display().to_string())
    }

    /// Reads the policy where podman and skopeo have theirs: the user's own, or else the system's. `None` if
    /// there is neither.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_default_places() -> Result<Option<Self>, TrustError> {
        let users = std::env::var_os("HOME").filter(|home| !home.is_empty());
        let users = users.map(|home| PathBuf::from(home).join(USERS));
        for place in users.into_iter().chain([PathBuf::from(SYSTEMS)]) {
            match Self::from_file(&place) {
                Err(TrustError::File { source, .. }) if is_missing(&source) => {}
                read => return read.map(Some),
            }
        }
        Ok(None)
    }

    /// The policy that every image must be signed with the key in the file, for its repository. A bundle, which
    /// gives no name, will do too.
    ///
    /// # Errors
    /// If the file can't be read, or holds no public key that can be used.
    pub fn of_key(path: &Path) -> Result<Self, TrustError> {
        let source = KeySource::File(path.to_owned());
        source.load()?;
        let signed = Signed {
            keys: vec![source],
            identity: SignedIdentity::MatchRepository {},
            without_name: true,
        };
        let place = format!("the key {}", path.display());
        Ok(Policy { documents: vec![Document::of(place, Requirement::Signed(signed))] })
    }

    /// Reads the policy of `place` out of its JSON.
    ///
    /// # Errors
    /// [`TrustError::Policy`] if it is none.
    pub fn parse(json: &[u8], place: &str) -> Result<Self, TrustError> {
        Ok(Policy { documents: vec![Document::parse(json, place)?] })
    }

    /// The policy that accepts what both accept.
    #[must_use]
    pub fn and(mut self, other: Policy) -> Self {
        self.documents.extend(other.documents);
        self
    }

    /// The same of an image that something brings along with signatures of its manifest: those are looked at first.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_brought(
        &self,
        transports: &Transports,
        reference: &ImageReference,
        subject: Subject,
        brought: &Brought<'_>,
        progress: &dyn Progress,
    ) -> Result<Verdict, TrustError> {
        let mut signatures = Signatures::new(transports, reference, subject, progress);
        signatures.add(brought);
        self.verify_by(signatures, reference)
    }

    /// Looks whether the image may be used. Signatures are fetched only if a rule asks for one; that of an index
    /// vouches for the manifests it leads to.
    ///
    /// # Errors
    /// [`TrustError::Rejected`] or [`TrustError::NotSigned`] if the image may not be used;
    /// [`TrustError::Unsupported`] if the rule for it asks for what is not known here; also if a key or the
    /// signatures can't be read.
    pub fn verify(
        &self,
        transports: &Transports,
        reference: &ImageReference,
        subject: Subject,
        progress: &dyn Progress,
    ) -> Result<Verdict, TrustError> {
        self.verify_by(Signatures::new(transports, reference, subject, progress), reference)
    }

    fn verify_by(
        &self,
        mut signatures: Signatures<'_>,
        reference: &ImageReference,
    ) -> Result<Verdict, TrustError> {
        let mut accepted = Vec::new();
        for document in &self.documents {
            let rule = document.rule(reference);
            for requirement in rule.requirements {
                accepted.push(meet(requirement, &rule, reference, &mut signatures)?);
            }
        }
        Ok(Verdict { accepted })
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn meet(
    requirement: &Requirement,
    rule: &Rule<'_>,
    reference: &ImageReference,
    signatures: &mut Signatures<'_>,
) -> Result<Accepted, TrustError> {
    let rule = rule.name.clone();
    match requirement {
        Requirement::AcceptAnything => Ok(Accepted::Anything { rule }),
        Requirement::Reject => Err(TrustError::Rejected { reference: reference.to_string(), rule }),
        Requirement::Unsupported(what) => Err(TrustError::Unsupported { rule, what }),
        Requirement::Signed(signed) => signatures.meet(signed, rule, reference),
    }
}

/// The signatures of one image, fetched as they are asked for, once.
struct Signatures<'a> {
    transports: &'a Transports,
    progress: &'a dyn Progress,
    /// The image in its registry; nothing else has signatures.
    image: Option<&'a RegistryReference>,
    /// Where to look, and what was there.
    places: Vec<Looked>,
}

/// A place where signatures of a manifest may be.
struct Looked {
    digest: Digest,
    place: Place,
    /// The name of the image that a signature there has to be for.
    asked: Option<Named>,
    /// What was there, once somebody has looked.
    found: Option<Vec<Found>>,
}

impl<'a> Signatures<'a> {
    fn new(
        transports: &'a Transports,
        reference: &'a ImageReference,
        subject: Subject,
        progress: &'a dyn Progress,
    ) -> Self {
        let image = match reference {
            ImageReference::Registry(image) => Some(image),
            _ => None,
        };
        let mut digests = vec![subject.manifest, subject.named];
        digests.dedup();
        let at = |digest| {
            [Place::Tag, Place::Referrers].map(|place| Looked {
                digest,
                place,
                asked: scope::named(reference),
                found: None,
            })
        };
        let places = digests.into_iter().flat_map(at).collect();
        Signatures { transports, progress, image, places }
    }

    /// Adds what is here already, to be looked at first.
    fn add(&mut self, brought: &Brought<'_>) {
        let found = brought.signatures.iter().flat_map(signatures::in_whole).collect();
        let (digest, asked) = (brought.manifest, brought.name.and_then(scope::named));
        self.places.insert(0, Looked { digest, place: Place::Tag, asked, found: Some(found) });
    }

    fn meet(
        &mut self,
        signed: &Signed,
        rule: String,
        reference: &ImageReference,
    ) -> Result<Accepted, TrustError> {
        let keys: Vec<Key> = signed.keys.iter().map(KeySource::load).collect::<Result<_, _>>()?;
        let mut reasons: Vec<Unproved> = Vec::new();
        for place in 0..self.places.len() {
            let Looked { digest, asked, .. } = &self.places[place];
            let (digest, asked) = (*digest, asked.clone());
            let Signed { identity, without_name, .. } = signed;
            let (without_name, asked) = (*without_name, asked.as_ref());
            let wanted = Wanted { keys: &keys, identity, without_name, asked, digest };
            for found in self.at(place)? {
                match wanted.check(found) {
                    Ok(proof) => {
                        let (key, name) = (proof.key, proof.name);
                        return Ok(Accepted::Signature { key, name, digest, rule });
                    }
                    Err(reason) if reasons.len() < MAX_REASONS && !reasons.contains(&reason) => {
                        reasons.push(reason);
                    }
                    Err(_) => {}
                }
            }
        }
        let remedy = self.remedy(&reasons);
        let mut reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        if remedy == Some(Remedy::BringSignatures) {
            reasons.push("signatures are looked for in registries alone".to_owned());
        }
        let reference = reference.to_string();
        Err(TrustError::NotSigned { reference, rule, reasons, remedy })
    }

    /// What helps where no signature was accepted for these `reasons`, if that is another thing than a signature.
    fn remedy(&self, reasons: &[Unproved]) -> Option<Remedy> {
        let came_along = self.places.iter().any(|place| place.found.is_some());
        match self.image {
            _ if reasons.iter().any(|it| matches!(it, Unproved::Nameless(_))) => {
                Some(Remedy::NameImage)
            }
            None if !came_along => Some(Remedy::BringSignatures),
            _ => None,
        }
    }

    /// The signatures at a place.
    fn at(&mut self, place: usize) -> Result<&[Found], TrustError> {
        let Looked { digest, place, found, .. } = &mut self.places[place];
        if let (None, Some(image)) = (&found, self.image) {
            *found = Some(fetch(self.transports, image, *digest, *place, self.progress)?);
        }
        Ok(found.as_deref().unwrap_or_default())
    }
}
