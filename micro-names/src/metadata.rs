//! Keys of metadata. ADR-33 reserves those that start with `_nats`, and one is the framework's own.

use crate::Problem;

/// Where INFO and STATS of a service say what it listens to: the framework writes it.
pub const SUBSCRIBERS_KEY: &str = "micro.subscribers";

/// Checks a key of a service's or an endpoint's metadata.
pub fn check_metadata_key(value: &str) -> Result<(), Problem> {
    if value.is_empty() {
        return Err(Problem::new("a metadata key cannot be empty"));
    }
    if is_reserved_metadata_key(value) {
        return Err(Problem::new(format!(
            "metadata key `{}` is reserved",
            value.escape_debug()
        ))
        .note("keys starting with `_nats` belong to NATS itself"));
    }
    if value == SUBSCRIBERS_KEY {
        return Err(
            Problem::new(format!("metadata key `{SUBSCRIBERS_KEY}` is reserved"))
                .note("INFO and STATS list the subscribers of a service under it"),
        );
    }
    Ok(())
}

/// Whether a key belongs to NATS itself. No attribute may set one; programs that stand in for a tool
/// of NATS do, with the builder.
pub fn is_reserved_metadata_key(value: &str) -> bool {
    value.starts_with("_nats")
}

#[cfg(test)]
mod tests {
    use super::check_metadata_key;

    #[test]
    fn keys() {
        assert_eq!(check_metadata_key("team"), Ok(()));
        assert_eq!(check_metadata_key("a key, even with spaces"), Ok(()));
        assert!(check_metadata_key("").is_err());
        assert!(check_metadata_key("_nats.level").is_err());
        assert!(check_metadata_key("micro.subscribers").is_err());
        assert_eq!(check_metadata_key("micro.subscribers.own"), Ok(()));
    }
}
