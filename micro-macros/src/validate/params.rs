//! The parameters of an endpoint: where each gets its value from.

use micro_names::{Problem, Subject};
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens as _;
use syn::{Attribute, FnArg, Pat, PatType, Signature, Type};

use crate::args::param::{self, Marker};
use crate::args::suggest::closest;
use crate::errors::Errors;
use crate::model::{Address, Codec, Param, Purpose, Source};
use crate::tokens::{last_segment, names, peel, plain_name, text};
use crate::validate::signature::has_lifetimes;
use crate::validate::types::{self, Role};

/// Reads the parameters after the receiver. Says as well whether all of them are sound. `key` is a
/// placeholder that needs no parameter.
pub(crate) fn parse(
    sig: &Signature,
    purpose: Purpose,
    address: &Address,
    key: Option<&str>,
    errors: &mut Errors,
) -> (Vec<Param>, bool) {
    let placeholders: Vec<String> = address
        .pattern
        .iter()
        .flat_map(Subject::placeholders)
        .map(|(name, _)| name.to_owned())
        .collect();
    let names = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => plain_ident(&input.pat).map(plain_name),
        FnArg::Receiver(_) => None,
    });
    let mut reader = Reader {
        purpose,
        placeholders,
        names: names.collect(),
        placeholders_are_known: address.placeholders_are_known,
        errors,
        lifetimes_are_reported: has_lifetimes(sig),
        params: Vec::new(),
        payload: None,
        context: None,
        reported_elsewhere: 0,
        sound: true,
    };
    for input in &sig.inputs {
        if let FnArg::Typed(input) = input {
            reader.param(input);
        }
    }
    reader.check_placeholders(address, key, sig);
    reader.check_foreign_placeholders(address);
    (reader.params, reader.sound)
}

struct Reader<'e> {
    purpose: Purpose,
    placeholders: Vec<String>,
    /// Of all parameters.
    names: Vec<String>,
    /// Otherwise what looks like a payload may well be one of them.
    placeholders_are_known: bool,
    errors: &'e mut Errors,
    /// The method declares lifetimes, which is an error, and what is borrowed goes with them.
    lifetimes_are_reported: bool,
    params: Vec<Param>,
    /// The name and the place of the payload, once there is one.
    payload: Option<(String, TokenStream)>,
    context: Option<TokenStream>,
    /// How many faults are told by rustc, or with the placeholder they are about.
    reported_elsewhere: usize,
    sound: bool,
}

impl Reader<'_> {
    fn param(&mut self, input: &PatType) {
        let ident = plain_ident(&input.pat);
        let shown = match ident {
            Some(ident) => plain_name(ident),
            None => text(&input.pat),
        };
        let placeholder = ident.and_then(|ident| self.placeholder(&plain_name(ident)));
        let before = self.faults_seen();
        let marker = param::parse(&input.attrs, self.purpose, self.errors);
        let is_marked = marker.is_some();
        let source = match marker {
            Some((attr, marker)) => self.marked(input, attr, marker, placeholder, &shown),
            None => self.unmarked(input, placeholder, &shown),
        };
        let is_certain =
            is_marked || self.placeholders_are_known || !matches!(source, Source::Payload(_));
        let is_faultless = before == self.faults_seen() && !self.lifetimes_are_reported;
        self.sound &= is_faultless;
        let name = self.client_name(&source, ident);
        self.params.push(Param {
            source,
            name,
            ty: (*input.ty).clone(),
            is_sound: is_faultless && is_certain,
        });
    }

    fn marked(
        &mut self,
        input: &PatType,
        attr: &Attribute,
        marker: Marker,
        placeholder: Option<String>,
        shown: &str,
    ) -> Source {
        if matches!(marker, Marker::Unknown) {
            return placeholder.map_or(Source::Payload(Codec::Json), Source::Placeholder);
        }
        if let Some(placeholder) = placeholder {
            let problem = Problem::new(format!(
                "`{placeholder}` is filled by the subject; remove `#[{}]`",
                marker.name()
            ));
            self.errors.push(attr, &problem);
            return Source::Placeholder(placeholder);
        }
        match marker {
            Marker::Header(name) => {
                if plain_ident(&input.pat).is_none() && !matches!(*input.pat, Pat::Wild(_)) {
                    let problem = Problem::new("a `#[header]` parameter needs a plain name");
                    self.errors.push(&input.pat, &problem);
                } else {
                    self.check_type(input, Role::Header, shown);
                }
                Source::Header(name.unwrap_or_default())
            }
            Marker::Extract => {
                self.check_type(input, Role::Extract, shown);
                Source::Extract
            }
            Marker::Payload(codec) => {
                self.payload(input, shown);
                Source::Payload(codec.unwrap_or(Codec::Json))
            }
            Marker::Unknown => Source::Payload(Codec::Json),
        }
    }

    fn unmarked(&mut self, input: &PatType, placeholder: Option<String>, shown: &str) -> Source {
        if let Type::Reference(reference) = peel(&input.ty)
            && is_context(&reference.elem)
        {
            let lifetime = reference.lifetime.as_ref();
            if lifetime.is_some_and(|lifetime| lifetime.ident != "_")
                && !self.lifetimes_are_reported
            {
                let problem = context_by_reference(shown)
                    .note("it is there as long as the request is worked on");
                self.errors.push(&input.ty, &problem);
            }
            self.context(input, reference.mutability.is_some(), shown);
            return Source::Context;
        }
        if let Some(placeholder) = placeholder {
            self.check_type(input, Role::Placeholder, shown);
            return Source::Placeholder(placeholder);
        }
        if self.hides_placeholder(&input.pat) {
            self.reported_elsewhere += 1;
            return Source::Payload(Codec::Json);
        }
        if is_context_by_value(input, shown) {
            self.errors.push(&input.ty, &context_by_reference(shown));
            return Source::Context;
        }
        self.payload(input, shown);
        Source::Payload(Codec::Json)
    }

    fn check_type(&mut self, input: &PatType, role: Role, shown: &str) {
        if !self.lifetimes_are_reported {
            let before = self.errors.count();
            let is_sound = types::check(&input.ty, role, shown, self.purpose, self.errors);
            self.reported_elsewhere += usize::from(!is_sound && before == self.errors.count());
        }
    }

    fn context(&mut self, input: &PatType, mutable: bool, shown: &str) {
        let place = input.pat.to_token_stream();
        if mutable {
            let problem = context_by_reference(shown)
                .note("reply headers are set through a shared reference");
            self.errors.push(&input.ty, &problem);
        } else if let Some(first) = &self.context {
            self.errors.push_with_reference(
                &place,
                &Problem::new(format!("{} takes one context", self.purpose.one())),
                first,
                &format!("`{}` is the first context", text(first)),
            );
        }
        self.context.get_or_insert(place);
    }

    fn payload(&mut self, input: &PatType, shown: &str) {
        let place = input.pat.to_token_stream();
        match &self.payload {
            Some((first_name, first)) if self.placeholders_are_known => {
                self.errors.push_with_reference(
                    &place,
                    &Problem::new(format!(
                        "{} takes one payload, `{shown}` is the second",
                        self.purpose.one()
                    ))
                    .help(
                        "put both into one struct, or mark one with `#[header(\"..\")]` or \
                         `#[extract]`",
                    ),
                    first,
                    &format!("`{first_name}` is the first payload"),
                );
                // Which of them is one is not known, so neither is held to what a payload needs.
                for param in &mut self.params {
                    param.is_sound &= !matches!(param.source, Source::Payload(_));
                }
            }
            Some(_) => {}
            None => {
                self.check_type(input, Role::Payload, shown);
                self.payload = Some((shown.to_owned(), place));
            }
        }
    }

    /// The placeholder a parameter of this name takes. A leading underscore is Rust's mark for
    /// what is not used, and no part of the name.
    fn placeholder(&self, name: &str) -> Option<String> {
        let known = |name: &str| self.placeholders.iter().any(|known| known == name);
        if known(name) {
            return Some(name.to_owned());
        }
        let plain = name.strip_prefix('_')?;
        // With a parameter of the very name, this is another one.
        (known(plain) && !self.names.iter().any(|name| name == plain)).then(|| plain.to_owned())
    }

    /// Whether it is the pattern in which a placeholder without a parameter is bound.
    fn hides_placeholder(&self, pat: &Pat) -> bool {
        let is_free = |name: &&String| !self.names.iter().any(|known| known == *name);
        let mut free = self.placeholders.iter().filter(is_free);
        free.any(|name| binds(pat, name))
    }

    /// `:id` is a placeholder elsewhere, and letters to NATS.
    fn check_foreign_placeholders(&mut self, address: &Address) {
        for token in address.subject.split('.') {
            let name = token.strip_prefix([':', '$']).or_else(|| {
                let inner = token.strip_prefix('<')?;
                inner.strip_suffix('>')
            });
            let Some(name) = name.filter(|name| self.names.iter().any(|known| known == name))
            else {
                continue;
            };
            let meant = address.subject.replace(token, &format!("{{{name}}}"));
            let problem = Problem::new(format!(
                "`{token}` is no placeholder, but a token as it stands"
            ))
            .help(format!("write `{meant}`"));
            self.errors.push(&address.place, &problem);
            self.sound = false;
        }
    }

    fn check_placeholders(&mut self, address: &Address, key: Option<&str>, sig: &Signature) {
        let method = plain_name(&sig.ident);
        for placeholder in &self.placeholders {
            let filled = self.params.iter().any(
                |param| matches!(&param.source, Source::Placeholder(name) if name == placeholder),
            );
            if filled || key == Some(placeholder) {
                continue;
            }
            self.sound = false;
            let hidden = sig.inputs.iter().find_map(|input| match input {
                FnArg::Typed(input) if binds(&input.pat, placeholder) => Some(input),
                _ => None,
            });
            if let Some(input) = hidden {
                // A name inside of a pattern has another type than the whole.
                let ty = match &*input.pat {
                    Pat::Ident(_) | Pat::Reference(_) => types::owned(&input.ty),
                    _ => "String".to_owned(),
                };
                let problem = Problem::new(format!(
                    "the parameter of placeholder `{{{placeholder}}}` needs a plain name"
                ))
                .help(format!("write `{placeholder}: {ty}`"));
                self.errors.push(&input.pat, &problem);
                continue;
            }
            let candidate = self.payload.as_ref().map(|(name, _)| name.as_str());
            let near = candidate.filter(|name| closest(name, &[placeholder]).is_some());
            let problem = Problem::new(format!("placeholder `{{{placeholder}}}` has no parameter"))
                .help(match near {
                    Some(near) => format!("rename `{near}` to `{placeholder}`"),
                    None => format!("add `{placeholder}: String` to `{method}`"),
                });
            self.errors.push(address.place_of(placeholder), &problem);
        }
    }

    /// A name for the argument of the client's method that no other argument has.
    fn client_name(&self, source: &Source, ident: Option<&Ident>) -> Ident {
        let mut name = match (source, ident) {
            (Source::Placeholder(name), Some(ident)) => Ident::new(name, ident.span()),
            (_, Some(ident)) => ident.clone(),
            (Source::Header(_), None) => Ident::new("header", Span::call_site()),
            _ => Ident::new("payload", Span::call_site()),
        };
        while self.params.iter().any(|param| param.name == name) {
            name = quote::format_ident!("{name}_");
        }
        name
    }

    fn faults_seen(&self) -> usize {
        self.errors.count() + self.reported_elsewhere
    }
}

/// Whether a pattern binds a name somewhere inside.
fn binds(pat: &Pat, name: &str) -> bool {
    plain_ident(pat).is_none() && names(pat, name)
}

fn plain_ident(pat: &Pat) -> Option<&Ident> {
    match pat {
        Pat::Paren(pat) => plain_ident(&pat.pat),
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(&pat.ident),
        _ => None,
    }
}

fn is_context(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == "Context" && last.arguments.is_none())
}

/// A context that lost its `&`. A type of the user's may have the same name, so the parameter or
/// the path has to say it as well.
fn is_context_by_value(input: &PatType, name: &str) -> bool {
    is_context(&input.ty)
        && (matches!(name, "ctx" | "_ctx" | "cx" | "_cx")
            || matches!(
                text(&input.ty).as_str(),
                "micro::Context" | "::micro::Context"
            ))
}

fn context_by_reference(name: &str) -> Problem {
    Problem::new("the context is taken by reference").help(format!("write `{name}: &Context`"))
}
