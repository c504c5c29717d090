//! Names in messages: whole if a person can read them, otherwise cut.

use std::fmt::{self, Display, Formatter};

/// The longest name that is shown whole, in characters.
const MAX_NAME_CHARS: usize = 256;
/// What is shown of the beginning of a longer one, and of its end, in characters.
const START_CHARS: usize = 160;
const END_CHARS: usize = 64;
/// How many names of a list are shown.
const MAX_NAMES: usize = 12;

/// A name in quotation marks. The middle of a long one is left out, and its length said.
pub(crate) fn quoted(name: &str) -> impl Display {
    Quoted(name)
}

/// Names with commas between them; of many the first, and how many more there are.
pub(crate) fn listed<T: ToString>(names: &[T]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> =
        names.iter().take(MAX_NAMES).map(|name| cut(name.to_string())).collect();
    let more = names.len() - shown.len();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match parts(self.0) {
            None => write!(out, "{:?}", self.0),
            Some((start, end)) => {
                write!(out, "{start:?} … {end:?} ({} characters)", self.0.chars().count())
            }
        }
    }
}

fn cut(name: String) -> String {
    match parts(&name) {
        None => name,
        Some((start, end)) => format!("{start} … {end}"),
    }
}

/// Beginning and end of a long name; `None` if it is short.
fn parts(name: &str) -> Option<(&str, &str)> {
    // As many bytes hold as many characters at most.
    if name.len() <= MAX_NAME_CHARS || name.chars().count() <= MAX_NAME_CHARS {
        return None;
    }
    let (start, _) = name.char_indices().nth(START_CHARS)?;
    let (end, _) = name.char_indices().rev().nth(END_CHARS - 1)?;
    Some((&name[..start], &name[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_whole_up_to_a_length_and_cut_beyond() {
        assert_eq!(quoted("a\"b").to_string(), r#""a\"b""#);
        let longest = "é".repeat(MAX_NAME_CHARS);
        assert_eq!(quoted(&longest).to_string(), format!("{longest:?}"));
        let long = format!("{}{}", "é".repeat(70_000), "z");
        let text = quoted(&long).to_string();
        assert!(text.ends_with("éz\" (70001 characters)"), "{text}");
        assert!(text.chars().count() < 300, "{text}");
    }

    #[test]
    fn of_many_names_some_are_shown() {
        assert_eq!(listed::<String>(&[]), "none");
        assert_eq!(listed(&["a", "b"]), "a, b");
        let names: Vec<usize> = (0..14_000).collect();
        assert_eq!(listed(&names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 13988 more");
        assert!(listed(&["x".repeat(100_000)]).len() < 300);
    }
}
