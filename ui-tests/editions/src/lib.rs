//! One source, compiled in edition 2018, 2021 and 2024: every form that a service may have, in a
//! crate as strict as a person may make theirs. Nothing generated may be complained of, by rustc,
//! by clippy (`cargo clippy --workspace --all-targets`) or by rustdoc (`cargo doc`).
//!
//! One module a theme. What is here runs as well: the tests call the services in each edition.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    future_incompatible,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    unreachable_pub,
    unused,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    rustdoc::all
)]
// Those of rustc that are off until asked for.
#![deny(
    absolute_paths_not_starting_with_crate,
    ambiguous_negative_literals,
    closure_returning_async_block,
    deprecated_in_future,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    if_let_rescope,
    impl_trait_redundant_captures,
    keyword_idents,
    let_underscore_drop,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_copy_implementations,
    missing_debug_implementations,
    non_ascii_idents,
    non_local_definitions,
    redundant_lifetimes,
    single_use_lifetimes,
    tail_expr_drop_order,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unsafe_op_in_unsafe_fn,
    unstable_features,
    unused_crate_dependencies,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_results,
    variant_size_differences
)]

pub mod allowed;
pub mod bare;
pub mod documented;
pub mod elsewhere;
pub mod errors;
pub mod events;
pub mod forms;
pub mod generic;
pub mod grammar;
pub mod hundred;
pub mod macros;
pub mod modules;
pub mod names;
pub mod program;
pub mod restricted;
pub mod traced;
pub mod types;

#[cfg(test)]
mod tests;
