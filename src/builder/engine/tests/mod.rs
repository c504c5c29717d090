//! What is held of addresses, places and output without an engine.

mod addresses;
mod joined_lines;
mod places;
mod requests;
