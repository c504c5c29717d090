//! What a person reads.

use super::Bench;

#[test]
fn the_summary_says_which_way_and_how_much_was_saved() {
    let bench = Bench::with_delta();
    let told = |line: &str| String::from_utf8(bench.succeed(line).stdout).expect("text");
    let first = told(&format!("pull {}", bench.app("1")));
    assert!(first.contains("layers:  2 as they are\nfetch:   2.40 MB\n"), "{first}");
    let planned = told(&format!("pull {} --dry-run", bench.app("2")));
    assert!(planned.starts_with("a dry run: nothing was fetched"), "{planned}");
    let second = told(&format!("pull {}", bench.app("2")));
    assert!(second.contains(&format!("base:    {}\n", bench.app("1"))), "{second}");
    assert!(second.contains("layers:  1 here already, 1 by delta\n"), "{second}");
    assert!(second.contains(" instead of 2.00 MB\n"), "{second}");
    let table = told("images");
    assert!(table.lines().count() == 3 && table.contains("2.40 MB"), "{table}");
}

#[test]
fn what_is_not_there_is_said_as_everywhere() {
    let bench = Bench::new();
    for (target, code, reason) in [
        (bench.app("9"), 3, "was not found"),
        ("127.0.0.1:1/app:1".to_owned(), 3, "127.0.0.1:1"),
        ("oci:nowhere".to_owned(), 3, "nowhere"),
    ] {
        let ran = bench.run(&format!("pull {target} --retries 0"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(ran.stderr.contains(reason), "{}", ran.stderr);
    }
}
