//! What a caught panic said, and where.
//!
//! A caught panic has its text with it, and not its place: only the process' panic hook is told that.
//! Rust's own hook prints both. A program ([`App`](crate::App)) has the place in its log too, in the
//! line that names the service and the endpoint; a library is no place to change a hook, so with a
//! `main` of the user's the line of Rust's hook comes just before ours, with the same text.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

/// How long after a panic its place may belong to one that is caught. A panic that was thrown in
/// another thread and is passed on has no place here, and one of the same text that was here long ago is
/// another one.
const FRESH: Duration = Duration::from_secs(1);

thread_local! {
    /// This thread's last panic.
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

struct Last {
    text: String,
    place: String,
    at: Instant,
}

/// Has the places of panics known from here on. What was hooked before goes on being called.
pub(crate) fn remember_places() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // It may take its time, to look up a backtrace.
            earlier(panic);
            if let Some(place) = panic.location() {
                let said = Last {
                    text: text_of(panic.payload()).to_owned(),
                    place: place.to_string(),
                    at: Instant::now(),
                };
                // It may not be there any more at the end of a thread.
                let _ = LAST.try_with(|last| last.replace(Some(said)));
            }
        }));
    });
}

/// The text of a panic, if it has one, and its place, if that is known. The panic itself is dropped,
/// which is code of the user's and may panic in its turn.
pub(crate) fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let mut text = text_of(panic.as_ref()).to_owned();
    // Another one than the last was thrown in another thread, and passed on.
    let last = LAST.try_with(RefCell::take).ok().flatten();
    if let Some(last) = last.filter(|last| last.is_of(&text, Instant::now())) {
        text = format!("{text}, at {}", last.place);
    }
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // There is no end to this but to leave it where it is.
        std::mem::forget(another);
    }
    text
}

impl Last {
    /// Whether it is the panic of this text, caught now.
    fn is_of(&self, text: &str, now: Instant) -> bool {
        self.text == text && now.duration_since(self.at) < FRESH
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_where_it_was() {
        remember_places();
        remember_places();
        let caught = catch_unwind(|| panic!("number {}", 7)).unwrap_err();
        let line = line!() - 1;
        let text = panic_text(caught);
        assert!(text.starts_with("number 7, at "), "{text}");
        assert!(text.contains(&format!("panic.rs:{line}:")), "{text}");
        // Passed on from elsewhere: the place of another one is not its own.
        let _ = catch_unwind(|| panic!("one"));
        let caught = catch_unwind(|| std::panic::resume_unwind(Box::new("two"))).unwrap_err();
        assert_eq!(panic_text(caught), "two");
        let caught = catch_unwind(|| std::panic::panic_any(7)).unwrap_err();
        let text = panic_text(caught);
        assert!(text.starts_with("no message, at "), "{text}");
    }

    #[test]
    fn an_old_place_is_of_another_panic() {
        let at = Instant::now();
        let last = Last {
            text: "boom".to_owned(),
            place: "src/main.rs:1:1".to_owned(),
            at,
        };
        assert!(last.is_of("boom", at));
        assert!(!last.is_of("bang", at));
        assert!(!last.is_of("boom", at + FRESH));
    }
}
