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
    let plain = value.trim().trim_start_matches('+').replace('_', "");
    let value = plain.as_str();
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    if number.is_empty() {
        return None;
    }
    // More than one number: `1.5s`, `1s500ms`.
    if unit.contains(|c: char| c.is_ascii_digit()) {
        return in_one_unit(sum_of_parts(value)?);
    }
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hour" | "hours" => {
            let minutes = number.parse::<u64>().ok()?.checked_mul(60)?;
            return Some(format!("{minutes}m"));
        }
        "d" | "day" | "days" => {
            let minutes = number.parse::<u64>().ok()?.checked_mul(24 * 60)?;
            return Some(format!("{minutes}m"));
        }
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

/// The milliseconds of `1.5s` or `1s500ms`, if they are whole.
fn sum_of_parts(value: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = value;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let number = format!("{whole}{fraction}").parse::<u64>().ok()?;
        let part = number.checked_mul(unit)?;
        if part % scale != 0 {
            return None;
        }
        total = total.checked_add(part / scale)?;
        rest = after.trim_start();
    }
    Some(total)
}

fn in_one_unit(milliseconds: u64) -> Option<String> {
    match milliseconds {
        0 => None,
        whole if whole % 60_000 == 0 => Some(format!("{}m", whole / 60_000)),
        whole if whole % 1_000 == 0 => Some(format!("{}s", whole / 1_000)),
        whole => Some(format!("{whole}ms")),
    }
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
        for value in [
            "s",
            "-1s",
            "٢s",
            "5 parsecs",
            "1.2345s",
            "1.s.5",
            "0.0s",
            "1.2.3s",
        ] {
            assert_eq!(message(value), format!("{rule} `{value}`"));
        }
        for (value, meant) in [
            ("1.5s", "1500ms"),
            ("1s 5ms", "1005ms"),
            ("1m30s", "90s"),
            ("0.5m", "30s"),
            ("1.5h", "90m"),
            ("1d", "1440m"),
            ("+1s", "1s"),
            ("1_000ms", "1000ms"),
        ] {
            assert_eq!(
                message(value),
                format!("{rule} `{value}`\nhelp: write `{meant}`")
            );
            assert!(parse_duration("timeout", meant).is_ok());
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
