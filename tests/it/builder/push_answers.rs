//! A builder's answer as `balena push` reads it: elements of a JSON array as they come, and from them the
//! CLI's exit code.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::TcpStream;

use serde_json::Value;

use super::pushes::Watcher;

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 if the connection ended before the first line.
    pub(crate) status: u16,
    /// What stands behind the status: the CLI shows it where the status is 400 or more.
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    /// All bytes, chunks joined.
    pub(crate) body: Vec<u8>,
    /// The array's, in order.
    pub(crate) elements: Vec<Value>,
    /// Whether the body came to the end that HTTP announced.
    pub(crate) delivered: bool,
    /// Whether an array was closed.
    pub(crate) closed: bool,
    /// Whether something is there that is not JSON.
    pub(crate) malformed: bool,
    detached: bool,
}

impl Answer {
    /// A whole stream: delivered, one closed array, and nothing but white space around it.
    pub(crate) fn is_complete(&self) -> bool {
        let body = self.body.trim_ascii();
        let is_array = body.starts_with(b"[") && body.ends_with(b"]");
        self.delivered && self.closed && !self.malformed && is_array
    }

    /// The CLI's: 1 after a status of 400 and more, a lost connection, text that is no JSON, or one element
    /// with `isError`; else 0, also if the array is not closed. Detached, any JSON is 0.
    pub(crate) fn exit_code(&self) -> i32 {
        let failed = match self.detached {
            true => self.started().is_none(),
            false => self.malformed || self.has_error(),
        };
        i32::from(self.status == 0 || self.status >= 400 || !self.delivered || failed)
    }

    /// The answer to a detached push.
    pub(crate) fn started(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// From `buildLogId`, a number or digits.
    pub(crate) fn release_id(&self) -> Option<u64> {
        let found = self.elements.iter().rfind(|one| one["resource"] == "buildLogId")?;
        let value = &found["value"];
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// The texts of all elements that are shown and stay, without colours.
    pub(crate) fn messages(&self) -> Vec<String> {
        let stays = |one: &&Value| one["replace"] != true && one["type"] != "metadata";
        let texts = self.elements.iter().filter(stays).filter_map(|one| one["message"].as_str());
        texts.map(|text| without_colours(text.trim_end_matches('\n'))).collect()
    }

    /// The messages with `isError`.
    pub(crate) fn errors(&self) -> Vec<String> {
        let wrong = self.elements.iter().filter(|one| is_error(one));
        wrong.map(|one| without_colours(one["message"].as_str().unwrap_or_default())).collect()
    }

    /// All messages, a line each: for searching and for messages of failed tests.
    pub(crate) fn text(&self) -> String {
        self.messages().join("\n")
    }

    fn has_error(&self) -> bool {
        self.elements.iter().any(is_error)
    }
}

/// Whatever JavaScript takes for true, in anything but metadata.
fn is_error(element: &Value) -> bool {
    let said = match &element["isError"] {
        Value::Null => false,
        Value::Bool(said) => *said,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    };
    said && element["type"] != "metadata"
}

/// Takes away what a terminal reads as colours.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += part.split_once('m').map_or(part, |(_, rest)| rest);
    }
    plain
}

/// Reads until the answer ends, the connection is lost, or the watcher has seen enough.
pub(super) fn read(stream: &TcpStream, detached: bool, watcher: &Watcher) -> Answer {
    let mut answer = Answer { detached, ..Answer::default() };
    let mut input = BufReader::new(stream);
    // What came until then is there.
    let delivered = read_answer(&mut input, &mut answer, watcher);
    answer.delivered = delivered.unwrap_or(false);
    answer
}

fn read_answer(
    input: &mut impl BufRead,
    answer: &mut Answer,
    watcher: &Watcher,
) -> io::Result<bool> {
    let first = line(input)?;
    let mut words = first.splitn(3, ' ').skip(1);
    answer.status = words.next().and_then(|status| status.parse().ok()).unwrap_or(0);
    words.next().unwrap_or_default().clone_into(&mut answer.reason);
    loop {
        let line = line(input)?;
        let Some((name, value)) = line.split_once(':') else { break };
        answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |wanted: &str| {
        answer.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    let mut elements = Elements { array: !answer.detached, ..Elements::default() };
    if header("transfer-encoding").as_deref() == Some("chunked") {
        loop {
            let size = line(input)?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)
                .map_err(io::Error::other)?;
            if size == 0 {
                return Ok(line(input)?.is_empty());
            }
            let mut chunk = vec![0; size];
            input.read_exact(&mut chunk)?;
            line(input)?;
            if !elements.take(&chunk, answer, watcher) {
                return Ok(false);
            }
        }
    }
    let mut body = Vec::new();
    match length {
        Some(length) => input.take(length).read_to_end(&mut body)?,
        None => input.read_to_end(&mut body)?,
    };
    elements.take(&body, answer, watcher);
    Ok(length.is_none_or(|length| body.len() as u64 == length))
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

/// Finds elements in bytes that come piece by piece.
#[derive(Default)]
struct Elements {
    array: bool,
    /// Not yet understood.
    rest: Vec<u8>,
    opened: bool,
    /// Whether a value may come: after the bracket, or after a comma.
    parted: bool,
    /// Values of an object.
    waiting: VecDeque<Value>,
}

impl Elements {
    /// Whether to go on.
    fn take(&mut self, bytes: &[u8], answer: &mut Answer, watcher: &Watcher) -> bool {
        answer.body.extend_from_slice(bytes);
        if !self.array || answer.status >= 400 {
            return true;
        }
        self.rest.extend_from_slice(bytes);
        while let Some(element) = self.next(answer) {
            answer.elements.push(element);
            if !watcher.goes_on_after(answer.elements.last().expect("just added")) {
                return false;
            }
        }
        true
    }

    /// Elements of arrays, and values of objects that stand by themselves: the CLI looks one level deep.
    fn next(&mut self, answer: &mut Answer) -> Option<Value> {
        while self.waiting.is_empty() {
            let skipped = self.rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.rest.drain(..skipped);
            match *self.rest.first()? {
                b'[' if !self.opened => (self.opened, self.parted) = (true, true),
                b',' if self.opened && !self.parted => self.parted = true,
                b']' if self.opened => (self.opened, answer.closed) = (false, true),
                _ if self.opened => return self.parted_value(answer),
                _ => {
                    if let Value::Object(fields) = self.value(answer)? {
                        self.waiting.extend(fields.into_iter().map(|(_, value)| value));
                    }
                    continue;
                }
            }
            self.rest.remove(0);
        }
        self.waiting.pop_front()
    }

    /// Between two values stands a comma, and only one.
    fn parted_value(&mut self, answer: &mut Answer) -> Option<Value> {
        if !self.parted {
            answer.malformed = true;
            return None;
        }
        let value = self.value(answer)?;
        self.parted = false;
        Some(value)
    }

    /// The value at the beginning, if all of it is there.
    fn value(&mut self, answer: &mut Answer) -> Option<Value> {
        let mut values = serde_json::Deserializer::from_slice(&self.rest).into_iter::<Value>();
        match values.next()? {
            Ok(value) => {
                let end = values.byte_offset();
                self.rest.drain(..end);
                Some(value)
            }
            Err(error) => {
                answer.malformed = !error.is_eof();
                None
            }
        }
    }
}
