//! The keys of the two attributes, in the order of declaration: each attribute knows those of the
//! other, which people mix it up with.

/// Of `#[service(..)]`.
pub(crate) const SERVICE: &[&str] = &[
    "name",
    "version",
    "description",
    "group",
    "queue_group",
    "metadata",
    "timeout",
    "concurrency",
    "client",
    "register",
    "crate",
];

/// Of `#[endpoint(..)]`.
pub(crate) const ENDPOINT: &[&str] = &[
    "name",
    "subject",
    "group",
    "queue_group",
    "metadata",
    "timeout",
    "concurrency",
    "blocking",
];
