//! An error type in plain data. A struct is an enum of one variant.

use proc_macro2::{Ident, TokenStream};
use syn::{Generics, Path, Type};

pub(crate) struct ErrorModel {
    pub(super) krate: Path,
    pub(super) name: Ident,
    pub(super) generics: Generics,
    pub(super) variants: Vec<Variant>,
}

pub(crate) struct Variant {
    /// How it is written in a pattern: `Self::Name`, or `Self` for a struct.
    pub(super) path: TokenStream,
    pub(super) fields: Fields,
    pub(super) conduct: Conduct,
}

pub(crate) enum Fields {
    Unit,
    Named(Vec<(Ident, Type)>),
    Tuple(Vec<Type>),
}

/// How a variant travels.
pub(crate) enum Conduct {
    /// With its kind and its fields.
    Open {
        code: u16,
        kind: String,
        /// What says the kind, for errors about it.
        kind_place: Ident,
    },
    /// As a code that says nothing; the rest goes to the log.
    Internal { code: u16 },
    /// As the error inside.
    Transparent,
}
