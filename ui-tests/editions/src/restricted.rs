//! Lints of restriction that a person may plausibly have chosen.
#![deny(
    clippy::absolute_paths,
    clippy::alloc_instead_of_core,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::arbitrary_source_item_ordering,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::as_underscore,
    clippy::clone_on_ref_ptr,
    clippy::cognitive_complexity,
    clippy::default_numeric_fallback,
    clippy::else_if_without_else,
    clippy::empty_structs_with_brackets,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::exit,
    clippy::expect_used,
    clippy::field_scoped_visibility_modifiers,
    clippy::get_unwrap,
    clippy::if_then_some_else_none,
    clippy::impl_trait_in_params,
    clippy::implicit_return,
    clippy::indexing_slicing,
    clippy::infinite_loop,
    clippy::inline_asm_x86_att_syntax,
    clippy::let_underscore_must_use,
    clippy::let_underscore_untyped,
    clippy::map_err_ignore,
    clippy::min_ident_chars,
    clippy::missing_assert_message,
    clippy::missing_docs_in_private_items,
    clippy::missing_inline_in_public_items,
    clippy::missing_trait_methods,
    clippy::mixed_read_write_in_expression,
    clippy::mod_module_files,
    clippy::module_name_repetitions,
    clippy::multiple_inherent_impl,
    clippy::multiple_unsafe_ops_per_block,
    clippy::mutex_atomic,
    clippy::needless_raw_strings,
    clippy::non_ascii_literal,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::partial_pub_fields,
    clippy::pathbuf_init_then_push,
    clippy::pattern_type_mismatch,
    clippy::print_stdout,
    clippy::pub_use,
    clippy::pub_with_shorthand,
    clippy::question_mark_used,
    clippy::redundant_test_prefix,
    clippy::redundant_type_annotations,
    clippy::ref_patterns,
    clippy::renamed_function_params,
    clippy::rest_pat_in_fully_bound_structs,
    clippy::return_and_then,
    clippy::same_name_method,
    clippy::semicolon_outside_block,
    clippy::separated_literal_suffix,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::single_char_lifetime_names,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::str_to_string,
    clippy::tests_outside_test_module,
    clippy::undocumented_unsafe_blocks,
    clippy::unneeded_field_pattern,
    clippy::unreachable,
    clippy::unused_result_ok,
    clippy::unused_trait_names,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    clippy::use_debug,
    clippy::verbose_file_reads,
    clippy::wildcard_enum_match_arm
)]
#![allow(clippy::needless_return, reason = "the opposite of a lint above")]

extern crate alloc;

use alloc::sync::Arc;
use core::fmt;

use micro::{Bytes, Context, Error, FromRequest, Request, ServiceError, endpoint, service};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A payload.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// The first.
    first: u8,
    /// The second.
    second: u8,
}

/// Errors.
#[derive(Clone, Copy, Debug, ServiceError)]
#[service_error(code = 400)]
#[non_exhaustive]
pub enum Refused {
    /// With names.
    Named {
        /// A field.
        first: u8,
        /// Another field.
        second: u8,
    },
    /// With none.
    Nothing,
    /// With one.
    One(u8),
    /// Secret.
    #[service_error(internal)]
    Secret(u8),
    /// Inner.
    #[service_error(transparent)]
    Transparent(Inner),
    /// With two.
    Two(u8, u8),
}

impl fmt::Display for Refused {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        return f.write_str("no");
    }
}

/// Deeper.
#[derive(Clone, Copy, Debug, ServiceError)]
#[service_error(code = 404)]
#[non_exhaustive]
pub struct Inner;

impl fmt::Display for Inner {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        return f.write_str("no");
    }
}

/// Extracted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct User;

#[expect(
    clippy::missing_trait_methods,
    reason = "the other is not a person's to write"
)]
impl FromRequest for User {
    #[inline]
    async fn from_request(_: &Request) -> Result<Self, Error> {
        return Ok(Self);
    }
}

/// A service.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Restricted;

#[service(
    register,
    timeout = "1s",
    queue_group = "x",
    metadata(key = "value"),
    concurrency = 3
)]
impl Restricted {
    /// All kinds of parameters.
    #[endpoint(subject = "all.{id}", timeout = "1s")]
    async fn all(
        &self,
        ctx: &Context,
        id: u8,
        #[header("X")] maybe: Option<u8>,
        #[header("Y")] header: u8,
        #[extract] _user: User,
        pair: Pair,
    ) -> Result<Pair, Refused> {
        if ctx.subject().is_empty() || maybe == Some(id) {
            return Err(Refused::Two(header, pair.first));
        }
        return Ok(pair);
    }

    /// Nothing.
    #[endpoint]
    async fn nothing(self: Arc<Self>) {}

    /// Raw.
    #[endpoint]
    async fn raw(&self, #[payload(raw)] bytes: Bytes) -> Bytes {
        return bytes;
    }

    /// A value.
    #[endpoint]
    async fn value(pair: Pair) -> Option<Pair> {
        return Some(pair);
    }
}

/// With parameters.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Generic<Value>(Value);

#[service]
impl<Value> Generic<Value>
where
    Value: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// A value.
    #[endpoint]
    async fn value(&self, value: Value) -> Value {
        return value;
    }
}

/// A program.
///
/// # Errors
///
/// Never.
#[micro::main]
#[inline]
pub async fn main() -> micro::Result<()> {
    return Ok(());
}

#[cfg(test)]
mod tests {
    #[micro::test]
    async fn restricted() -> micro::Result<()> {
        return Ok(());
    }
}
