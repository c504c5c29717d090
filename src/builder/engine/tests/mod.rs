//! Engines that nobody runs: what is held of addresses, places, and output.
