//! What in a Dockerfile only BuildKit understands.

use std::collections::HashMap;

use super::instructions::{directives, instruction, keyword};
use super::plan::NeedsBuildKit;

/// Flags of instructions that the classic builder knows (Docker 20.10).
const CLASSIC_FLAGS: [(&str, &[&str]); 4] = [
    ("FROM", &["platform"]),
    ("COPY", &["chown", "from"]),
    ("ADD", &["chown"]),
    ("HEALTHCHECK", &["interval", "timeout", "start-period", "retries"]),
];
/// Instructions that may be followed by heredocs.
const WITH_HEREDOCS: [&str; 3] = ["RUN", "COPY", "ADD"];

/// The first thing in a Dockerfile that the classic builder does not know; `None` if it knows all.
pub(super) fn needs_buildkit(dockerfile: &str) -> Option<NeedsBuildKit> {
    let lines: Vec<&str> = dockerfile.lines().collect();
    let (escape, syntax) = directives(&lines);
    if let Some(line) = syntax {
        return Some(NeedsBuildKit { line: line + 1, what: cut(lines[line]) });
    }
    let ends = Ends::new(&lines);
    let mut next = 0;
    while next < lines.len() {
        let (instruction, end) = instruction(&lines, next, escape);
        if let Some(what) = newer_flag(&instruction).or_else(|| heredoc(&instruction, &ends, end)) {
            return Some(NeedsBuildKit { line: next + 1, what });
        }
        next = end;
    }
    None
}

/// A flag that the classic builder does not know.
fn newer_flag(instruction: &str) -> Option<String> {
    let (keyword, rest) = keyword(instruction);
    let classic =
        CLASSIC_FLAGS.iter().find(|(name, _)| *name == keyword).map_or(&[][..], |(_, flags)| flags);
    let takes_flags = keyword == "RUN" || !classic.is_empty();
    let mut flags = rest.split_whitespace().map_while(|word| word.strip_prefix("--"));
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let newer = flags.find(|flag| !classic.contains(&name(flag).as_str()))?;
    takes_flags.then(|| cut(&format!("{keyword} --{}", name(newer))))
}

/// Where each line stands last, as it is and without tabs before it.
struct Ends<'t>([HashMap<&'t str, usize>; 2]);

impl<'t> Ends<'t> {
    fn new(lines: &[&'t str]) -> Self {
        let last = |plain: fn(&'t str) -> &'t str| {
            lines
                .iter()
                .enumerate()
                .map(|(number, line)| (plain(line.trim_end_matches('\r')), number))
                .collect()
        };
        Ends([last(|line| line), last(|line| line.trim_start_matches('\t'))])
    }

    /// Whether a heredoc of this name ends at the line `from` or after it.
    fn has(&self, name: &str, tabs: bool, from: usize) -> bool {
        self.0[usize::from(tabs)].get(name).is_some_and(|line| *line >= from)
    }
}

/// A heredoc whose end is among the lines from `from` on.
fn heredoc(instruction: &str, ends: &Ends<'_>, from: usize) -> Option<String> {
    let (keyword, rest) = keyword(instruction);
    if !WITH_HEREDOCS.contains(&keyword.as_str()) || rest.starts_with('[') {
        return None;
    }
    let mut words = rest.split_whitespace().filter_map(heredoc_name);
    let (name, _) = words.find(|(name, tabs)| ends.has(name, *tabs, from))?;
    Some(cut(&format!("{keyword} <<{name}")))
}

/// The name that ends a heredoc, and whether tabs may stand before it; `None` if the word is no heredoc.
fn heredoc_name(word: &str) -> Option<(&str, bool)> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let name = rest.trim_matches(['"', '\'']);
    (!name.is_empty() && !name.contains('<')).then_some((name, tabs))
}

/// A line as it is shown.
fn cut(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_buildkit_knows_is_found_with_its_line() {
        for (text, line, what) in [
            ("# syntax=docker/dockerfile:1\nFROM a", 1, "# syntax=docker/dockerfile:1"),
            ("# escape=`\n#Syntax = x\nFROM a", 2, "#Syntax = x"),
            ("FROM a\nRUN --mount=type=cache,target=/x make", 2, "RUN --mount"),
            ("FROM a\nRUN \\\n  --network=none make", 2, "RUN --network"),
            ("FROM a\nrun --security=insecure make", 2, "RUN --security"),
            ("FROM a\nCOPY --chown=1 --chmod=755 a b", 2, "COPY --chmod"),
            ("FROM a\nCOPY --link a b", 2, "COPY --link"),
            ("FROM a\nADD --checksum=sha256:x a b", 2, "ADD --checksum"),
            ("FROM a\nONBUILD RUN --mount=type=ssh make", 2, "RUN --mount"),
            ("FROM a\n\nRUN <<EOF\nmake\nEOF", 3, "RUN <<EOF"),
            ("FROM a\nCOPY <<-\"EOF\" /x\n\ttext\n\tEOF\r\n", 2, "COPY <<EOF"),
            ("# escape=`\nFROM a\nRUN a `\n --b && cat 3<<X\nX", 3, "RUN <<X"),
        ] {
            let what = what.to_owned();
            assert_eq!(needs_buildkit(text), Some(NeedsBuildKit { line, what }), "{text}");
        }
    }

    #[test]
    fn what_the_classic_builder_knows_needs_nothing_else() {
        for text in [
            "",
            "FROM --platform=linux/amd64 a AS b\nCOPY --from=b --chown=1:1 x y\nADD --chown=1 x y",
            "HEALTHCHECK --interval=5s --start-period=1s CMD x --mount",
            "FROM a\n# syntax=docker/dockerfile:1",
            "FROM a\n# RUN --mount=type=cache x",
            "FROM a\nRUN make --mount=x",
            "FROM a\nRUN echo $((1 << 2)) && cat <<< x",
            "FROM a\nRUN cat <<EOF && true",
            "FROM a\nRUN [\"cat\", \"<<EOF\"]\nEOF",
            "FROM a\nCMD --mount",
            "FROM a\nRUN a \\\n# comment\n\n  b",
            "FROM a\nRUN a \\",
        ] {
            assert_eq!(needs_buildkit(text), None, "{text}");
        }
    }

    #[test]
    fn many_instructions_take_time_for_each_once() {
        assert_eq!(needs_buildkit(&"RUN a <<A <<B <<C\n".repeat(60_000)), None);
        let text = "RUN a \\\n# b\n\n".repeat(50_000) + "x\nRUN --mount=x y";
        assert_eq!(needs_buildkit(&text).map(|needs| needs.line), Some(150_002));
    }
}
