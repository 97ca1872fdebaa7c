//! The keys of the attributes, in the order of declaration: each attribute knows those of another,
//! which people mix it up with.

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

/// Of `#[subscribe("..", ..)]`, behind the subject.
pub(crate) const SUBSCRIBE: &[&str] = &[
    "name",
    "queue_group",
    "metadata",
    "timeout",
    "concurrency",
    "pending",
    "ordered",
    "ordered_by",
    "ordered_by_header",
    "blocking",
];
