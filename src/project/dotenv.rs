//! Files with variables: `.env`, and those that `env_file` and `label_file` name.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{Place, ProjectError};
use super::interpolate::Variables;

/// Bytes of all values of a file, which may repeat each other.
const MAX_VALUE_BYTES: usize = 4 << 20;
const TOO_LONG: &str = "is where the file's values become longer than 4 MiB: repeat less";

/// What a file says, in order. A name alone has no value of its own.
pub(super) type Pairs = Vec<(String, Option<String>)>;

/// Reads a file with variables. Values may use what comes before them and what `known` has.
///
/// # Errors
/// If a line is malformed.
pub(super) fn read(
    text: &str,
    file: &str,
    known: &BTreeMap<String, String>,
    unset: &mut BTreeSet<String>,
) -> Result<Pairs, ProjectError> {
    let mut reader = Reader { text, line: 1, file, found: BTreeMap::new(), known, unset };
    let (mut pairs, mut left) = (Pairs::new(), MAX_VALUE_BYTES);
    while let Some(start) = reader.next_statement() {
        let (name, value) = reader.statement(start)?;
        if let Some(value) = &value {
            left = left.checked_sub(value.len()).ok_or_else(|| reader.wrong(TOO_LONG))?;
            reader.found.insert(name.clone(), value.clone());
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

struct Reader<'t> {
    /// What has not been read yet.
    text: &'t str,
    line: usize,
    file: &'t str,
    found: BTreeMap<String, String>,
    known: &'t BTreeMap<String, String>,
    unset: &'t mut BTreeSet<String>,
}

impl<'t> Reader<'t> {
    fn wrong(&self, problem: impl Into<String>) -> ProjectError {
        Place::line(self.file, self.line).wrong(problem)
    }

    /// Passes over empty lines and comments; returns the line that follows.
    fn next_statement(&mut self) -> Option<&'t str> {
        loop {
            if self.text.is_empty() {
                return None;
            }
            let (line, rest) = self.text.split_once('\n').unwrap_or((self.text, ""));
            let trimmed = line.trim();
            if !trimmed.is_empty() && !trimmed.starts_with('#') {
                return Some(line);
            }
            self.text = rest;
            self.line += 1;
        }
    }

    fn statement(&mut self, line: &'t str) -> Result<(String, Option<String>), ProjectError> {
        let bare = line.trim_start();
        let bare = bare.strip_prefix("export ").map_or(bare, str::trim_start);
        let end = bare.find(['=', ':']).unwrap_or(bare.len());
        let name = bare[..end].trim();
        let is_part =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']' | '/');
        if name.is_empty() || !name.chars().all(is_part) {
            return Err(self.wrong("is not of the form NAME=value"));
        }
        if end == bare.len() {
            self.skip_line();
            return Ok((name.to_owned(), None));
        }
        let value = bare[end + 1..].trim_start_matches([' ', '\t']);
        // Quoted values may go on over lines, so the rest of the whole text counts.
        let offset = line.len() - value.len();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(&self.text[offset + 1..], quote)?,
            _ => self.unquoted(value)?,
        };
        Ok((name.to_owned(), Some(value)))
    }

    fn skip_line(&mut self) {
        self.text = self.text.split_once('\n').map_or("", |(_, rest)| rest);
        self.line += 1;
    }

    fn unquoted(&mut self, value: &str) -> Result<String, ProjectError> {
        let comment = [" #", "\t#"].iter().filter_map(|mark| value.find(mark)).min();
        let value =
            if value.starts_with('#') { "" } else { &value[..comment.unwrap_or(value.len())] };
        let filled = self.fill(value.trim())?;
        self.skip_line();
        Ok(filled)
    }

    fn quoted(&mut self, text: &'t str, quote: char) -> Result<String, ProjectError> {
        let end = closing(text, quote)
            .ok_or_else(|| self.wrong("has a quotation mark that does not close"))?;
        let (inner, rest) = (&text[..end], &text[end + 1..]);
        let value = match quote {
            '"' => self.fill(&unescape(inner))?,
            _ => inner.to_owned(),
        };
        self.line += inner.matches('\n').count();
        self.text = rest;
        let after = rest.split('\n').next().unwrap_or_default().trim();
        if !after.is_empty() && !after.starts_with('#') {
            return Err(self.wrong("has text after a quoted value"));
        }
        self.skip_line();
        Ok(value)
    }

    fn fill(&mut self, text: &str) -> Result<String, ProjectError> {
        let lookup = |name: &str| self.known.get(name).or_else(|| self.found.get(name)).cloned();
        let mut variables = Variables { lookup: &lookup, unset: std::mem::take(self.unset) };
        let filled = variables.fill(text);
        *self.unset = variables.unset;
        filled.map_err(|problem| self.wrong(problem))
    }
}

/// Where a quotation mark closes what is quoted.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return Some(at);
        }
        escaped = quote == '"' && c == '\\' && !escaped;
    }
    None
}

/// Replaces escapes. A dollar sign after a backslash is no variable.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some('$') => plain.push_str("$$"),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Result<Pairs, String> {
        let known = BTreeMap::from([("KNOWN".to_owned(), "k".to_owned())]);
        read(text, ".env", &known, &mut BTreeSet::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_read_as_compose_reads_them() {
        for (text, value) in [
            ("A=b", Some("b")),
            ("export A = b ", Some("b")),
            ("A=b # comment", Some("b")),
            ("A=b#c", Some("b#c")),
            ("A=", Some("")),
            ("A", None),
            ("A: b", Some("b")),
            ("A='$KNOWN \\n'", Some("$KNOWN \\n")),
            ("A=\"$KNOWN\\n\\\"x\\$y\" # c", Some("k\n\"x$y")),
            ("A=\"two\nlines\"", Some("two\nlines")),
            ("A=${KNOWN}-${NO:-d}", Some("k-d")),
            ("A=a=b\r\n", Some("a=b")),
            ("# c\n\n  A=b", Some("b")),
        ] {
            assert_eq!(pairs(text), Ok(vec![("A".to_owned(), value.map(str::to_owned))]), "{text}");
        }
        let two = pairs("A='x\ny'\nB=$A").expect("both");
        assert_eq!(two[1], ("B".to_owned(), Some("x\ny".to_owned())));
    }

    #[test]
    fn malformed_lines_are_told() {
        for (text, start) in [
            ("A=b\n=c", ".env, line 2: is not of the form"),
            ("A='b\nc", ".env, line 1: has a quotation mark"),
            ("\nA='b' c", ".env, line 2: has text after"),
            ("A=${", ".env, line 1: "),
            ("a b", ".env, line 1: is not of the form"),
        ] {
            let error = pairs(text).expect_err(text);
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
    #[test]
    fn values_that_repeat_each_other_stay_bounded() {
        let doubled: String =
            (1..30).map(|line| format!("A{line}=$A{}$A{}\n", line - 1, line - 1)).collect();
        assert!(pairs(&format!("A0={}\n{doubled}", "x".repeat(100))).is_err());
        let long = format!("A={}\n{}", "x".repeat(900_000), "B=$A\n".repeat(1000));
        assert!(pairs(&long).expect_err("too long").contains("4 MiB"));
    }
}
