//! The table of rules names tests that exist, and names all that are here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("README.md");

/// What the rows of the tables name in their last column: a test, or a script.
fn named() -> Vec<&'static str> {
    let rows = TABLE.lines().filter_map(|line| line.strip_suffix(" |"));
    let last = rows.filter_map(|row| row.rsplit_once(" | "));
    last.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The tests of a file, by their attributes.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let source =
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut tests = BTreeSet::new();
    let mut lines = source.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
            let function = lines.find(|line| line.contains("fn ")).unwrap();
            let (_, name) = function.split_once("fn ").unwrap();
            tests.insert(name.split('(').next().unwrap().to_owned());
        }
    }
    tests
}

/// The file and the test that an entry of the table means; a script is a file alone.
fn meant(entry: &str) -> (PathBuf, Option<&str>) {
    if let Some((path, test)) = entry.split_once(": ") {
        return (root().join(path), Some(test));
    }
    let Some((module, test)) = entry.rsplit_once("::") else {
        return (root().join(entry), None);
    };
    let file = match module.split_once("::") {
        Some((target, module)) => format!("tests/{target}/{module}.rs"),
        None => format!("tests/conformance/{module}.rs"),
    };
    (root().join(file), Some(test))
}

#[test]
fn every_test_in_the_table_exists() {
    let named = named();
    assert!(named.len() > 100, "{named:?}");
    for entry in named {
        let (file, test) = meant(entry);
        assert!(file.exists(), "{entry}: no {}", file.display());
        if let Some(test) = test {
            assert!(tests_in(&file).contains(test), "{entry} is no test");
        }
    }
}

#[test]
fn every_test_of_a_section_is_in_the_table() {
    let named: BTreeSet<_> = named().into_iter().collect();
    let files = std::fs::read_dir(root().join("tests/conformance")).unwrap();
    let mut seen = 0;
    for file in files.map(|entry| entry.unwrap().path()) {
        let module = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if !module.starts_with("s0") && !module.starts_with("s1") {
            continue;
        }
        for test in tests_in(&file) {
            let entry = format!("{module}::{test}");
            seen += 1;
            // The sentence above a table counts as well.
            assert!(
                named.contains(entry.as_str()) || TABLE.contains(&format!("`{entry}`")),
                "{entry} has no rule"
            );
        }
    }
    assert!(seen > 90, "{seen}");
}

/// Rows 1 to 30, 60 and 64, each once.
#[test]
fn every_row_that_concerns_a_service_is_in_the_table() {
    let rows = TABLE.lines().filter_map(|line| line.strip_prefix("| "));
    let numbers: Vec<u32> = rows
        .filter_map(|row| row.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(numbers, (1..=30).chain([60, 64]).collect::<Vec<_>>());
}
