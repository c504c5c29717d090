//! Text of a query, read from left to right: words that must be there, and values between them.

use serde_json::{Value, json};

/// The rest of a text; every step gives none if something else stands there.
pub(super) struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Text(text)
    }

    pub(super) fn word(&mut self, word: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// A column's name.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        let other = |letter: char| !letter.is_ascii_lowercase() && letter != '_';
        let (name, rest) = self.0.split_at(self.0.find(other).unwrap_or(self.0.len()));
        self.0 = rest;
        (!name.is_empty()).then_some(name)
    }

    /// A number, a string or a word.
    pub(super) fn literal(&mut self) -> Option<Value> {
        for (word, value) in [("true", json!(true)), ("false", json!(false)), ("null", Value::Null)]
        {
            if self.word(word).is_some() {
                return Some(value);
            }
        }
        match self.0.starts_with('\'') {
            true => self.string().map(Value::String),
            false if self.0.starts_with("datetime") => self.time().map(Value::String),
            false => self.number().map(Value::from),
        }
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let end = self.0.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits.parse().ok()
    }

    /// A string in quotes; a quote in it is doubled.
    pub(super) fn string(&mut self) -> Option<String> {
        self.word("'")?;
        let mut value = String::new();
        loop {
            let end = self.0.find('\'')?;
            value.push_str(&self.0[..end]);
            self.0 = &self.0[end + 1..];
            if self.word("'").is_none() {
                return Some(value);
            }
            value.push('\'');
        }
    }

    /// `datetime'2026-11-28T12:00:00.000Z'`.
    pub(super) fn time(&mut self) -> Option<String> {
        self.word("datetime")?;
        let time = self.string()?;
        let form = "0000-00-00T00:00:00.000Z";
        let fits = |(given, form): (char, char)| match form {
            '0' => given.is_ascii_digit(),
            other => given == other,
        };
        (time.len() == form.len() && time.chars().zip(form.chars()).all(fits)).then_some(time)
    }

    /// One number or more, in brackets.
    pub(super) fn numbers(&mut self) -> Option<Vec<u64>> {
        self.word("(")?;
        let mut numbers = vec![self.number()?];
        while self.word(",").is_some() {
            numbers.push(self.number()?);
        }
        self.word(")")?;
        Some(numbers)
    }

    /// A key of digits with its bracket, and nothing behind it.
    pub(super) fn id(&mut self) -> Option<u64> {
        let id = self.number()?;
        self.word(")")?;
        self.end()?;
        Some(id)
    }

    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Parts of a list, parted where no bracket is open.
pub(super) fn parts(list: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, letter) in list.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            letter if letter == separator && depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// The text that a part of a URL stands for. What must be escaped and is not makes it none: a space, `+` (which
/// forms read as a space), controls, and whatever is not ASCII.
pub(super) fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'+' | b'"' | b'<' | b'>' | b'#' => return None,
            byte if byte.is_ascii_graphic() => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

/// What stands behind the question mark: every name once.
#[derive(Default)]
pub(super) struct Options(Vec<(String, String)>);

impl Options {
    pub(super) fn read(query: &str) -> Option<Self> {
        let mut options = Vec::new();
        for part in query.split('&') {
            let (name, value) = part.split_once('=')?;
            options.push((name.to_owned(), decode(value)?));
        }
        Some(Options(options))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes an option that must have this value.
    pub(super) fn expect(&mut self, name: &str, value: &str) -> Option<()> {
        (self.take(name)? == value).then_some(())
    }

    /// How many rows are wanted at most.
    pub(super) fn top(&mut self) -> Option<usize> {
        self.take("$top")?.parse().ok().filter(|top| *top > 0)
    }

    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
