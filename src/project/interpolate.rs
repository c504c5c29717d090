//! `$NAME` and `${NAME…}` in texts. Values come from the project alone, never from the environment of this process.

use std::collections::BTreeSet;

/// Defaults within defaults.
const MAX_DEPTH: usize = 16;
/// Bytes that one text may become.
const MAX_BYTES: usize = 1 << 20;

/// Where values come from, and which names had none.
pub(super) struct Variables<'l> {
    pub(super) lookup: &'l dyn Fn(&str) -> Option<String>,
    pub(super) unset: BTreeSet<String>,
}

impl Variables<'_> {
    /// Returns `text` with all variables replaced, as Compose does; names without a value become nothing.
    ///
    /// # Errors
    /// The problem with the text: a dollar sign that begins nothing, or a variable that has to have a value.
    pub(super) fn fill(&mut self, text: &str) -> Result<String, String> {
        self.fill_at(text, 0)
    }

    fn fill_at(&mut self, text: &str, depth: usize) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} defaults within each other"));
        }
        let (mut filled, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            filled.push_str(&rest[..at]);
            let (value, after) = self.variable(&rest[at + 1..], depth)?;
            filled.push_str(&value);
            rest = after;
            if filled.len() > MAX_BYTES {
                return Err(format!(
                    "becomes longer than {MAX_BYTES} bytes once variables are replaced"
                ));
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// What stands for the variable after a dollar sign, and what follows.
    fn variable<'t>(&mut self, text: &'t str, depth: usize) -> Result<(String, &'t str), String> {
        if let Some(rest) = text.strip_prefix('$') {
            return Ok(("$".to_owned(), rest));
        }
        if let Some(inner) = text.strip_prefix('{') {
            let end = closing(inner).ok_or_else(|| invalid(text))?;
            return Ok((self.braced(&inner[..end], depth)?, &inner[end + 1..]));
        }
        match name_len(text) {
            0 => Err(invalid(text)),
            len => Ok((self.plain(&text[..len]), &text[len..])),
        }
    }

    fn braced(&mut self, inner: &str, depth: usize) -> Result<String, String> {
        let (name, rest) = inner.split_at(name_len(inner));
        if name.is_empty() {
            return Err(invalid(&format!("{{{inner}}}")));
        }
        let value = (self.lookup)(name);
        let (operator, word) =
            split_operator(rest).ok_or_else(|| invalid(&format!("{{{inner}}}")))?;
        let filled = value.clone().filter(|value| !(operator.starts_with(':') && value.is_empty()));
        match operator.trim_start_matches(':') {
            "" => Ok(self.plain(name)),
            "-" => filled.map_or_else(|| self.fill_at(word, depth + 1), Ok),
            "+" => filled.map_or_else(|| Ok(String::new()), |_| self.fill_at(word, depth + 1)),
            _ => match filled {
                Some(value) => Ok(value),
                None => {
                    Err(format!("needs the variable {name}: {}", self.fill_at(word, depth + 1)?))
                }
            },
        }
    }

    fn plain(&mut self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            self.unset.insert(name.chars().take(100).collect());
            String::new()
        })
    }
}

/// The operator after a name and the word after the operator.
fn split_operator(rest: &str) -> Option<(&str, &str)> {
    if rest.is_empty() {
        return Some(("", ""));
    }
    let operators = [":-", ":?", ":+", "-", "?", "+"];
    operators.iter().find_map(|operator| Some((*operator, rest.strip_prefix(operator)?)))
}

/// Where the brace that is open closes.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
        before = c;
    }
    None
}

/// How long the name is that the text begins with.
fn name_len(text: &str) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

fn invalid(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("\"${}\" is no variable: write $$ for a dollar sign", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> (Result<String, String>, Vec<String>) {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLAR" => Some("$A".to_owned()),
            _ => None,
        };
        let mut variables = Variables { lookup: &lookup, unset: BTreeSet::new() };
        let filled = variables.fill(text);
        (filled, variables.unset.into_iter().collect())
    }

    #[test]
    fn variables_are_replaced_as_compose_does() {
        for (text, filled) in [
            ("x", "x"),
            ("$A-${A}", "a-a"),
            ("$$A $${A}", "$A ${A}"),
            ("${DOLLAR}", "$A"),
            ("${NO:-d}${EMPTY:-d}${EMPTY-d}${NO-d}", "ddd"),
            ("${NO:-${A}b}", "ab"),
            ("${NO:-${ALSO:-$A}}}", "a}"),
            ("${A:+r}${EMPTY:+r}${EMPTY+r}${NO+r}", "rr"),
            ("${A:?e}${EMPTY?e}", "a"),
            ("${A:-}", "a"),
            ("${NO:-a:b}", "a:b"),
        ] {
            assert_eq!(fill(text), (Ok(filled.to_owned()), Vec::new()), "{text}");
        }
    }

    #[test]
    fn names_without_a_value_become_nothing_and_are_told() {
        assert_eq!(
            fill("[$HOME${PATH}]"),
            (Ok("[]".to_owned()), vec!["HOME".to_owned(), "PATH".to_owned()])
        );
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in ["$", "a $ b", "$1", "${", "${}", "${A", "${A!b}", "${1}", "${A:b}"] {
            assert!(fill(text).0.is_err(), "{text}");
        }
        let (needed, _) = fill("${NO:?say $A}");
        assert_eq!(needed, Err("needs the variable NO: say a".to_owned()));
        assert!(fill("${EMPTY:?}").0.is_err());
    }

    #[test]
    fn texts_stay_bounded() {
        assert!(fill(&("${N:-".repeat(100) + &"}".repeat(100))).0.is_err());
        let long = "x".repeat(1000);
        let lookup = |_: &str| Some(long.clone());
        let mut variables = Variables { lookup: &lookup, unset: BTreeSet::new() };
        assert!(variables.fill(&"$A".repeat(10_000)).is_err());
    }
}
