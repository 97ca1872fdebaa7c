//! Spans of time as they are written in attributes: a whole number and a unit.

use std::time::Duration;

use crate::Problem;

/// Reads `250ms`, `2s` or `1m`. `key` is what the user calls the value, `timeout` as a rule.
pub fn parse_duration(key: &str, value: &str) -> Result<Duration, Problem> {
    if value.is_empty() {
        return Err(Problem::new(format!("`{key}` cannot be empty")).help("write `2s`"));
    }
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(not_a_duration(key, value)),
    };
    if number.is_empty() {
        return Err(not_a_duration(key, value));
    }
    // Only digits are left: parsing fails by overflow alone.
    let total = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds));
    match total {
        Some(total) => {
            let total = Duration::from_millis(total);
            check_duration(key, total).map(|()| total)
        }
        None => Err(Problem::new(format!(
            "`{key}` is too long, found `{value}`"
        ))),
    }
}

/// Checks a time that was not written in an attribute: what takes no time at all never succeeds.
pub fn check_duration(key: &str, value: Duration) -> Result<(), Problem> {
    if value.is_zero() {
        return Err(Problem::new(format!("`{key}` must be longer than zero")));
    }
    Ok(())
}

fn not_a_duration(key: &str, value: &str) -> Problem {
    Problem::new(format!(
        "`{key}` must be a number with a unit, such as `500ms`, `2s` or `1m`, found `{}`",
        value.escape_debug()
    ))
    .propose(nearest_duration(value))
}

/// The duration meant by a longer unit, by none, or by a space too many.
fn nearest_duration(value: &str) -> Option<String> {
    let value = value.trim();
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    if number.is_empty() {
        return None;
    }
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hour" | "hours" => {
            let minutes = number.parse::<u64>().ok()?.checked_mul(60)?;
            return Some(format!("{minutes}m"));
        }
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse_duration;

    fn message(value: &str) -> String {
        parse_duration("timeout", value).unwrap_err().to_string()
    }

    #[test]
    fn the_three_units() {
        assert_eq!(
            parse_duration("timeout", "250ms"),
            Ok(Duration::from_millis(250))
        );
        assert_eq!(parse_duration("timeout", "2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_duration("timeout", "1m"), Ok(Duration::from_mins(1)));
    }

    #[test]
    fn everything_else_is_refused() {
        let rule = "`timeout` must be a number with a unit, such as `500ms`, `2s` or `1m`, found";
        assert_eq!(
            message("2 secs"),
            format!("{rule} `2 secs`\nhelp: write `2s`")
        );
        assert_eq!(message("1h"), format!("{rule} `1h`\nhelp: write `60m`"));
        for value in ["s", "1.5s", "-1s", "1s 5ms", "٢s", "5 parsecs"] {
            assert_eq!(message(value), format!("{rule} `{value}`"));
        }
        assert_eq!(message(""), "`timeout` cannot be empty\nhelp: write `2s`");
        assert_eq!(message("5"), format!("{rule} `5`\nhelp: write `5s`"));
        assert_eq!(message("0s"), "`timeout` must be longer than zero");
        assert_eq!(
            message("99999999999999999999s"),
            "`timeout` is too long, found `99999999999999999999s`"
        );
        assert_eq!(
            message("18446744073709551615m"),
            "`timeout` is too long, found `18446744073709551615m`"
        );
    }
}
