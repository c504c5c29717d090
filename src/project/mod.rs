//! A pushed project: the services that its files describe, and what each is built from.
//!
//! Everything is read out of the one tar that somebody pushed; nothing here opens a file, reads the environment or
//! contacts anybody.
//!
//! Not here: how a project arrives and who may push (the builder room), and how images are built (its engines).
