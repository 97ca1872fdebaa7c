//! The documentation of the attributes (`src/docs/*.md` of the facade) shows what they generate, and
//! what is said about mistakes: neither may drift from what is so.
//!
//! `TRYBUILD=overwrite cargo test -p micro-rs-macros` writes what is generated.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use syn::{File, Item};

use super::{is_overwriting, split};
use crate::tokens::text;

const HEADING: &str = "# What is generated\n";

#[test]
fn a_service() {
    shows("service.md", |source| vec![service(source)]);
}

#[test]
fn an_endpoint() {
    shows("endpoint.md", |source| {
        let generated = service(source);
        vec![cut(&generated, "call: "), cut(&generated, "pub fn lend(")]
    });
}

#[test]
fn a_service_error() {
    shows("service_error.md", |source| {
        let output = crate::error_derive::expand(source.parse().expect("tokens"));
        vec![readable(output, "field")]
    });
}

#[test]
fn messages_are_those_of_the_page_of_errors() {
    if is_overwriting() {
        return;
    }
    let page = fs::read_to_string(workspace().join("docs/errors.md")).unwrap();
    for name in [
        "service.md",
        "endpoint.md",
        "service_error.md",
        "subscribe.md",
    ] {
        let text = fs::read_to_string(workspace().join("src/docs").join(name)).unwrap();
        let mut messages = text.split("```text\n").skip(1).peekable();
        assert!(messages.peek().is_some(), "{name} shows no message");
        for message in messages {
            let message = message.split("```").next().unwrap_or_default();
            assert!(
                page.contains(message),
                "{name}: {message} is not in docs/errors.md"
            );
        }
    }
}

/// Checks the blocks after the first one below the heading: what is made of that one.
fn shows(name: &str, generate: impl FnOnce(&str) -> Vec<String>) {
    let path = workspace().join("src/docs").join(name);
    let text = fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once(HEADING).expect("a heading");
    // Prose and code by turns.
    let mut parts: Vec<String> = after.split("```\n").map(str::to_owned).collect();
    let source = visible(&parts[1]);
    for (index, generated) in generate(&source).into_iter().enumerate() {
        let shown = &mut parts[3 + 2 * index];
        if is_overwriting() {
            *shown = with_visible(shown, &generated);
        }
        assert_eq!(visible(shown), generated, "{name}");
    }
    let rewritten = format!("{before}{HEADING}{}", parts.join("```\n"));
    if rewritten != text {
        fs::write(path, rewritten).unwrap();
    }
}

fn is_hidden(line: &str) -> bool {
    line == "#" || line.starts_with("# ")
}

/// A block without the lines that the compiler sees and a reader does not.
fn visible(block: &str) -> String {
    let lines = block.lines().filter(|line| !is_hidden(line));
    lines
        .map(|line| format!("{line}\n"))
        .collect::<Vec<_>>()
        .concat()
}

/// The block with other visible lines; the hidden ones are above and below.
fn with_visible(block: &str, new: &str) -> String {
    let lines = || block.split_inclusive('\n');
    let above: String = lines()
        .take_while(|line| is_hidden(line.trim_end()))
        .collect();
    let below: Vec<_> = lines()
        .rev()
        .take_while(|line| is_hidden(line.trim_end()))
        .collect();
    let below: String = below.into_iter().rev().collect();
    format!("{above}{new}{below}")
}

fn service(source: &str) -> String {
    let (args, item) = split(source);
    readable(crate::service::service(args, item), "argument")
}

/// What is generated, as one would write it by hand: without the user's own item, lints, checks,
/// the usual derives, and paths from the root. `value` is what numbered locals are called.
fn readable(output: TokenStream, value: &str) -> String {
    let file: File = syn::parse2(output).expect("items");
    let mut items = Vec::new();
    for item in file.items {
        match item {
            Item::Const(anchor)
                if anchor
                    .attrs
                    .iter()
                    .any(|attr| attr.path().is_ident("endpoint")) => {}
            Item::Const(block) => match *block.expr {
                syn::Expr::Block(block) => {
                    items.extend(block.block.stmts.into_iter().filter_map(|statement| {
                        match statement {
                            syn::Stmt::Item(Item::Impl(item)) => Some(Item::Impl(item)),
                            _ => None,
                        }
                    }));
                }
                _ => unreachable!("a constant is a block of items"),
            },
            Item::Struct(item) => items.push(Item::Struct(item)),
            _ => {}
        }
    }
    items.retain(|item| match item {
        Item::Impl(item) if text(&item.self_ty) == "__MicroNoAlias" => false,
        Item::Impl(item) => item.trait_.as_ref().is_none_or(|name| {
            let last = name.0.segments.last().map(|last| last.ident.to_string());
            !matches!(last.as_deref(), Some("Clone" | "Debug"))
        }),
        _ => true,
    });
    for item in &mut items {
        let attrs = match item {
            Item::Impl(item) => {
                item.generics.where_clause = None;
                &mut item.attrs
            }
            Item::Struct(item) => &mut item.attrs,
            _ => continue,
        };
        attrs.retain(|attr| attr.path().is_ident("doc"));
    }
    let file = File {
        shebang: None,
        frontmatter: None,
        attrs: Vec::new(),
        items,
    };
    let mut source = prettyplease::unparse(&file);
    for (long, short) in [
        ("::micro::__private0::", ""),
        ("__micro::", ""),
        ("::micro::", ""),
        ("::core::option::Option::", ""),
        ("::core::option::", ""),
        ("::core::result::Result::", ""),
        ("::core::convert::", ""),
        ("::core::time::", ""),
        ("::core::env!", "env!"),
        ("::std::boxed::", ""),
        ("__micro_0", &format!("{value}_0")),
        ("__micro_1", &format!("{value}_1")),
        ("__micro_2", &format!("{value}_2")),
        ("__micro_3", &format!("{value}_3")),
        // Methods are the runtime's and called as they are; the rest are names of locals.
        (".__micro_", ".__kept_"),
        ("__micro_", ""),
        (".__kept_", ".__micro_"),
        ("///", "/// "),
        ("///  ", "/// "),
    ] {
        source = source.replace(long, short);
    }
    // Shorter paths are other lines.
    spaced(&prettyplease::unparse(
        &syn::parse_file(&source).expect("items"),
    ))
}

/// With an empty line before what begins after something else has ended.
fn spaced(text: &str) -> String {
    let mut spaced = String::new();
    for line in text.lines() {
        let begins = ["///", "impl", "fn", "const"];
        let begins = begins
            .iter()
            .any(|word| line.trim_start().starts_with(word));
        if begins && (spaced.ends_with("}\n") || spaced.ends_with(";\n")) {
            spaced.push('\n');
        }
        spaced.push_str(line);
        spaced.push('\n');
    }
    spaced
}

/// The piece that starts at a word and ends where its indentation does.
fn cut(text: &str, start: &str) -> String {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with(start));
    let first = lines.next().expect("the piece is there");
    let indent = first.len() - first.trim_start().len();
    let mut piece = vec![first];
    for line in lines {
        piece.push(line);
        if line.len() - line.trim_start().len() == indent
            && line.trim_start().starts_with(['}', ')'])
            && !line.ends_with('{')
        {
            break;
        }
    }
    piece
        .iter()
        .map(|line| format!("{}\n", &line[indent..]))
        .collect::<Vec<_>>()
        .concat()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
