//! Where results go: what is there already stays whole, what is killed leaves nothing for long, and
//! a place that can't take the result is found before the work.

mod layouts;
mod referrers;
