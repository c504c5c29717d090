//! The log of one image: as much as the API takes, and at least its end.

use std::collections::VecDeque;

/// Bytes of a log as JSON has it. The API refuses requests of 512 kB and more, and the Dockerfile is in the same one.
const MAX_BYTES: usize = 380_000;
/// Bytes of a Dockerfile as JSON has it.
const MAX_DOCKERFILE: usize = 60_000;
/// What stands where lines were left out.
const LEFT_OUT: &str = "[earlier output was left out]";

/// The last lines of an image's build.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: VecDeque<String>,
    bytes: usize,
    is_cut: bool,
}

impl Log {
    pub(super) fn add(&mut self, line: &str) {
        self.bytes += escaped(line);
        self.lines.push_back(line.to_owned());
        while self.bytes > MAX_BYTES {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= escaped(&first);
            self.is_cut = true;
        }
    }

    pub(super) fn text(&self) -> String {
        let note = self.is_cut.then_some(LEFT_OUT);
        let lines = note.into_iter().chain(self.lines.iter().map(String::as_str));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The beginning of a Dockerfile, as far as the API takes it.
pub(super) fn kept_dockerfile(text: &str) -> String {
    let mut bytes = 0;
    let fits = |line: &&str| {
        bytes += escaped(line);
        bytes <= MAX_DOCKERFILE
    };
    text.lines().take_while(fits).collect::<Vec<_>>().join("\n")
}

/// Bytes of a line in a JSON text, at most: a control character takes six.
fn escaped(line: &str) -> usize {
    let bytes = line.bytes().map(|byte| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    });
    bytes.sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_log_is_kept_and_fits_into_a_request() {
        let mut log = Log::default();
        for number in 0..50_000 {
            log.add(&format!("\x1b[31m\"line\" {number}\x1b[0m"));
        }
        let text = log.text();
        assert!(text.starts_with(LEFT_OUT) && text.contains("49999"));
        let json = serde_json::to_string(&text).expect("a text");
        assert!(json.len() < MAX_BYTES + 100 && json.len() > MAX_BYTES / 2, "{}", json.len());
    }

    #[test]
    fn a_dockerfile_is_cut_at_a_line() {
        assert_eq!(kept_dockerfile("FROM a\nRUN b\n"), "FROM a\nRUN b");
        let long = "RUN x\n".repeat(100_000);
        let kept = kept_dockerfile(&long);
        assert!(kept.len() <= MAX_DOCKERFILE && kept.ends_with("RUN x"));
    }
}
