//! Recipes: layers without the contents of their files, which are objects of the store
//! (docs/formats/recipe.md).

mod content;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hashing;
mod open;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use content::FileContent;
pub(super) use open::is_damage;
pub(crate) use open::{OpenRecipe, Recipe, object_list, recipe_size};
pub(crate) use write::Contents;
