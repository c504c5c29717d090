//! The tags that deltas have in their target's repository.

use crate::image::Digest;

/// Characters of a repository's name or of a digest that go into a tag.
const TAG_PART: usize = 16;

/// The tags that the delta from the manifest `digest` of the repository `source` may have: the name that
/// open-balena-delta gives it, which the delta of another digest may have, and one with the digest.
pub(crate) fn delta_tags(source: &str, digest: Digest) -> [String; 2] {
    let name = source.rsplit('/').next().unwrap_or(source);
    let part: String = name.chars().filter(char::is_ascii_alphanumeric).take(TAG_PART).collect();
    let usual = format!("delta-{part}");
    let exact = format!("{usual}-{}", &digest.hex()[..TAG_PART]);
    [usual, exact]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_the_source_and_if_need_be_its_digest() {
        let digest = Digest::of(b"");
        for (source, tags) in [
            (
                "v2/0123456789abcdef0123456789abcdef",
                ["delta-0123456789abcdef", "delta-0123456789abcdef-e3b0c44298fc1c14"],
            ),
            ("v2/ab-1", ["delta-ab1", "delta-ab1-e3b0c44298fc1c14"]),
        ] {
            assert_eq!(delta_tags(source, digest), tags);
        }
    }
}
