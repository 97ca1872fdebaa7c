//! Mistakes that the compiler finds: a case of `ui/*/fail` with a `mod fixed` at its end. Its first
//! line has the id, if there is one, and the title.

use std::fs;

use super::{Section, block, number};
use crate::fail_cases;

/// The families of cases without an id, by their folders.
const FAMILIES: [(&str, char); 5] = [
    ("endpoint", 'A'),
    ("error_derive", 'J'),
    ("register", 'I'),
    ("subscribe", 'L'),
    ("types", 'H'),
];

const FIXED: &str = "#[cfg(any())]\nmod fixed {\n";

pub(super) fn sections() -> Vec<Section> {
    let mut cases = fail_cases();
    cases.sort();
    let sections = cases.iter().filter_map(|case| {
        let source = fs::read_to_string(case).unwrap();
        // A new case has none before it has run.
        let printed = fs::read_to_string(case.with_extension("stderr")).unwrap_or_default();
        let folder = case.parent()?.parent()?.file_name()?.to_str()?;
        let name = format!("tests/ui/{folder}/fail/{}", case.file_name()?.to_str()?);
        section(folder, &source, &printed.replace(&name, "src/lib.rs"))
    });
    sections.collect()
}

fn section(folder: &str, source: &str, printed: &str) -> Option<Section> {
    let (wrong, fixed) = source.split_once(FIXED)?;
    let fixed = fixed.strip_suffix("}\n")?.lines();
    let fixed: Vec<_> = fixed
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();

    // What is shown starts below the comment at the top and its lines are counted from there.
    let is_comment = |line: &&str| line.starts_with("//!") || line.is_empty();
    let skipped = wrong.lines().take_while(is_comment).count();
    let reason = wrong.lines().filter_map(|line| line.strip_prefix("/// "));
    let reason: Vec<_> = reason.collect();
    let shown = wrong
        .lines()
        .skip(skipped)
        .filter(|line| !line.starts_with("/// "));
    let shown: Vec<_> = shown.filter(|line| *line != "fn main() {}").collect();

    let said = wrong
        .lines()
        .next()?
        .strip_prefix("//! ")?
        .trim_end_matches('.');
    let by_id = said.split_once(": ").and_then(|(id, title)| {
        let family = id.chars().next()?;
        Some((family, Some(number(id, family)?), title))
    });
    let by_folder = || {
        let family = FAMILIES.iter().find(|(name, _)| *name == folder)?;
        Some((family.1, None, said))
    };
    let (family, number, title) = by_id.or_else(by_folder)?;
    let mut title = title.to_owned();
    title.get_mut(..1)?.make_ascii_uppercase();

    let printed: Vec<_> = printed
        .lines()
        .map(|line| renumber(line, skipped))
        .collect();
    let (shown, fixed) = (
        block("rust", &shown.join("\n")),
        block("rust", &fixed.join("\n")),
    );
    let printed = block("text", &printed.join("\n"));
    let reason = match reason.as_slice() {
        [] => String::new(),
        lines => lines.join("\n") + "\n\n",
    };
    let text = format!("\n{shown}\n{printed}\n{reason}{fixed}");
    Some(Section {
        family,
        number,
        title,
        text,
    })
}

/// A line of what was printed, with the numbers that lines have without the first ones.
fn renumber(line: &str, skipped: usize) -> String {
    let own = line.replace("$DIR/", "").replace("$WORKSPACE/", "");
    if let Some((margin, rest)) = own.split_once(" | ")
        && let Ok(number) = margin.trim_start().parse::<usize>()
    {
        return format!("{:>1$} | {rest}", number - skipped, margin.len());
    }
    let mut parts = own.split("src/lib.rs:");
    let mut renumbered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        renumbered.push_str("src/lib.rs:");
        renumbered.push_str(&places(part, skipped));
    }
    renumbered
}

/// `14:31`, or `14:31: 14:40`, and what follows.
fn places(text: &str, skipped: usize) -> String {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | ' '));
    let (places, rest) = text.split_at(end.unwrap_or(text.len()));
    let places = places.split(": ").map(|place| match place.split_once(':') {
        Some((line, column)) => {
            let line: usize = line.parse().expect("the number of a line");
            format!("{}:{column}", line - skipped)
        }
        None => place.to_owned(),
    });
    places.collect::<Vec<_>>().join(": ") + rest
}
