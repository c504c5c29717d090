//! One source: what it defines, what it brings into scope, and the paths that it writes.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

/// A name that a `use` brings into scope.
pub(super) struct Import {
    /// The name here; `None` for all names of a module (`*`).
    pub(super) name: Option<String>,
    /// The path as it is written, from its first segment.
    pub(super) path: Vec<String>,
    /// Whether the name is handed on only, for others to import from here.
    pub(super) is_public: bool,
}

/// A source file without its tests.
#[derive(Default)]
pub(super) struct Source {
    pub(super) imports: Vec<Import>,
    /// Names of the types, functions, constants and inline modules.
    pub(super) defined: BTreeSet<String>,
    /// Every path in code, at least its first segment.
    pub(super) paths: Vec<Vec<String>>,
    /// How many inline modules are open around what is being read.
    depth: usize,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let file = syn::parse_file(text).expect("Rust");
        let mut source = Source::default();
        source.visit_file(&file);
        source
    }

    /// Whether the code names something whose path begins with `name`.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path[0] == name)
    }

    fn flatten(&mut self, tree: &UseTree, before: &[String], is_public: bool) {
        let joined = |name: String| [before, &[name]].concat();
        let mut leaf = |name: Option<String>, path: Vec<String>| {
            let path = self.outside(path);
            self.imports.push(Import { name, path, is_public });
        };
        match tree {
            UseTree::Path(path) => {
                self.flatten(&path.tree, &joined(path.ident.to_string()), is_public);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.flatten(item, before, is_public));
            }
            UseTree::Glob(_) => leaf(None, before.to_vec()),
            UseTree::Name(name) if name.ident == "self" => {
                leaf(before.last().cloned(), before.to_vec());
            }
            UseTree::Name(name) => {
                leaf(Some(name.ident.to_string()), joined(name.ident.to_string()))
            }
            UseTree::Rename(rename) => {
                leaf(Some(rename.rename.to_string()), joined(rename.ident.to_string()));
            }
        }
    }

    /// A path in an inline module as the file around that module would write it.
    fn outside(&self, mut path: Vec<String>) -> Vec<String> {
        for _ in 0..self.depth {
            if path.first().is_some_and(|first| first == "super") {
                path.remove(0);
            }
        }
        if path.is_empty() { vec!["self".to_owned()] } else { path }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        if attributes(item).iter().any(is_for_tests) {
            return;
        }
        self.defined.extend(defined_name(item));
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.flatten(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        let path_outside = self.outside(segments.collect());
        self.paths.push(path_outside);
        visit::visit_path(self, path);
    }

    /// What a macro is given is no syntax yet: every path in it counts, whatever it is there.
    fn visit_macro(&mut self, given: &'ast syn::Macro) {
        let text = given.tokens.to_string().replace(" :: ", "::").replace(":: ", "::");
        let ends = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
        for word in text.split(ends).filter(|word| word.contains("::")) {
            let path = word.trim_matches(':').split("::").map(str::to_owned);
            let path = self.outside(path.collect());
            self.paths.push(path);
        }
        visit::visit_macro(self, given);
    }

    /// `pub(in crate::room)` uses nothing of the room.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Mod(item) if item.content.is_some() => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
