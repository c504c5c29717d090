//! Policies as other tools read them, names, keys and signatures, without a registry.

mod evidence;
mod policies;
