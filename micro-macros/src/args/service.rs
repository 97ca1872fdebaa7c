//! The arguments of `#[service(..)]`.

use std::time::Duration;

use micro_names::{Problem, Wildcards, check_group, check_name, check_version};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::{Lit, LitStr, Path, Visibility};

use crate::args::value::short_expr;
use crate::args::{Arg, Grammar, Value, keys, walk};
use crate::errors::{Errors, at};
use crate::model::{ClientNames, Metadata, Queue, Register, Text};

const GRAMMAR: Grammar = Grammar {
    attribute: "#[service(..)]",
    keys: keys::SERVICE,
    sibling: Some(("#[endpoint(..)]", keys::ENDPOINT)),
    foreign: &[
        ("prefix", "did you mean `group`?"),
        ("doc", "did you mean `description`?"),
        ("limit", "did you mean `concurrency`?"),
        ("workers", "did you mean `concurrency`?"),
        ("max_in_flight", "did you mean `concurrency`?"),
    ],
    positional: Some(("name", "the name")),
};

const CLIENT: Grammar = Grammar {
    attribute: "client(..)",
    keys: &["name", "vis"],
    sibling: None,
    foreign: &[],
    positional: None,
};

/// What is left out is `None` and gets its default when the model is made.
pub(crate) struct ServiceArgs {
    pub(crate) name: Option<Text>,
    /// A name was written, even if it is wrong: no second error about the default.
    pub(crate) name_is_given: bool,
    pub(crate) version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) group: Option<Text>,
    pub(crate) queue_group: Queue,
    pub(crate) metadata: Metadata,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
    /// `None` for `client = false`.
    pub(crate) client: Option<ClientNames>,
    pub(crate) register: Option<Register>,
    pub(crate) krate: Path,
}

impl Default for ServiceArgs {
    fn default() -> Self {
        Self {
            name: None,
            name_is_given: false,
            version: None,
            description: None,
            group: None,
            queue_group: Queue::Inherit,
            metadata: Metadata::new(),
            timeout: None,
            concurrency: None,
            client: Some(ClientNames::default()),
            register: None,
            krate: default_crate(),
        }
    }
}

/// `::micro`.
pub(crate) fn default_crate() -> Path {
    let name = Ident::new("micro", Span::call_site());
    Path {
        leading_colon: Some(syn::Token![::](Span::call_site())),
        segments: std::iter::once(syn::PathSegment::from(name)).collect(),
    }
}

pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> ServiceArgs {
    let mut args = ServiceArgs::default();
    for arg in walk(tokens, GRAMMAR, errors) {
        match arg.name.as_str() {
            "name" => {
                args.name_is_given = true;
                args.name = arg.checked("\"..\"", |text| check_name("name", text), errors);
            }
            "version" => {
                args.version = arg
                    .checked("\"1.0.0\"", check_version, errors)
                    .map(|text| text.value);
            }
            "description" => {
                args.description = arg
                    .checked("\"..\"", |_| Ok(()), errors)
                    .map(|text| text.value);
            }
            "group" => args.group = arg.checked("\"..\"", check_service_group, errors),
            "queue_group" => {
                args.queue_group = arg.queue_group(errors).unwrap_or(Queue::Inherit);
            }
            "metadata" => args.metadata = arg.metadata(errors),
            "timeout" => args.timeout = arg.duration(errors),
            "concurrency" => args.concurrency = arg.number(1, 64, errors),
            "client" => args.client = client(&arg, errors),
            "register" => args.register = register(&arg, errors),
            "crate" => args.krate = crate_path(&arg, errors).unwrap_or_else(default_crate),
            _ => {}
        }
    }
    args
}

fn check_service_group(value: &str) -> Result<(), Problem> {
    let has_wildcards =
        value.contains(['*', '{']) && check_group(value, Wildcards::Allowed).is_ok();
    if has_wildcards {
        return Err(
            Problem::new("the `group` of a service cannot have wildcards")
                .help("write them into the `group` or the `subject` of the endpoints"),
        );
    }
    check_group(value, Wildcards::Named)
}

fn client(arg: &Arg, errors: &mut Errors) -> Option<ClientNames> {
    let mut names = ClientNames::default();
    match (&arg.value, arg.literal()) {
        (_, Some(Lit::Bool(flag))) if !flag.value => return None,
        (Value::Tokens(tokens), None) => match tokens.as_slice() {
            [TokenTree::Ident(name)] => names.name = identifier(name, errors),
            _ => not_a_client(arg, errors),
        },
        (Value::Tokens(_), Some(Lit::Str(text))) => match unquoted(&text, Ident::parse) {
            Some(name) => errors.push(
                text,
                &Problem::new("`client` takes a name without quotes")
                    .help(format!("write `client = {name}`")),
            ),
            None => not_a_client(arg, errors),
        },
        (Value::List(group), _) => {
            for arg in walk(group.stream(), CLIENT, errors) {
                match arg.name.as_str() {
                    "name" => names.name = client_name(&arg, errors),
                    _ => names.vis = client_vis(&arg, errors).unwrap_or(names.vis),
                }
            }
        }
        _ => not_a_client(arg, errors),
    }
    Some(names)
}

fn not_a_client(arg: &Arg, errors: &mut Errors) {
    errors.push(
        arg.place(),
        &Problem::new("`client` is `false`, a name, or `client(name = .., vis = ..)`"),
    );
}

fn client_name(arg: &Arg, errors: &mut Errors) -> Option<Ident> {
    if let Value::Tokens(tokens) = &arg.value
        && let [TokenTree::Ident(name)] = tokens.as_slice()
        && arg.literal().is_none()
    {
        return identifier(name, errors);
    }
    let name = match arg.literal() {
        Some(Lit::Str(text)) => text.parse::<Ident>().ok(),
        _ => None,
    };
    let name = name.map_or_else(|| "NumbersClient".to_owned(), |name| name.to_string());
    errors.push(
        arg.place(),
        &Problem::new("`name` of the client must be an identifier")
            .help(format!("write `client(name = {name})`")),
    );
    None
}

/// A word that a type can have as its name.
fn identifier(word: &Ident, errors: &mut Errors) -> Option<Ident> {
    let name = syn::parse2::<Ident>(word.to_token_stream()).ok();
    if name.is_none() {
        errors.push(
            word,
            &Problem::new(format!("`{word}` cannot be the name of the client"))
                .note("it is a keyword of Rust"),
        );
    }
    name
}

fn client_vis(arg: &Arg, errors: &mut Errors) -> Option<Visibility> {
    if let Value::Tokens(_) = &arg.value
        && let Ok(vis) = syn::parse2::<Visibility>(arg.place())
    {
        return Some(vis);
    }
    errors.push(
        arg.place(),
        &Problem::new("`vis` of the client must be a visibility").help("write `vis = pub(crate)`"),
    );
    None
}

fn register(arg: &Arg, errors: &mut Errors) -> Option<Register> {
    match &arg.value {
        Value::Flag => Some(Register::Default {
            key: arg.key.clone(),
        }),
        Value::Tokens(tokens) if arg.literal().is_none() => {
            if let Some(syn::Expr::Path(path)) = short_expr(tokens) {
                return Some(Register::With(path));
            }
            not_a_constructor(arg, errors);
            None
        }
        _ => {
            not_a_constructor(arg, errors);
            None
        }
    }
}

fn not_a_constructor(arg: &Arg, errors: &mut Errors) {
    errors.push(
        arg.place(),
        &Problem::new("`register` takes no value, or the path of a constructor")
            .help("write `register` or `register = Numbers::new`"),
    );
}

/// `crate = path` or `crate = "path"`.
pub(crate) fn crate_path(arg: &Arg, errors: &mut Errors) -> Option<Path> {
    match (&arg.value, arg.literal()) {
        (_, Some(Lit::Str(text))) => match unquoted(&text, Path::parse_mod_style) {
            Some(path) => return Some(path),
            None => errors.push(
                &text,
                &Problem::new(format!("`crate` must be a path, found `{}`", text.value())),
            ),
        },
        (Value::Tokens(_), None) => match Path::parse_mod_style.parse2(arg.place()) {
            Ok(path) => return Some(path),
            Err(_) => arg.wrong_kind("a path", "::micro", errors),
        },
        (Value::List(group), _) => errors.push(
            at(group.span()),
            &Problem::new("`crate` must be a path, found a list").help("write `crate = ::micro`"),
        ),
        _ => arg.wrong_kind("a path", "::micro", errors),
    }
    None
}

/// What a string says, if it is a name or a path. There are no brackets in those, and how deep they
/// go in a string nobody has looked.
fn unquoted<T>(text: &LitStr, parser: impl FnOnce(ParseStream) -> syn::Result<T>) -> Option<T> {
    if text.value().contains(['(', '[', '{']) {
        return None;
    }
    text.parse_with(parser).ok()
}

/// The tokens of an identifier, so that a default has a place for errors.
pub(crate) fn text_of(ident: &Ident) -> Text {
    Text {
        value: crate::tokens::plain_name(ident),
        place: ident.to_token_stream(),
    }
}

impl Default for ClientNames {
    fn default() -> Self {
        Self {
            name: None,
            vis: syn::parse2(quote!(pub)).unwrap_or(Visibility::Inherited),
        }
    }
}
