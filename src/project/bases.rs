//! Which images a Dockerfile takes files from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::instructions::{directives, instruction, keyword};
use super::interpolate::Variables;
use super::plan::Bases;

/// The base that holds nothing.
const NOTHING: &str = "scratch";
/// Bases that are looked at: more than any Dockerfile has.
const MAX_BASES: usize = 100;

/// The images that a Dockerfile names after `FROM` and `COPY --from=`, with `arguments` put in. Stages of its own, images
/// for a platform that it names itself, and names that nobody can tell before the build are left out.
pub(super) fn bases(dockerfile: &str, arguments: &BTreeMap<String, String>) -> Bases {
    let lines: Vec<&str> = dockerfile.lines().collect();
    let (escape, _) = directives(&lines);
    let mut reader = Reader::new(arguments);
    let mut next = 0;
    while next < lines.len() && reader.images.len() < MAX_BASES {
        let (instruction, end) = instruction(&lines, next, escape);
        reader.take(&instruction);
        next = end;
    }
    Bases { images: reader.images, from_nothing: reader.from_nothing }
}

struct Reader<'a> {
    arguments: &'a BTreeMap<String, String>,
    /// Arguments before the first stage, with their values.
    values: HashMap<String, String>,
    stages: BTreeSet<String>,
    has_begun: bool,
    images: Vec<String>,
    from_nothing: bool,
}

impl<'a> Reader<'a> {
    fn new(arguments: &'a BTreeMap<String, String>) -> Self {
        Reader {
            arguments,
            values: HashMap::new(),
            stages: BTreeSet::new(),
            has_begun: false,
            images: Vec::new(),
            from_nothing: false,
        }
    }

    fn take(&mut self, instruction: &str) {
        let (keyword, rest) = keyword(instruction);
        match keyword.as_str() {
            "ARG" if !self.has_begun => self.argument(rest),
            "FROM" => self.stage(rest),
            "COPY" => {
                let mut flags = rest.split_whitespace().map_while(|word| word.strip_prefix("--"));
                if let Some(from) = flags.find_map(|flag| flag.strip_prefix("from=")) {
                    self.image(from);
                }
            }
            _ => {}
        }
    }

    fn argument(&mut self, rest: &str) {
        for word in rest.split_whitespace() {
            let (name, default) = word.split_once('=').unwrap_or((word, ""));
            let given = self.arguments.get(name).cloned();
            let value = given.or_else(|| self.filled(default.trim_matches(['"', '\''])));
            if let Some(value) = value {
                self.values.insert(name.to_owned(), value);
            }
        }
    }

    fn stage(&mut self, rest: &str) {
        self.has_begun = true;
        let mut flags = rest.split_whitespace().map_while(|word| word.strip_prefix("--"));
        let has_platform = flags.any(|flag| flag.starts_with("platform="));
        let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
        match words.next() {
            Some(image) if !has_platform => self.image(image),
            _ => {}
        }
        let name = words.next().filter(|word| word.eq_ignore_ascii_case("as"));
        if let Some(name) = name.and(words.next()) {
            self.stages.insert(name.to_ascii_lowercase());
        }
    }

    fn image(&mut self, name: &str) {
        let Some(name) = self.filled(name) else { return };
        let is_stage = self.stages.contains(&name.to_ascii_lowercase());
        if name == NOTHING {
            self.from_nothing = true;
        } else if !is_stage && !name.is_empty() && name.parse::<usize>().is_err() {
            self.images.push(name);
        }
    }

    /// A text with its variables replaced; `None` if one has no value here.
    fn filled(&self, text: &str) -> Option<String> {
        let lookup = |name: &str| self.values.get(name).cloned();
        let mut variables = Variables { lookup: &lookup, unset: BTreeSet::new() };
        let filled = variables.fill(text).ok()?;
        variables.unset.is_empty().then_some(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<String>, bool) {
        let arguments = BTreeMap::from([("TAG".to_owned(), "7".to_owned())]);
        let Bases { images, from_nothing } = bases(text, &arguments);
        (images, from_nothing)
    }

    #[test]
    fn images_are_found_and_stages_are_none() {
        for (text, images, from_nothing) in [
            ("FROM a", &["a"][..], false),
            (
                "# x\nfrom host:5000/a/b:1 AS base\nFROM base\nFROM c",
                &["host:5000/a/b:1", "c"],
                false,
            ),
            ("FROM scratch\nCOPY --from=b:1 /x /x\nCOPY --from=0 /y /y", &["b:1"], true),
            ("ARG TAG=1\nARG NAME=\"a\"\nFROM $NAME:${TAG}", &["a:7"], false),
            ("ARG NAME\nFROM $NAME", &[""; 0], false),
            ("FROM ${WHAT:-a}\nARG B=c\nFROM $B", &["a"], false),
            ("FROM --platform=linux/amd64 a AS b\nFROM c", &["c"], false),
            ("FROM a \\\n  AS b\nCOPY --chown=1 --from=b x y", &["a"], false),
            ("FROM\nCOPY\nARG\n", &[], false),
        ] {
            let images: Vec<String> = images.iter().map(|&image| image.to_owned()).collect();
            assert_eq!(found(text), (images, from_nothing), "{text}");
        }
    }

    #[test]
    fn bases_without_end_are_not_all_kept() {
        assert_eq!(found(&"FROM a\n".repeat(100_000)).0.len(), MAX_BASES);
    }
}
