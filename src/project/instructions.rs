//! A Dockerfile's instructions, as both of an engine's builders read them.

/// The escape character that directives at the top set, and the line with `# syntax=`.
pub(super) fn directives(lines: &[&str]) -> (char, Option<usize>) {
    let mut escape = '\\';
    for (number, line) in lines.iter().enumerate() {
        let pair = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('='));
        let Some((key, value)) = pair else { break };
        match key.trim().to_ascii_lowercase().as_str() {
            "syntax" => return (escape, Some(number)),
            "escape" => escape = value.trim().chars().next().unwrap_or(escape),
            "check" => {}
            _ => break,
        }
    }
    (escape, None)
}

/// The instruction that begins at the line `start`, in one line, and the line after it.
pub(super) fn instruction(lines: &[&str], start: usize, escape: char) -> (String, usize) {
    let mut joined = String::new();
    for (number, line) in lines.iter().enumerate().skip(start) {
        let text = line.trim();
        if text.starts_with('#') || text.is_empty() {
            // Comments and empty lines do not end an instruction that goes on.
            if joined.is_empty() {
                return (joined, number + 1);
            }
            continue;
        }
        match text.strip_suffix(escape) {
            Some(part) => joined.push_str(&format!("{part} ")),
            None => {
                joined.push_str(text);
                return (joined, number + 1);
            }
        }
    }
    (joined, lines.len())
}

/// The keyword and what follows, `ONBUILD` left out.
pub(super) fn keyword(instruction: &str) -> (String, &str) {
    let (word, rest) =
        instruction.trim().split_once(char::is_whitespace).unwrap_or((instruction.trim(), ""));
    match word.eq_ignore_ascii_case("onbuild") {
        true => keyword(rest),
        false => (word.to_ascii_uppercase(), rest.trim_start()),
    }
}
