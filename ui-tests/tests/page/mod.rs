//! docs/errors.md, made of what the tests are made of: the mistakes that the macros find
//! (`micro-macros/src/tests/mistakes/*.md`), those that the compiler finds (`ui/*/fail/*.rs` with a
//! `mod fixed`), and those that show when a program starts (`run_time`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it cannot go on"
)]

mod compiled;
mod run_time;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const INTRODUCTION: &str = "\
# What the compiler says, and what to write instead

Every message of `#[service]`, `#[endpoint]`, `#[subscribe]` and `#[derive(ServiceError)]`, with the
shortest code that gives it and the same code put right. Everything that is wrong is reported at once, and the
item stays, so that nothing else turns red for it.

The letters and numbers are those of the tests; a mistake without one is a variation of those
around it. In the examples

- `Pair` is `struct Pair { a: f64, b: f64 }` with serde's derives, `Numbers` a `struct Numbers;`
  where there is no other, `User` has a `FromRequest`, and `ShelfError` is a `ServiceError`;
- the imports are `use micro::prelude::*;` and `use serde::{Deserialize, Serialize};`.

<!-- Made by `TRYBUILD=overwrite cargo test -p micro-rs-macros -p ui-tests` of the tests' own data:
     change it there. -->
";

/// A mistake, or what else there is to know.
struct Section {
    /// The family's letter, and the number in it.
    family: char,
    number: Option<u32>,
    title: String,
    /// What follows the heading.
    text: String,
}

/// A chapter: its heading, and the sections that the macros' tests have.
struct Family {
    letter: char,
    heading: String,
    introduction: String,
    sections: Vec<Section>,
}

impl Family {
    fn heading_of(&self, section: &Section) -> String {
        let id = section
            .number
            .map(|number| format!("{}{number}. ", self.letter));
        format!("{}{}", id.unwrap_or_default(), section.title)
    }
}

pub(crate) fn path() -> PathBuf {
    workspace().join("docs/errors.md")
}

/// The page as it has to be.
pub(crate) fn render() -> String {
    let mut page = INTRODUCTION.to_owned();
    let families = families();
    page.push('\n');
    for family in &families {
        let anchor = anchor(&family.heading);
        writeln!(page, "- [{}](#{anchor})", family.heading).unwrap();
        for section in &family.sections {
            let heading = family.heading_of(section);
            let anchor = self::anchor(&heading);
            writeln!(page, "  - [{heading}](#{anchor})").unwrap();
        }
    }
    for family in families {
        let Family {
            heading,
            introduction,
            ..
        } = &family;
        write!(page, "\n## {heading}\n\n{introduction}").unwrap();
        for section in &family.sections {
            let heading = family.heading_of(section);
            write!(page, "\n### {heading}\n{}", section.text).unwrap();
        }
    }
    page
}

/// A program with every right source in a module of its own: all that the page advises compiles.
pub(crate) fn program_of_fixes() -> String {
    let mut program = include_str!("given.rs").to_owned();
    for (index, section) in families()
        .iter()
        .flat_map(|family| &family.sections)
        .enumerate()
    {
        let right = section.text.rsplit("```rust\n").next();
        let right = right
            .and_then(|rest| rest.split("```\n").next())
            .unwrap_or_default();
        let numbers = if right.contains("struct Numbers") {
            ""
        } else {
            "#[derive(Default)]\npub struct Numbers;\n\n"
        };
        let title = &section.title;
        writeln!(
            program,
            "\n/// {title}\nmod fixed_{index} {{\nuse crate::given::*;\n\n{numbers}{right}}}"
        )
        .unwrap();
    }
    program
}

fn families() -> Vec<Family> {
    let folder = workspace().join("micro-macros/src/tests/mistakes");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut families: Vec<_> = files
        .map(|file| family(&fs::read_to_string(file).unwrap()))
        .collect();
    families.sort_by_key(|family| family.letter);
    let mut others = compiled::sections();
    others.extend(run_time::sections());
    others.sort_by_key(|section| section.number.unwrap_or(u32::MAX));
    for section in others {
        let family = families
            .iter_mut()
            .find(|family| family.letter == section.family);
        family.expect("a family of that letter").insert(section);
    }
    families
}

impl Family {
    /// Puts a section before the first one with a greater number.
    fn insert(&mut self, section: Section) {
        let after = |other: &Section| match (section.number, other.number) {
            (Some(number), Some(other)) => other > number,
            _ => false,
        };
        let index = self.sections.iter().position(after);
        self.sections
            .insert(index.unwrap_or(self.sections.len()), section);
    }
}

fn family(text: &str) -> Family {
    let mut parts = text.split("\n### ");
    let (heading, introduction) = parts.next().unwrap().split_once("\n\n").unwrap();
    let heading = heading.strip_prefix("## ").unwrap().to_owned();
    let letter = heading.chars().next().unwrap();
    let sections = parts.map(|part| {
        let (title, text) = part.split_once('\n').unwrap();
        let text = text.trim_end().to_owned() + "\n";
        let id = title.split_once(". ");
        let id = id.and_then(|(id, title)| Some((number(id, letter)?, title)));
        let (number, title) = match id {
            Some((number, title)) => (Some(number), title),
            None => (None, title),
        };
        Section {
            family: letter,
            number,
            title: title.to_owned(),
            text,
        }
    });
    let sections = sections.collect();
    let introduction = introduction.trim_end().to_owned() + "\n";
    Family {
        letter,
        heading,
        introduction,
        sections,
    }
}

/// The number in an id such as `B4`.
fn number(id: &str, letter: char) -> Option<u32> {
    id.strip_prefix(letter)?.parse().ok()
}

/// The anchor of a heading, as code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| {
        if c == ' ' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    })
    .collect()
}

fn block(language: &str, text: &str) -> String {
    format!(
        "```{language}\n{}\n```\n",
        text.trim_matches('\n').trim_end()
    )
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
}
