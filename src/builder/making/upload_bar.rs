//! One bar for all images that go up at the same time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::builder::answer::Screen;
use crate::builder::engine::Progress;

/// How far all uploads are.
#[derive(Debug)]
pub(super) struct UploadBar {
    screen: Screen,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    images: HashMap<usize, Progress>,
    shown: Option<u8>,
}

impl UploadBar {
    pub(super) fn new(screen: Screen) -> Self {
        UploadBar { screen, state: Mutex::default() }
    }

    /// Shows how far the image with this number is, if that moves the bar.
    pub(super) fn show(&self, image: usize, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.images.insert(image, progress);
        let sum = |of: fn(&Progress) -> u64| state.images.values().map(of).sum::<u64>();
        let (current, total) = (sum(|image| image.current), sum(|image| image.total).max(1));
        let percent = (u128::from(current) * 100 / u128::from(total)).min(100) as u8;
        if state.shown.replace(percent) != Some(percent) {
            self.screen.bar(percent);
        }
    }

    /// Clears the bar.
    pub(super) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.shown.take().is_some() {
            self.screen.erase();
        }
    }
}
