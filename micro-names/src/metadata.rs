//! Keys of metadata. ADR-33 reserves those that start with `_nats`.

use crate::Problem;

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
    }
}
