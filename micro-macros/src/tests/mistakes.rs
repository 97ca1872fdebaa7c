//! The mistakes that docs/errors.md shows, made. A section of `mistakes/*.md` is one of them: the
//! wrong source, what is printed for it, and a right one. The page is made of the same files.
//!
//! `TRYBUILD=overwrite cargo test -p micro-rs-macros -p ui-tests` writes what is printed anew, there
//! and on the page: read the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};

use super::{dense, is_overwriting};
use crate::main_fn::{self, Role};

#[test]
fn every_mistake_is_told_as_shown() {
    let overwrite = is_overwriting();
    for file in files() {
        let shown = fs::read_to_string(&file).unwrap();
        let mut told = Vec::new();
        for section in shown.split("\n### ") {
            told.push(match Mistake::read(section) {
                Some(mistake) => retold(section, &mistake, overwrite),
                None => section.to_owned(),
            });
        }
        if overwrite {
            fs::write(&file, told.join("\n### ")).unwrap();
        }
    }
}

/// The section with what is printed now; without leave to change it, that has to be the same.
fn retold(section: &str, mistake: &Mistake<'_>, overwrite: bool) -> String {
    let title = mistake.title;
    let Some((source, shown)) = mistake.wrong else {
        return section.to_owned();
    };
    let printed: Vec<_> = expansions(source)
        .iter()
        .flat_map(Expansion::errors)
        .map(|error| error.print(source))
        .collect();
    let printed = printed.join("\n");
    assert!(!printed.is_empty(), "{title}: no error");
    assert!(
        overwrite || printed == shown,
        "{title} is now told as\n{printed}\nand was\n{shown}"
    );
    let block = |text: &str| format!("```text\n{text}```\n");
    section.replacen(&block(shown), &block(&printed), 1)
}

#[test]
fn what_is_wrong_stays_an_item() {
    for_each(|mistake| {
        let Some((source, _)) = mistake.wrong else {
            return;
        };
        for expansion in expansions(source) {
            let title = mistake.title;
            let output = expansion.output.to_string();
            let file = syn::parse2::<syn::File>(expansion.output.clone());
            assert!(file.is_ok(), "{title} expands to\n{output}");
            let kept = match expansion.by {
                Macro::Service => expansion.header(),
                Macro::Program => "fn".to_owned(),
                // A derive gives back nothing of its item.
                Macro::Derive => String::new(),
            };
            assert!(dense(&output).contains(&dense(&kept)), "{title}: {output}");
            if kept == "impl Numbers" {
                assert!(output.contains("Service for Numbers"), "{title}: {output}");
                let item = dense(&expansion.item.to_string());
                let is_called = item.contains("#[endpoint") || !item.contains("#[subscribe");
                assert!(has_client(&output) || !is_called, "{title}: {output}");
            }
            let cannot_be = source.contains("union") || source.contains("<'a>");
            if let (Macro::Derive, false) = (expansion.by, cannot_be) {
                assert!(output.contains("ServiceError for"), "{title}: {output}");
            }
        }
    });
}

#[test]
fn what_is_right_is_complete() {
    for_each(|mistake| {
        let title = mistake.title;
        let expansions = expansions(mistake.right);
        assert!(!expansions.is_empty(), "{title}");
        for expansion in expansions {
            assert!(expansion.errors().is_empty(), "{title}: {}", mistake.right);
            let output = expansion.output.to_string();
            match expansion.by {
                Macro::Service => {
                    let (item, dense) = (dense(&expansion.item.to_string()), dense(&output));
                    let [endpoints, subscribers] =
                        ["#[endpoint", "#[subscribe"].map(|word| item.matches(word).count());
                    let given = ["=__micro::Endpoint{", "=__micro::Subscriber{"]
                        .map(|entry| dense.matches(entry).count());
                    assert_eq!(given, [endpoints, subscribers], "{title}: {output}");
                    // There is nothing to call where there are subscribers only.
                    let is_called = endpoints > 0 || subscribers == 0;
                    assert_eq!(has_client(&output), is_called, "{title}: {output}");
                    assert!(output.contains("Service for"), "{title}: {output}");
                }
                Macro::Derive => assert!(output.contains("ServiceError for"), "{title}: {output}"),
                Macro::Program => assert!(output.contains("block_on"), "{title}: {output}"),
            }
        }
    });
}

/// Nothing is said that nobody can look up: every text in the sources is one of the page.
#[test]
fn every_text_is_on_the_page() {
    if is_overwriting() {
        return;
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(package.join("../docs/errors.md")).unwrap();
    let printed: Vec<&str> = blocks(&page, "text")
        .iter()
        .flat_map(|text| text.lines())
        .collect();
    let mut texts = Vec::new();
    for sources in ["src", "../micro-names/src"] {
        for source in rust_files(&package.join(sources)) {
            texts_of(
                fs::read_to_string(source).unwrap().parse().unwrap(),
                &mut texts,
            );
        }
    }
    assert!(texts.len() > 100, "{texts:#?}");
    let missing: Vec<_> = texts
        .iter()
        .filter(|text| !printed.iter().any(|line| fits(line, text)))
        .filter(|text| !ELSEWHERE.contains(&text.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:#?} are not in docs/errors.md");
}

/// Texts that no attribute ends in.
const ELSEWHERE: &[&str] = &[
    // rustc says so first.
    "the `impl` block has no body",
    // Subjects and tokens that a program makes up while it runs.
    "`>` must be the last character of `{key}`",
    "`group` cannot contain `>`",
    "nothing can follow `>` in a subject, and a group is a prefix",
    "a subject token cannot be empty",
    "a subject token cannot contain white space, `.`, `*` or `>`, found `{}`",
    "a subject token cannot contain control characters, found `{}`",
];

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/mistakes");
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    files
}

fn for_each(check: impl Fn(&Mistake<'_>)) {
    for file in files() {
        let text = fs::read_to_string(file).unwrap();
        text.split("\n### ")
            .filter_map(Mistake::read)
            .for_each(|mistake| check(&mistake));
    }
}

struct Mistake<'t> {
    title: &'t str,
    /// The source and what is printed for it. Some sections have none: they show what is allowed.
    wrong: Option<(&'t str, &'t str)>,
    right: &'t str,
}

impl<'t> Mistake<'t> {
    /// Reads a section; the first of a file is its introduction.
    fn read(section: &'t str) -> Option<Self> {
        let title = section.lines().next()?;
        let (wrong, right) = match blocks(section, "rust").as_slice() {
            [] => return None,
            [right] => (None, *right),
            [wrong, right] => (Some(*wrong), *right),
            _ => panic!("{title} has more than a wrong and a right source"),
        };
        let wrong = wrong.zip(blocks(section, "text").pop());
        Some(Self {
            title,
            wrong,
            right,
        })
    }
}

/// The blocks of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let open = format!("```{language}\n");
    let blocks = text.split(&open).skip(1);
    blocks
        .filter_map(|rest| rest.split("```\n").next())
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Macro {
    Service,
    Derive,
    Program,
}

/// What a macro makes of an item.
struct Expansion {
    by: Macro,
    item: TokenStream,
    output: TokenStream,
}

/// Expands what is ours in a source, as the compiler would.
fn expansions(source: &str) -> Vec<Expansion> {
    let mut tokens = source
        .parse::<TokenStream>()
        .expect("tokens")
        .into_iter()
        .peekable();
    let mut expansions = Vec::new();
    while tokens.peek().is_some() {
        let mut call: Option<(String, TokenStream)> = None;
        let mut item = Vec::new();
        while let Some(token) = tokens.next() {
            let attribute = match tokens.peek() {
                Some(TokenTree::Group(group)) if token.to_string() == "#" => group.clone(),
                _ => {
                    let ends = matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
                        || token.to_string() == ";";
                    item.push(token);
                    if ends {
                        break;
                    }
                    continue;
                }
            };
            let args = match attribute.stream().into_iter().last() {
                Some(TokenTree::Group(args)) => args.stream(),
                _ => TokenStream::new(),
            };
            let name = dense(&attribute.stream().to_string());
            let name = name.split('(').next().unwrap_or_default().to_owned();
            let is_ours = ["service", "micro::main", "micro::test"].contains(&name.as_str())
                || name == "derive" && args.to_string().contains("ServiceError");
            match &call {
                None if is_ours => {
                    tokens.next();
                    call = Some((name, args));
                }
                // What stands above is no part of the item.
                None => drop(tokens.next()),
                Some(_) => item.extend([Some(token), tokens.next()].into_iter().flatten()),
            }
        }
        let item: TokenStream = item.into_iter().collect();
        let Some((name, args)) = call else { continue };
        let (by, output) = match name.as_str() {
            "service" => (Macro::Service, crate::service::service(args, item.clone())),
            "derive" => (Macro::Derive, crate::error_derive::expand(item.clone())),
            "micro::main" => (
                Macro::Program,
                main_fn::expand(Role::Main, &args, &item.clone()),
            ),
            _ => (
                Macro::Program,
                main_fn::expand(Role::Test, &args, &item.clone()),
            ),
        };
        expansions.push(Expansion { by, item, output });
    }
    expansions
}

fn has_client(output: &str) -> bool {
    dense(output).contains("fnwith(caller:")
}

impl Expansion {
    fn errors(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        compile_errors(self.output.clone(), &mut errors);
        errors
    }

    /// The item up to its body, without attributes.
    fn header(&self) -> String {
        let mut header = TokenStream::new();
        let mut tokens = self.item.clone().into_iter();
        while let Some(token) = tokens.next() {
            match token {
                token if token.to_string() == "#" => drop(tokens.next()),
                TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => break,
                token => header.extend([token]),
            }
        }
        header.to_string()
    }
}

struct Error {
    start: LineColumn,
    end: LineColumn,
    message: String,
}

/// Collects `::core::compile_error! { "message" }`, however deep.
fn compile_errors(output: TokenStream, errors: &mut Vec<Error>) {
    let mut tokens = output.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "compile_error" => {
                let Some(TokenTree::Group(message)) = tokens.nth(1) else {
                    panic!("`compile_error!` has a message");
                };
                let message: syn::LitStr = syn::parse2(message.stream()).expect("a string");
                errors.push(Error {
                    start: word.span().start(),
                    end: message.span().end(),
                    message: message.value(),
                });
            }
            TokenTree::Group(group) => compile_errors(group.stream(), errors),
            _ => {}
        }
    }
}

impl Error {
    /// As rustc prints it.
    fn print(&self, source: &str) -> String {
        let (line, column) = (self.start.line, self.start.column);
        let code = source.lines().nth(line - 1).expect("a line");
        let end = if self.end.line == line {
            self.end.column
        } else {
            code.chars().count()
        };
        let message = self.message.replace('\n', "\n       ");
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let carets = "^".repeat(end - column);
        let mut printed = String::new();
        writeln!(printed, "error: {message}").unwrap();
        writeln!(printed, "{margin}--> src/lib.rs:{line}:{}", column + 1).unwrap();
        writeln!(printed, "{margin} |").unwrap();
        writeln!(printed, "{number} | {code}").unwrap();
        writeln!(printed, "{margin} | {}{carets}", " ".repeat(column)).unwrap();
        printed
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The strings in `Problem::new(..)`, `.help(..)`, `.note(..)` and `push_with_reference(..)`.
fn texts_of(tokens: TokenStream, texts: &mut Vec<String>) {
    let mut before = String::new();
    for token in tokens {
        if let TokenTree::Group(group) = token {
            let says = ["Problem::new", ".help", ".note", ".push_with_reference"];
            let says = says.iter().any(|word| before.ends_with(word));
            if says && group.delimiter() == Delimiter::Parenthesis {
                strings(group.stream(), texts);
            } else if before.ends_with("modtests") {
                return;
            } else {
                texts_of(group.stream(), texts);
            }
            before.clear();
        } else {
            before.push_str(&token.to_string());
        }
    }
}

fn strings(tokens: TokenStream, texts: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => strings(group.stream(), texts),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    texts.push(text.value());
                }
            }
            _ => {}
        }
    }
}

/// Whether a line has a format string's fixed parts, in their order.
fn fits(mut line: &str, text: &str) -> bool {
    // The braces that are meant as such.
    let text = text.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let pieces = text
        .split('{')
        .enumerate()
        .map(|(index, piece)| match piece.split_once('}') {
            Some((_, rest)) if index > 0 => rest,
            _ => piece,
        });
    for piece in pieces {
        let piece = piece.replace('\u{1}', "{").replace('\u{2}', "}");
        match line.find(&piece) {
            Some(at) => line = line.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}
