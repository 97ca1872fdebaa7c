//! What is written in Go, built where Go is.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a variable names, or what is usual.
pub(crate) fn named(variable: &str, usual: OsString) -> OsString {
    env::var_os(variable).unwrap_or(usual)
}

/// The program in a folder, built once for this run. What go writes is not to be in the tree.
pub(crate) fn built(folder: &Path) -> Result<PathBuf, String> {
    let built = scratch();
    let program = built.join("go-peer");
    if program.exists() {
        return Ok(program);
    }
    let failed = |error: std::io::Error| format!("go: {error}; MICRO_TEST_GO says where it is");
    let modules = built.join("go.mod");
    std::fs::create_dir_all(&built)
        .and_then(|()| std::fs::copy(folder.join("go.mod"), &modules))
        .map_err(failed)?;
    let output = Command::new(named("MICRO_TEST_GO", "go".into()))
        .args(["build", "-mod=mod", "-modfile"])
        .arg(&modules)
        .arg("-o")
        .arg(&program)
        .arg(".")
        .current_dir(folder)
        .output()
        .map_err(failed)?;
    if output.status.success() {
        return Ok(program);
    }
    Err(last_line(&String::from_utf8_lossy(&output.stderr)))
}

/// A folder for this run, which is gone after it: [`clean_up`].
fn scratch() -> PathBuf {
    env::temp_dir().join(format!("micro-cost-{}", std::process::id()))
}

pub(crate) fn clean_up() {
    // It is only there where something was built.
    let _ = std::fs::remove_dir_all(scratch());
}

/// What a program said last, for people.
pub(crate) fn last_line(text: &str) -> String {
    let line = text.trim_end().lines().next_back();
    line.unwrap_or("it said nothing").to_owned()
}
