//! Compile-fail cases with their expected messages, and compile-pass cases.
//!
//! `ui/<family>/fail/NN_mistake.rs` has one mistake and compiles without it; its `.stderr` has
//! what rustc prints. Messages that need no compiler have their table in `micro-macros`; the cases
//! here are those that rustc decides, and a few of each family to see the messages whole. Those with
//! a `mod fixed` at their end are shown in docs/errors.md (see `page`).
//!
//! What must compile whatever a person has in scope, and without a word from any lint, is in
//! `editions/` and `renamed/`: crates of the workspace, because clippy and rustdoc are asked too.
//!
//! `TRYBUILD=overwrite cargo test -p ui-tests` writes new `.stderr` files, and the page.

mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler whose words are in the `.stderr` files.
const GOLDEN_COMPILER: &str = "rustc 1.95.";

#[test]
fn ui() {
    let fixes = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixes.rs");
    fs::write(&fixes, page::program_of_fixes()).unwrap();
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/*/pass/*.rs");
    cases.pass(fixes);
    if is_golden_compiler() {
        cases.compile_fail("tests/ui/*/fail/*.rs");
    } else {
        let skipped = format!("skipped: the expected messages are those of {GOLDEN_COMPILER}");
        assert!(std::env::var_os("CI").is_none(), "{skipped}");
        eprintln!("{skipped}");
    }
    // They run now.
    drop(cases);
    if is_overwriting() {
        fs::write(page::path(), page::render()).unwrap();
    }
}

/// docs/errors.md is made of what the tests are made of.
#[test]
fn the_page_of_errors_is_up_to_date() {
    if is_overwriting() {
        return;
    }
    let page = fs::read_to_string(page::path()).unwrap();
    let rendered = page::render();
    let difference = page
        .lines()
        .zip(rendered.lines())
        .find(|(one, other)| one != other);
    assert!(
        page == rendered,
        "docs/errors.md is not what the tests have, from {difference:?} on; \
         `TRYBUILD=overwrite cargo test -p micro-rs-macros -p ui-tests` writes it"
    );
}

fn is_overwriting() -> bool {
    std::env::var_os("TRYBUILD").is_some_and(|value| value == "overwrite")
}

fn is_golden_compiler() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with(GOLDEN_COMPILER))
}

/// One mistake is one error. A case with a reference to an earlier place, or with several mistakes
/// on purpose, says `Errors: n` in its first lines.
#[test]
fn one_error_for_one_mistake() {
    for case in fail_cases() {
        let source = fs::read_to_string(&case).unwrap();
        let stderr = fs::read_to_string(case.with_extension("stderr"))
            .unwrap_or_else(|_| panic!("{} has no .stderr", case.display()));
        let expected = source
            .lines()
            .find_map(|line| line.strip_prefix("//! Errors: "))
            .map_or(1, |number| number.parse::<usize>().unwrap());
        let found = stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        assert_eq!(found, expected, "{}\n{stderr}", case.display());
    }
}

fn fail_cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let families = fs::read_dir(root).into_iter().flatten().flatten();
    let files = families
        .filter_map(|family| fs::read_dir(family.path().join("fail")).ok())
        .flat_map(|files| files.flatten().map(|file| file.path()));
    let cases: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    assert!(!cases.is_empty());
    cases
}
