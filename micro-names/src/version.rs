//! Versions of services: Semantic Versioning 2.0.0, as its official expression has it (no
//! leading `v`, all three numbers, no leading zeros).

use crate::Problem;

/// Checks the version of a service.
pub fn check_version(value: &str) -> Result<(), Problem> {
    if is_semver(value) {
        return Ok(());
    }
    if value.is_empty() {
        return Err(Problem::new("`version` cannot be empty").help("write `1.0.0`"));
    }
    Err(Problem::new(format!(
        "`version` must be a semantic version such as `1.0.0`, found `{}`",
        value.escape_debug()
    ))
    .propose(nearest_version(value)))
}

fn is_semver(value: &str) -> bool {
    let (rest, build) = match value.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (value, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(is_pre_release))
        && build.is_none_or(|build| build.split('.').all(is_identifier))
}

fn is_number(part: &str) -> bool {
    !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_digit())
        && (part == "0" || !part.starts_with('0'))
}

fn is_identifier(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_pre_release(part: &str) -> bool {
    is_identifier(part) && (is_number(part) || !part.bytes().all(|b| b.is_ascii_digit()))
}

/// The version with the usual mistakes undone: a leading `v` or `^`, missing numbers, leading zeros.
fn nearest_version(value: &str) -> Option<String> {
    let value = value.trim();
    let value = value.trim_start_matches(['v', 'V', '^', '~', '=', '>', '<', ' ']);
    let value = value.trim_end_matches(['-', '+', '.']);
    let end = value.find(['-', '+']).unwrap_or(value.len());
    let (core, rest) = value.split_at(end);
    let core: Vec<_> = core.split('.').map(without_zeros).collect();
    let core = core.join(".");
    let rest: Vec<_> = rest
        .split('.')
        .map(|part| without_zeros(&part.replace('_', "-")))
        .collect();
    let rest = rest.join(".");
    ["", ".0", ".0.0"]
        .into_iter()
        .map(|missing| format!("{core}{missing}{rest}"))
        .find(|candidate| is_semver(candidate))
}

/// A number without the zeros in front of it, as in `01` or `-01`.
fn without_zeros(part: &str) -> String {
    let (sign, digits) = match part.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", part),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let digits = match digits.trim_start_matches('0') {
        _ if !is_number => digits,
        "" => "0",
        digits => digits,
    };
    format!("{sign}{digits}")
}

#[cfg(test)]
mod tests {
    use super::check_version;

    #[test]
    fn official_examples() {
        for version in [
            "0.0.4",
            "1.2.3",
            "10.20.30",
            "1.1.2-prerelease+meta",
            "1.1.2+meta",
            "1.0.0-alpha",
            "1.0.0-alpha.0valid",
            "1.0.0-rc.1+build.1",
            "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay",
            "2.0.0+build.1848",
            "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
            "99999999999999999999999.999999999999999999.99999999999999999",
            "1.0.0-0A.is.legal",
            "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
        ] {
            assert_eq!(check_version(version), Ok(()), "{version}");
        }
        for version in [
            "1",
            "1.2",
            "1.2.3-0123",
            "1.2.3-0123.0123",
            "1.1.2+.123",
            "+invalid",
            "-invalid",
            "alpha",
            "1.0.0-alpha_beta",
            "1.0.0-alpha..",
            "01.1.1",
            "1.01.1",
            "1.2.3.DEV",
            "1.2-SNAPSHOT",
            "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788",
            "1.0.0-",
            "1.0.0+",
            "1.0.0+a+b",
            "v1.0.0",
            " 1.0.0",
            "١.0.0",
            "",
        ] {
            assert!(check_version(version).is_err(), "{version}");
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        let help = |value| check_version(value).unwrap_err().help;
        assert_eq!(help("1.0").as_deref(), Some("write `1.0.0`"));
        assert_eq!(help("2").as_deref(), Some("write `2.0.0`"));
        assert_eq!(help("v1.2.3").as_deref(), Some("write `1.2.3`"));
        assert_eq!(help("latest"), None);
        assert_eq!(help("1.2.3.4"), None);
        for (written, meant) in [
            ("01.2.3", "1.2.3"),
            ("1.00.3", "1.0.3"),
            ("^1.2", "1.2.0"),
            ("1.0.0-", "1.0.0"),
            ("1.0.0+", "1.0.0"),
            ("1.0.0-01", "1.0.0-1"),
            ("1.0.0-rc.01", "1.0.0-rc.1"),
            ("1.0.0-rc_1", "1.0.0-rc-1"),
            ("1.0-rc.1", "1.0.0-rc.1"),
        ] {
            assert_eq!(help(written), Some(format!("write `{meant}`")));
        }
        assert_eq!(
            check_version("1.0").unwrap_err().message,
            "`version` must be a semantic version such as `1.0.0`, found `1.0`"
        );
    }
}
