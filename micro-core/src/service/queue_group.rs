//! Which queue group shares the requests of an endpoint.

use std::borrow::Cow;

/// The group of an endpoint for which nobody says anything (ADR-32).
const DEFAULT: &str = "q";

/// What one level (service, group, endpoint) says of the queue group of what is below it.
///
/// Instances in one queue group share the requests; without a queue group each instance answers
/// each request. Subscribers share events in the same way, and inherit nothing: see
/// [`SubscriberOptions::queue_group`](super::SubscriberOptions::queue_group).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueGroup {
    /// As the level above; `q` if no level says anything. Of a subscriber:
    /// `<service>.<subscriber>`, behind the prefix of the service.
    #[default]
    Inherit,
    /// None.
    Disabled,
    /// This one, even below a level that disables them.
    Named(Cow<'static, str>),
}

impl QueueGroup {
    /// A name known at compile time.
    pub const fn named(name: &'static str) -> Self {
        Self::Named(Cow::Borrowed(name))
    }

    /// What holds below this level, when `above` holds above it.
    pub(super) fn below(&self, above: &Self) -> Self {
        match self {
            Self::Inherit => above.clone(),
            own => own.clone(),
        }
    }

    /// The name on the wire, when nothing is left to inherit from.
    pub(super) fn resolved(&self) -> Option<&str> {
        match self {
            Self::Inherit => Some(DEFAULT),
            Self::Disabled => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl From<&'static str> for QueueGroup {
    fn from(name: &'static str) -> Self {
        Self::named(name)
    }
}

impl From<String> for QueueGroup {
    fn from(name: String) -> Self {
        Self::Named(name.into())
    }
}

#[cfg(test)]
mod tests {
    use super::QueueGroup::{self, Disabled, Inherit};

    fn resolve(levels: &[QueueGroup]) -> Option<String> {
        levels
            .iter()
            .fold(Inherit, |above, level| level.below(&above))
            .resolved()
            .map(str::to_owned)
    }

    #[test]
    fn the_nearest_level_that_says_something_decides() {
        let named = QueueGroup::named;
        assert_eq!(resolve(&[Inherit, Inherit, Inherit]).as_deref(), Some("q"));
        assert_eq!(resolve(&[named("a"), Inherit]).as_deref(), Some("a"));
        assert_eq!(
            resolve(&[named("a"), named("b"), Inherit]).as_deref(),
            Some("b")
        );
        assert_eq!(resolve(&[Disabled, Inherit]), None);
        assert_eq!(resolve(&[named("a"), Disabled, Inherit]), None);
        assert_eq!(resolve(&[Disabled, named("c")]).as_deref(), Some("c"));
    }
}
