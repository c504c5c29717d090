//! Recipes: layers without the contents of their files, which are objects of the store
//! (docs/formats/recipe.md).

mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod open;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use open::{FileContent, OpenRecipe, Recipe, object_list};
pub(crate) use write::Contents;
