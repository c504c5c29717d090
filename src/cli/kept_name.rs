//! Images of the store as people name them: by the name that they are kept by, or by the ID or digest that
//! `remora images` prints, or the start of one.

use remora::image::ImageReference;
use remora::store::{KeptImage, Store};

use super::failure::Failure;
use super::image_name::{self, NameError};

/// How many digits of an ID or digest there must be: with fewer, a name is meant.
const FEWEST_DIGITS: usize = 4;
/// How many images are told of if several are meant.
const SHOWN: usize = 4;

/// What may be a name, or an ID.
#[derive(Debug, Clone)]
pub(super) struct KeptName {
    text: String,
    reference: ImageReference,
}

/// Takes the text for a name; whether it is an ID shows in the store.
pub(super) fn parse(text: &str) -> Result<KeptName, NameError> {
    Ok(KeptName { text: text.to_owned(), reference: image_name::input(text)? })
}

impl KeptName {
    /// Returns the image that is meant if the text is a name.
    pub(super) fn reference(&self) -> &ImageReference {
        &self.reference
    }

    /// Returns the image whose ID or digest begins so, under each of its names; nothing if the text is the name of a
    /// kept image, or no ID.
    pub(super) fn by_id(&self, store: &Store) -> Result<Vec<KeptImage>, Failure> {
        let Some(digits) = digits(&self.text) else { return Ok(Vec::new()) };
        let (mut images, _) = store.kept_images()?;
        if images.iter().any(|image| *image.reference() == self.reference) {
            return Ok(Vec::new());
        }
        images.retain(|image| is_of(image, digits));
        match images.iter().any(|image| image.id() != images[0].id()) {
            true => Err(several(&self.text, &images)),
            false => Ok(images),
        }
    }
}

fn is_of(image: &KeptImage, digits: &str) -> bool {
    let digest = image.manifest().map(|manifest| manifest.digest());
    [Some(image.id().0), digest].into_iter().flatten().any(|it| it.hex().starts_with(digits))
}

/// The digits of an ID or digest, or of its start.
fn digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() >= FEWEST_DIGITS && digits.bytes().all(is_digit)).then_some(digits)
}

fn several(text: &str, images: &[KeptImage]) -> Failure {
    let shown = images.iter().take(SHOWN);
    let shown: Vec<_> =
        shown.map(|it| format!("{} ({})", it.reference(), it.id().0.short())).collect();
    let what = format!("{text} is the start of several images' IDs: {}", shown.join(", "));
    Failure::usage(what, "give more of the ID, or a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_digits_enough_and_nothing_else() {
        for (text, expected) in [
            ("cafe", Some("cafe")),
            ("sha256:0123456789ab", Some("0123456789ab")),
            ("caf", None),
            ("CAFE", None),
            ("cafe:1", None),
            ("registry.example.com/cafe", None),
        ] {
            assert_eq!(digits(text), expected, "{text}");
        }
    }
}
