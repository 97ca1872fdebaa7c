//! How a person starts this program again.

use std::path::Path;

/// How this program was started, as a person would type it again.
pub(super) fn command_line() -> String {
    let Some(path) = std::env::args_os().next() else {
        return "service".to_owned();
    };
    let package = std::env::var("CARGO_PKG_NAME").ok();
    command_for(Path::new(&path), package.as_deref())
}

/// What this program is called, without its folder.
pub(super) fn name() -> String {
    let path = std::env::args_os().next();
    let name = path.as_deref().and_then(|path| Path::new(path).file_stem());
    name.map_or_else(
        || "program".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// `package` is what `cargo run` says of it. In a workspace, a package is found by its name and from any
/// folder, and a program only from some.
fn command_for(path: &Path, package: Option<&str>) -> String {
    let name = path
        .file_stem()
        .map_or_else(|| "service".into(), |name| name.to_string_lossy());
    let mut folders = path
        .ancestors()
        .skip(1)
        .map_while(|folder| folder.file_name())
        .map(|folder| folder.to_string_lossy());
    let folder = folders.next().unwrap_or_default();
    let profile = |profile: &str| match profile {
        "debug" => Some(""),
        "release" => Some("--release "),
        _ => None,
    };
    if folder == "examples"
        && let Some(release) = folders.next().and_then(|folder| profile(&folder))
    {
        return format!("cargo run {release}--example {name} --");
    }
    if let Some(release) = profile(&folder) {
        if package == Some(&*name) {
            return format!("cargo run {release}-p {name} --");
        }
        return format!("cargo run {release}--bin {name} --");
    }
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_as_it_was_started() {
        let command = |path: &str| command_for(Path::new(path), Some("workers"));
        assert_eq!(
            command("target/debug/examples/numbers"),
            "cargo run --example numbers --"
        );
        assert_eq!(
            command("/x/target/release/greeter"),
            "cargo run --release --bin greeter --"
        );
        assert_eq!(
            command("/x/target/debug/workers"),
            "cargo run -p workers --"
        );
        assert_eq!(command("/usr/bin/workers"), "/usr/bin/workers");
    }
}
