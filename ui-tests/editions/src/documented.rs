//! Documentation that goes from a handler to the client's method, with links that are to be read
//! where the handler is.

use micro::{endpoint, service};

/// A service that is linked to.
#[derive(Clone, Copy, Debug)]
pub struct Documented;

/// See [`Documented::helper`], [`Self::helper`], [`Self`] and [other](Self::add).
///
/// - [`Documented`]
#[service]
impl Documented {
    /// Adds with [`Self::helper`] and [`helper`](Self::helper), as [`Self::LIMIT`] says; a part of
    /// [`Self`], next to [`Documented::add`].
    ///
    /// ```
    /// let one = 1;
    /// assert_eq!(one, 1);
    /// ```
    #[endpoint]
    pub async fn add(&self, x: u8) -> u8 {
        x.min(Self::LIMIT) + self.helper()
    }

    /// Nobody sees this handler, whose links are to what is as private: [`Self::private`],
    /// [`private_helper`] and [`Self::add`]. The client's method is seen.
    #[endpoint]
    async fn hidden(&self) -> u8 {
        Self::private() + private_helper()
    }

    const fn private() -> u8 {
        0
    }

    /// Helps.
    #[must_use]
    pub const fn helper(&self) -> u8 {
        1
    }

    /// The limit.
    pub const LIMIT: u8 = 7;
}

const fn private_helper() -> u8 {
    0
}
