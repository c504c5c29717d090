//! Templates of Dockerfiles: names between double percent signs are replaced, nothing else happens.

use super::error::{Place, ProjectError};
use super::limits::MAX_TEXT_BYTES;
use crate::quote::quoted;

/// What stands before and after a name.
const MARK: &str = "%%";

/// Returns `text` with every `%%NAME%%` replaced, but for lines that begin with `#`.
///
/// # Errors
/// If a name is none of `variables`, or the result is too long.
pub(super) fn fill(
    text: &str,
    path: &str,
    variables: &[(&str, &str)],
) -> Result<String, ProjectError> {
    let mut filled = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        let place = Place::line(path, number + 1);
        if number > 0 {
            filled.push('\n');
        }
        match line.starts_with('#') {
            true => filled.push_str(line),
            false => fill_line(line, &place, variables, &mut filled)?,
        }
        if filled.len() > MAX_TEXT_BYTES {
            return Err(place.wrong("the template becomes too long once names are replaced"));
        }
    }
    Ok(filled)
}

fn fill_line(
    mut rest: &str,
    place: &Place,
    variables: &[(&str, &str)],
    filled: &mut String,
) -> Result<(), ProjectError> {
    while let Some(start) = rest.find(MARK) {
        filled.push_str(&rest[..start]);
        let Some(name) = name_at(&rest[start..]) else {
            // One sign further, another name may begin.
            filled.push('%');
            rest = &rest[start + 1..];
            continue;
        };
        let value = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        filled.push_str(value.ok_or_else(|| unknown(place, name, variables))?);
        rest = &rest[start + name.len() + 2 * MARK.len()..];
    }
    filled.push_str(rest);
    Ok(())
}

/// The name between the marks that `text` begins with: two or more capitals and underscores, a letter first.
fn name_at(text: &str) -> Option<&str> {
    let text = text.strip_prefix(MARK)?;
    let end = text.find(|c: char| !(c.is_ascii_uppercase() || c == '_'))?;
    let name = &text[..end];
    let is_name = name.len() >= 2 && !name.starts_with('_') && text[end..].starts_with(MARK);
    is_name.then_some(name)
}

fn unknown(place: &Place, name: &str, variables: &[(&str, &str)]) -> ProjectError {
    let known: Vec<&str> = variables.iter().map(|(known, _)| *known).collect();
    place.wrong(format!(
        "%%{}%% is not a name that templates know; known are {}",
        short(name),
        known.join(", ")
    ))
}

fn short(name: &str) -> String {
    if name.len() < 100 { name.to_owned() } else { quoted(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, &str); 2] = [("BALENA_ARCH", "aarch64"), ("AB", "%%BALENA_ARCH%%")];

    #[test]
    fn names_are_replaced_and_nothing_else_is_done() {
        for (text, filled) in [
            ("FROM x/%%BALENA_ARCH%%:1", "FROM x/aarch64:1"),
            ("%%BALENA_ARCH%%-%%BALENA_ARCH%%", "aarch64-aarch64"),
            ("# %%UNKNOWN%%\n %%BALENA_ARCH%%", "# %%UNKNOWN%%\n aarch64"),
            ("%%AB%%", "%%BALENA_ARCH%%"),
            ("%%%BALENA_ARCH%%%", "%aarch64%"),
            ("100%% of %%a%% %%A%% %%_A%% %%A B%%", "100%% of %%a%% %%A%% %%_A%% %%A B%%"),
            (
                "<%= 7 * 7 %> ${7 * 7} <% while (true) {} %>",
                "<%= 7 * 7 %> ${7 * 7} <% while (true) {} %>",
            ),
            ("a\r\n%%BALENA_ARCH%%\r\n", "a\r\naarch64\r\n"),
            ("%%BALENA_ARCH", "%%BALENA_ARCH"),
        ] {
            assert_eq!(fill(text, "t", &KNOWN).expect("known names"), filled, "{text}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_its_line() {
        let error =
            fill("FROM x\nRUN %%NOBODY%%", "web/Dockerfile.template", &KNOWN).expect_err("unknown");
        let text = error.to_string();
        assert!(text.starts_with("web/Dockerfile.template, line 2: %%NOBODY%% is not"), "{text}");
    }

    #[test]
    fn a_template_does_not_grow_without_bound() {
        let value = "x".repeat(1 << 16);
        assert!(fill(&"%%AB%%\n".repeat(1000), "t", &[("AB", &value)]).is_err());
    }
}
