//! Which file needs which: every import and path followed, through re-exports, to the file that
//! defines what it names.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// A module by the path to it from `src/`; the library's root is empty.
pub(super) type Module = Vec<String>;

/// Re-exports and imports that one name is followed through, at most.
const MAX_STEPS: usize = 16;

/// All files and what they hold.
pub(super) struct Graph {
    sources: BTreeMap<Module, Source>,
}

impl Graph {
    /// The graph of sources by their paths below `src/`, for instance `tar/entry.rs`.
    pub(super) fn new<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let sources = texts.map(|(path, text)| (module(path), Source::parse(text)));
        Graph { sources: sources.collect() }
    }

    /// What every file needs of others.
    pub(super) fn needs(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        self.sources
            .iter()
            .map(|(module, source)| (module.clone(), self.of(module, source)))
            .collect()
    }

    fn of(&self, module: &Module, source: &Source) -> BTreeSet<Module> {
        let imports = source.imports.iter().filter(|import| {
            let is_used = || import.name.as_deref().is_some_and(|name| source.uses(name));
            !import.is_public || is_used()
        });
        let imported = imports.map(|import| &import.path);
        let named = imported.chain(&source.paths).filter_map(|path| self.find(module, path, 0));
        // A module that is imported by its name says nothing yet: the paths through it do.
        let is_item = |found: &Found| found.is_item;
        named.filter(is_item).map(|found| found.module).filter(|other| other != module).collect()
    }

    /// Follows `path`, as the file of `module` writes it; `None` if it leads out of the crate.
    fn find(&self, module: &Module, path: &[String], steps: usize) -> Option<Found> {
        if steps > MAX_STEPS {
            return None;
        }
        let (mut current, mut rest) = self.start(module, path, steps)?;
        while let Some(next) = rest.first() {
            let child = [&current[..], std::slice::from_ref(next)].concat();
            if !self.sources.contains_key(&child) {
                break;
            }
            (current, rest) = (child, &rest[1..]);
        }
        let Some(name) = rest.first() else {
            return Some(Found { module: current, is_item: false });
        };
        let source = &self.sources[&current];
        if source.defined.contains(name) {
            return Some(Found { module: current, is_item: true });
        }
        self.handed_on(&current, name, &rest[1..], steps)
    }

    /// Where a path begins, and what is left of it.
    fn start<'p>(
        &self,
        module: &Module,
        path: &'p [String],
        steps: usize,
    ) -> Option<(Module, &'p [String])> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        match path.first()?.as_str() {
            "crate" | "remora" => Some((Vec::new(), &path[1..])),
            "self" => Some((module.clone(), &path[1..])),
            "super" => {
                Some((module[..module.len().checked_sub(supers)?].to_vec(), &path[supers..]))
            }
            first => {
                let is_child =
                    self.sources.contains_key(&[&module[..], &[first.to_owned()]].concat());
                if is_child {
                    return Some((module.clone(), path));
                }
                // The file's own things need no other file, and a module's alias leads to the module.
                let import = self.sources[module].imports.iter().find(|import| {
                    import.name.as_deref() == Some(first) && import.path[0] != first
                });
                let found = self.find(module, &import?.path, steps + 1)?;
                (!found.is_item).then_some((found.module, &path[1..]))
            }
        }
    }

    /// What `name` is in a module that does not define it but brings it into scope.
    fn handed_on(
        &self,
        module: &Module,
        name: &str,
        rest: &[String],
        steps: usize,
    ) -> Option<Found> {
        let imports = &self.sources[module].imports;
        let named = imports.iter().filter(|import| import.name.as_deref() == Some(name));
        let direct = named.map(|import| [&import.path[..], rest].concat());
        let globs = imports.iter().filter(|import| import.name.is_none());
        let through = globs.map(|import| [&import.path[..], &[name.to_owned()], rest].concat());
        direct.chain(through).find_map(|path| self.find(module, &path, steps + 1))
    }
}

/// What a path leads to.
struct Found {
    module: Module,
    /// Whether the path names something in the module, and not the module.
    is_item: bool,
}

/// Sets of files each of which needs all others, through others or itself.
pub(super) fn circles(needs: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<BTreeSet<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        needs.keys().map(|module| (module, reachable(needs, module))).collect();
    let in_circle = needs.keys().filter(|module| reached[module].contains(module));
    let circle = |module: &Module| {
        let back = reached[module].iter().filter(|other| reached[**other].contains(module));
        back.map(|other| (*other).clone()).collect()
    };
    in_circle.map(circle).collect()
}

fn reachable<'a>(
    needs: &'a BTreeMap<Module, BTreeSet<Module>>,
    from: &Module,
) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Module> = needs[from].iter().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(&needs[module]);
        }
    }
    found
}

fn module(path: &str) -> Module {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let path = if path == "lib" { "" } else { path };
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
