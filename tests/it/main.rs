//! Everything that uses Remora from outside, in one test binary.

mod architecture;
mod bombs;
mod cli;
mod file_systems;
mod image_places;
mod image_registry;
mod images;
mod installation;
mod needed_tools;
mod odd_tars;
mod outputs;
mod registry_faults;
mod registry_logins;
mod registry_server;
mod registry_tokens;
mod release;
mod sample_image;
mod scripted_server;
mod server;
mod stopping;
mod store;
mod store_faults;
mod token_server;
mod tools;
mod v2;
mod v3;
