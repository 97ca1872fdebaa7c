//! From the annotated type to its model.

use std::collections::HashMap;

use micro_names::Problem;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, GenericParam, Lit, Path, Type};

use crate::args::service::{crate_path, default_crate};
use crate::args::value::fits_its_suffix;
use crate::args::{Arg, Grammar, Value, attribute_tokens, walk};
use crate::error_derive::model::{Conduct, ErrorModel, Fields, Variant};
use crate::errors::{Errors, at};
use crate::tokens::{borrows, ends_with, nested_too_deeply, plain_name, too_deep};

const ATTRIBUTE: &str = "service_error";

const GRAMMAR: Grammar = Grammar {
    attribute: "#[service_error(..)]",
    keys: &["code", "kind", "internal", "transparent", "crate"],
    sibling: None,
    foreign: &[
        ("status", "did you mean `code`?"),
        ("status_code", "did you mean `code`?"),
        ("name", "did you mean `kind`?"),
        ("tag", "did you mean `kind`?"),
        ("rename", "did you mean `kind`?"),
        ("message", MESSAGE),
        ("text", MESSAGE),
        ("format", MESSAGE),
        ("display", MESSAGE),
        ("hidden", "did you mean `internal`?"),
    ],
    positional: Some(("code", "the code")),
};

const MESSAGE: &str = "the message is what the type's `Display` writes; `thiserror` can derive it";

/// The code of an internal variant that has none, as of any failure of the server.
const INTERNAL_CODE: u16 = 500;

/// What an attribute says. Each value with the key it stands at.
#[derive(Default)]
struct ErrorArgs {
    code: Option<(Ident, u16)>,
    /// A code was written, even if it is wrong.
    code_is_given: bool,
    kind: Option<(Ident, String)>,
    internal: Option<Ident>,
    transparent: Option<Ident>,
    krate: Option<(Ident, Path)>,
}

pub(super) fn parse(item: TokenStream, errors: &mut Errors) -> Option<ErrorModel> {
    if let Some(deep) = too_deep(item.clone()) {
        errors.push(at(deep.span()), &nested_too_deeply());
        return None;
    }
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => {
            errors.push_error(error);
            return None;
        }
    };
    let own = args(&input.attrs, errors);
    let variants = match &input.data {
        Data::Union(data) => {
            let problem =
                Problem::new("`ServiceError` can be derived for enums and structs, found a union");
            errors.push(data.union_token, &problem);
            return Some(finish(&input, own.krate, Vec::new(), errors));
        }
        Data::Struct(data) => {
            stray_attributes(&data.fields, errors);
            let krate = own.krate.clone();
            let variant = variant(&input.ident, quote!(Self), &data.fields, own, None, errors);
            return Some(finish(&input, krate, vec![variant], errors));
        }
        Data::Enum(data) => &data.variants,
    };
    let not_here = "of a variant and not of the enum";
    refuse(own.kind.as_ref().map(|(key, _)| key), not_here, errors);
    refuse(own.internal.as_ref(), not_here, errors);
    refuse(own.transparent.as_ref(), not_here, errors);
    // One of these on the enum says for each variant what its code is, if in the wrong place.
    let is_misplaced = own.internal.is_some() || own.transparent.is_some();
    let default = DefaultCode {
        code: own.code.as_ref().map(|(_, code)| *code),
        is_given: own.code_is_given || is_misplaced,
    };
    let variants = variants.iter().map(|one| {
        stray_attributes(&one.fields, errors);
        let args = args(&one.attrs, errors);
        let krate = args.krate.as_ref().map(|(key, _)| key);
        refuse(krate, "of the enum and not of a variant", errors);
        let name = &one.ident;
        variant(
            name,
            quote!(Self::#name),
            &one.fields,
            args,
            Some(default),
            errors,
        )
    });
    let variants: Vec<Variant> = variants.collect();
    check_kinds(&variants, errors);
    Some(finish(&input, own.krate, variants, errors))
}

/// The code of the enum, for variants without one.
#[derive(Clone, Copy)]
struct DefaultCode {
    code: Option<u16>,
    is_given: bool,
}

fn finish(
    input: &DeriveInput,
    krate: Option<(Ident, Path)>,
    variants: Vec<Variant>,
    errors: &mut Errors,
) -> ErrorModel {
    let lifetime = input.generics.params.iter().find_map(|param| match param {
        GenericParam::Lifetime(param) => Some(param.lifetime.to_token_stream()),
        _ => None,
    });
    let reference = || variants.iter().find_map(borrowed_field);
    if let Some(place) = lifetime.or_else(reference) {
        let problem = Problem::new("a service error cannot borrow")
            .help("keep owned values in it, such as `String`")
            .note("it outlives the request it is about");
        errors.push(place, &problem);
    }
    ErrorModel {
        krate: krate.map_or_else(default_crate, |(_, path)| path),
        name: input.ident.clone(),
        generics: input.generics.clone(),
        variants,
    }
}

/// A reference among the fields that travel: the caller has nothing that it could point to.
fn borrowed_field(variant: &Variant) -> Option<TokenStream> {
    let Conduct::Open { .. } = variant.conduct else {
        return None;
    };
    let types: Vec<&Type> = match &variant.fields {
        Fields::Unit => Vec::new(),
        Fields::Named(fields) => fields.iter().map(|(_, ty)| ty).collect(),
        Fields::Tuple(types) => types.iter().collect(),
    };
    let mut types = types.into_iter();
    types.find(|ty| borrows(ty)).map(ToTokens::to_token_stream)
}

/// The caller finds the variant by its kind.
fn check_kinds(variants: &[Variant], errors: &mut Errors) {
    let mut kinds: HashMap<&str, &Ident> = HashMap::new();
    for variant in variants {
        let Conduct::Open {
            kind, kind_place, ..
        } = &variant.conduct
        else {
            continue;
        };
        if let Some(first) = kinds.get(kind.as_str()) {
            errors.push_with_reference(
                kind_place,
                &Problem::new(format!("two variants have the kind `{kind}`"))
                    .note("the caller tells variants apart by their kinds"),
                first,
                &format!("`{kind}` is first used here"),
            );
            continue;
        }
        kinds.insert(kind, kind_place);
    }
}

fn refuse(key: Option<&Ident>, place: &str, errors: &mut Errors) {
    if let Some(key) = key {
        let name = plain_name(key);
        errors.push(
            key,
            &Problem::new(format!("`{name}` is an argument {place}")),
        );
    }
}

/// `#[service_error(..)]` on a field.
fn stray_attributes(fields: &syn::Fields, errors: &mut Errors) {
    for field in fields {
        for attr in &field.attrs {
            if ends_with(attr.path(), ATTRIBUTE) {
                let problem =
                    Problem::new("`#[service_error(..)]` goes on a variant, found a field");
                errors.push(attr, &problem);
            }
        }
    }
}

fn args(attrs: &[Attribute], errors: &mut Errors) -> ErrorArgs {
    let mut found: Option<&Attribute> = None;
    let mut args = ErrorArgs::default();
    for attr in attrs {
        if !ends_with(attr.path(), ATTRIBUTE) {
            continue;
        }
        if let Some(first) = found {
            errors.push_with_reference(
                attr,
                &Problem::new("duplicate `#[service_error(..)]` attribute")
                    .help("put all arguments into one"),
                first,
                "`#[service_error(..)]` is first used here",
            );
            continue;
        }
        found = Some(attr);
        let before = errors.count();
        let tokens = attribute_tokens(&attr.meta, ATTRIBUTE, errors);
        let list = walk(tokens, GRAMMAR, errors);
        // A misspelt `code` is one: that it is missing would be a second error for it.
        args.code_is_given = before < errors.count();
        for arg in list {
            argument(&mut args, &arg, errors);
        }
    }
    args
}

fn argument(args: &mut ErrorArgs, arg: &Arg, errors: &mut Errors) {
    let key = arg.key.clone();
    match arg.name.as_str() {
        "code" => {
            args.code_is_given = true;
            args.code = code(arg, errors).map(|code| (key, code));
        }
        "kind" => {
            let check = |text: &str| {
                if text.is_empty() {
                    Err(Problem::new("`kind` cannot be empty"))
                } else {
                    Ok(())
                }
            };
            args.kind = arg
                .checked("\"..\"", check, errors)
                .map(|text| (key, text.value));
        }
        "internal" => args.internal = Some(flag(arg, errors)),
        "transparent" => args.transparent = Some(flag(arg, errors)),
        _ => args.krate = crate_path(arg, errors).map(|path| (key, path)),
    }
}

fn flag(arg: &Arg, errors: &mut Errors) -> Ident {
    if !matches!(arg.value, Value::Flag) {
        let name = &arg.name;
        let problem =
            Problem::new(format!("`{name}` takes no value")).help(format!("write `{name}`"));
        errors.push(arg.place(), &problem);
    }
    arg.key.clone()
}

fn code(arg: &Arg, errors: &mut Errors) -> Option<u16> {
    let range = Problem::new(format!(
        "`code` must be between 1 and {}, found `{}`",
        u16::MAX,
        crate::tokens::text(arg.place()).replace("- ", "-")
    ));
    match arg.literal() {
        Some(Lit::Int(number)) => match number.base10_parse::<u16>() {
            Ok(code) if code > 0 && fits_its_suffix(&number) => return Some(code),
            _ => errors.push(arg.place(), &range),
        },
        _ if arg.is_negative_number() => errors.push(arg.place(), &range),
        _ => arg.wrong_kind("an integer literal", "404", errors),
    }
    None
}

fn variant(
    name: &Ident,
    path: TokenStream,
    fields: &syn::Fields,
    args: ErrorArgs,
    default: Option<DefaultCode>,
    errors: &mut Errors,
) -> Variant {
    let fields = read_fields(fields);
    let conduct = conduct(name, &fields, args, default, errors);
    Variant {
        path,
        fields,
        conduct,
    }
}

fn read_fields(fields: &syn::Fields) -> Fields {
    match fields {
        syn::Fields::Unit => Fields::Unit,
        syn::Fields::Named(fields) => {
            let fields = fields.named.iter();
            let named = fields.filter_map(|field| Some((field.ident.clone()?, field.ty.clone())));
            Fields::Named(named.collect())
        }
        syn::Fields::Unnamed(fields) => Fields::Tuple(
            fields
                .unnamed
                .iter()
                .map(|field| field.ty.clone())
                .collect(),
        ),
    }
}

fn conduct(
    name: &Ident,
    fields: &Fields,
    args: ErrorArgs,
    default: Option<DefaultCode>,
    errors: &mut Errors,
) -> Conduct {
    let conflict = |errors: &mut Errors, key: &Ident, with: &str, reason: &str| {
        let problem = Problem::new(format!(
            "`{}` and `{with}` cannot be combined",
            plain_name(key)
        ));
        errors.push(key, &problem.note(reason));
    };
    if let Some(transparent) = &args.transparent {
        let inner = "the inner error has its own code, kind and message";
        let others = [
            args.code.as_ref().map(|(key, _)| key),
            args.kind.as_ref().map(|(key, _)| key),
            args.internal.as_ref(),
        ];
        for key in others.into_iter().flatten() {
            conflict(errors, key, "transparent", inner);
        }
        let count = fields.len();
        if count != 1 {
            let problem = Problem::new(format!(
                "`transparent` needs exactly one field, `{name}` has {count}"
            ));
            errors.push(if default.is_some() { name } else { transparent }, &problem);
        }
        return Conduct::Transparent;
    }
    let own = args.code.as_ref().map(|(_, code)| *code);
    let code = own.or(default.and_then(|default| default.code));
    let code_is_given = args.code_is_given || default.is_some_and(|default| default.is_given);
    if args.internal.is_some() {
        if let Some((key, _)) = &args.kind {
            conflict(
                errors,
                key,
                "internal",
                "nothing but the code of an internal error is sent",
            );
        }
        return Conduct::Internal {
            code: code.unwrap_or(INTERNAL_CODE),
        };
    }
    if code.is_none() && !code_is_given {
        let problem = if default.is_some() {
            Problem::new(format!("variant `{name}` has no code"))
                .help("write `#[service_error(code = 404)]`, or a default on the enum")
        } else {
            Problem::new(format!("`{name}` has no code"))
                .help("write `#[service_error(code = 404)]`")
        };
        errors.push(name, &problem);
    }
    let (kind, kind_place) = match args.kind {
        Some((key, kind)) => (kind, key),
        None => (plain_name(name), name.clone()),
    };
    Conduct::Open {
        code: code.unwrap_or(INTERNAL_CODE),
        kind,
        kind_place,
    }
}

impl Fields {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Unit => 0,
            Self::Named(fields) => fields.len(),
            Self::Tuple(fields) => fields.len(),
        }
    }
}
