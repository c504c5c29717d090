//! Output in pieces, made into lines.

use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;

use super::super::lines::{Joiner, Line, cleaned};

fn joined(pieces: &[&str]) -> Vec<Line> {
    let (mut joiner, mut lines) = (Joiner::default(), Vec::new());
    pieces.iter().for_each(|piece| joiner.push(piece, &mut |line| lines.push(line)));
    joiner.flush(&mut |line| lines.push(line));
    lines
}

fn text(text: &str) -> Line {
    Line::Text(text.to_owned())
}

#[test]
fn pieces_become_lines_wherever_they_are_cut() {
    for (pieces, expected) in [
        (&["a", "b\nc", "\n"][..], vec![text("ab"), text("c")]),
        (&["one\r", "\ntwo"], vec![text("one"), text("two")]),
        (&["\n\n"], vec![text(""), text("")]),
        (&["no end"], vec![text("no end")]),
        (&["", ""], vec![]),
        (&["tab\there\u{7}\u{8}\u{0}"], vec![text("tab\there")]),
    ] {
        assert_eq!(joined(pieces), expected, "{pieces:?}");
    }
}

#[test]
fn a_carriage_return_replaces_what_stands_before_it() {
    let replaced = |text: &str| Line::Replace(text.to_owned());
    assert_eq!(
        joined(&["10%\r", "20%\r", "done\n"]),
        [replaced("10%"), replaced("20%"), text("done")]
    );
    assert_eq!(joined(&["\r\rx\r\r\n"]), [text("x")]);
}

#[test]
fn colours_stay_and_end_with_their_line() {
    assert_eq!(
        joined(&["\x1b[9", "1mred\nstill\x1b[0m\nplain\n"]),
        [text("\x1b[91mred\x1b[0m"), text("\x1b[91mstill\x1b[0m"), text("plain")]
    );
}

#[test]
fn what_a_terminal_obeys_is_left_out() {
    for (piece, expected) in [
        ("a\x1b[2Jb", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\b", "ab"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\u{9b}31mb", "a\x1b[31mb\x1b[0m"),
        ("a\x1b(0b", "ab"),
        ("a\x1bcb", "ab"),
        ("a\x1b[?25lb", "ab"),
        ("a\u{202e}b\u{85}", "ab"),
    ] {
        assert_eq!(joined(&[piece]), [text(expected)], "{piece:?}");
    }
}

#[test]
fn a_command_without_an_end_does_not_swallow_output() {
    assert_eq!(joined(&["a\x1b]0;title\nb\n"]), [text("a"), text("b")]);
    assert_eq!(joined(&["a\x1b[31\nb\n"]), [text("a"), text("b")]);
    let long = format!("\x1b[{}x\n", "1;".repeat(1000));
    assert!(joined(&[&long]).iter().all(|line| matches!(line, Line::Text(_))));
}

#[test]
fn a_long_line_is_broken() {
    let lines = joined(&[&"x".repeat(100_000)]);
    let all: usize = lines
        .iter()
        .map(|line| match line {
            Line::Text(text) if text.len() <= 20_000 => text.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(all, 100_000);
}

#[test]
fn an_engines_words_keep_their_lines_and_are_bounded() {
    assert_eq!(cleaned("first\nsecond\x1b[2J\n"), "first\nsecond");
    assert!(cleaned(&"é".repeat(100_000)).len() < 20_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_but_colours_reaches_the_terminal(pieces in proptest::collection::vec(any::<String>(), 0..8)) {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        for line in joined(&pieces) {
            let (Line::Text(text) | Line::Replace(text)) = line;
            for after in text.split('\x1b').skip(1) {
                let end = after.find('m').expect("the end of a colour");
                assert!(after[1..end].chars().all(|c| c.is_ascii_digit() || c == ';'));
            }
            assert!(text.chars().all(|c| c == '\t' || c == '\x1b' || !c.is_control()), "{text:?}");
        }
    }
}
