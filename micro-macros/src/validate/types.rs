//! Types in signatures: a message is gone when its handler runs on, so nothing may be borrowed,
//! and both sides of the wire must know every type by name.

use micro_names::Problem;
use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::visit::Visit;
use syn::{
    GenericArgument, Lifetime, PathArguments, Type, TypeFnPtr, TypeImplTrait, TypeInfer,
    TypeReference,
};

use crate::args::suggest::closest;
use crate::errors::Errors;
use crate::model::Purpose;
use crate::tokens::{last_segment, peel, text};

/// What a type is used for, as the messages name it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Payload,
    Placeholder,
    Header,
    Extract,
    Response,
    Error,
}

impl Role {
    fn is_param(self) -> bool {
        !matches!(self, Self::Response | Self::Error)
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Payload => "the payload",
            Self::Placeholder => "a subject token",
            Self::Header => "a header value",
            Self::Extract => "an extracted value",
            Self::Response => "the response",
            Self::Error => "the error",
        }
    }
}

/// Checks one type; `name` is the parameter's. Says whether it is sound.
pub(crate) fn check(
    ty: &Type,
    role: Role,
    name: &str,
    purpose: Purpose,
    errors: &mut Errors,
) -> bool {
    if is_unsized(ty) {
        let problem = Problem::new(format!(
            "{} needs a type of known size, found `{}`",
            role.noun(),
            text(ty)
        ));
        let problem = match peel(ty) {
            Type::TraitObject(_) => problem
                .help("take a type that is known by name, such as an enum of what is possible"),
            _ => problem.help(format!("write `{}`", owned_unsized(ty))),
        };
        errors.push(ty, &problem);
        return false;
    }
    let mut search = Search::default();
    search.visit_type(ty);
    match search.found {
        None => return true,
        // rustc says which type to write.
        Some(Fault::Inferred) => return false,
        Some(Fault::ImplTrait(found)) => {
            let found = text(found);
            let problem = Problem::new(match role {
                Role::Response | Role::Error => {
                    let one = purpose.one();
                    format!("{one} needs a concrete response type, found `{found}`")
                }
                _ => {
                    let one = purpose.one();
                    format!("a parameter of {one} needs a concrete type, found `{found}`")
                }
            });
            errors.push(ty, &problem);
        }
        Some(Fault::Reference) if takes_context(ty) && role.is_param() => {
            let problem = Problem::new("the context is taken as `&Context`")
                .help(format!("write `{name}: &Context`"));
            errors.push(ty, &problem);
        }
        Some(Fault::Reference) => errors.push(ty, &borrowed(ty, role, name)),
        Some(Fault::Lifetime(lifetime)) => {
            let problem = Problem::new(format!("{} cannot have a lifetime", role.noun()))
                .note("the message is gone when the handler runs on; use owned fields");
            errors.push(lifetime, &problem);
        }
    }
    false
}

/// Of values only: behind a reference or a pointer the size is no matter.
pub(crate) fn is_unsized(ty: &Type) -> bool {
    match peel(ty) {
        Type::Slice(_) | Type::TraitObject(_) => true,
        ty => text(ty) == "str",
    }
}

fn owned_unsized(ty: &Type) -> String {
    match peel(ty) {
        Type::Slice(slice) => format!("Vec<{}>", owned(&slice.elem)),
        _ => "String".to_owned(),
    }
}

/// Whether a type is the context with something around it, or nearly so.
fn takes_context(ty: &Type) -> bool {
    let last = match peel(ty) {
        Type::Reference(reference) => return takes_context(&reference.elem),
        ty => last_segment(ty),
    };
    let Some(last) = last else { return false };
    let inner = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => Some(inner),
            _ => None,
        },
        _ => None,
    };
    let name = last.ident.to_string();
    if let Some(inner) = inner {
        return matches!(name.as_str(), "Option" | "Arc" | "Box") && takes_context(inner);
    }
    last.arguments.is_none() && name.len() > 3 && closest(&name, &["Context"]).is_some()
}

fn borrowed(ty: &Type, role: Role, name: &str) -> Problem {
    let problem = Problem::new(format!("{} cannot be borrowed", role.noun()));
    match role {
        Role::Payload if is_byte_slice(ty) => {
            problem.help(format!("write `#[payload(raw)] {name}: Bytes`"))
        }
        Role::Payload if matches!(peel(ty), Type::Reference(_)) && !is_text(ty) => problem
            .help(format!("write `{}`", owned(ty)))
            .note("only the context is taken by reference, as `&Context`"),
        Role::Response => problem
            .help(format!("write `{}`", owned(ty)))
            .note("the generated client returns the same type"),
        Role::Error => problem.help("return `micro::Error` or derive `ServiceError`"),
        _ => problem.help(format!("write `{}`", owned(ty))),
    }
}

fn is_text(ty: &Type) -> bool {
    matches!(peel(ty), Type::Reference(reference) if text(&reference.elem) == "str")
}

fn is_byte_slice(ty: &Type) -> bool {
    matches!(peel(ty), Type::Reference(reference)
        if matches!(peel(&reference.elem), Type::Slice(slice) if text(&slice.elem) == "u8"))
}

/// The type with its references undone, as text for a help line.
pub(crate) fn owned(ty: &Type) -> String {
    match peel(ty) {
        Type::Reference(reference) => match peel(&reference.elem) {
            Type::Slice(slice) => format!("Vec<{}>", owned(&slice.elem)),
            elem if text(elem) == "str" => "String".to_owned(),
            elem => owned(elem),
        },
        Type::Tuple(tuple) => {
            let parts: Vec<_> = tuple.elems.iter().map(owned).collect();
            match parts.as_slice() {
                [only] => format!("({only},)"),
                parts => format!("({})", parts.join(", ")),
            }
        }
        Type::Array(array) => format!("[{}; {}]", owned(&array.elem), text(&array.len)),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else {
                return text(ty);
            };
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return text(ty);
            };
            let mut plain = path.clone();
            if let Some(last) = plain.path.segments.last_mut() {
                last.arguments = PathArguments::None;
            }
            let arguments: Vec<_> = arguments
                .args
                .iter()
                .map(|argument| match argument {
                    GenericArgument::Type(ty) => owned(ty),
                    other => text(other),
                })
                .collect();
            format!("{}<{}>", text(plain), arguments.join(", "))
        }
        _ => text(ty),
    }
}

enum Fault<'t> {
    Reference,
    Inferred,
    Lifetime(&'t Lifetime),
    ImplTrait(&'t TypeImplTrait),
}

/// Looks for the first thing in a type that cannot be.
#[derive(Default)]
struct Search<'t> {
    found: Option<Fault<'t>>,
}

impl<'t> Search<'t> {
    fn found(&mut self, fault: Fault<'t>) {
        self.found.get_or_insert(fault);
    }
}

impl<'t> Visit<'t> for Search<'t> {
    fn visit_type_reference(&mut self, _: &'t TypeReference) {
        self.found(Fault::Reference);
    }

    fn visit_type_infer(&mut self, _: &'t TypeInfer) {
        self.found(Fault::Inferred);
    }

    fn visit_type_impl_trait(&mut self, found: &'t TypeImplTrait) {
        self.found(Fault::ImplTrait(found));
    }

    fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
        if lifetime.ident != "static" {
            self.found(Fault::Lifetime(lifetime));
        }
    }

    // References inside are those of its future arguments.
    fn visit_type_fn_ptr(&mut self, _: &'t TypeFnPtr) {}
}

/// The two types of a `Result`, as far as they are written.
pub(crate) fn result_arguments(ty: &Type) -> (Option<&Type>, Option<&Type>) {
    let Some(segment) = last_segment(ty) else {
        return (None, None);
    };
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return (None, None);
    };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    (types.next(), types.next())
}

/// A lifetime in a type that is not `'static`.
pub(crate) fn foreign_lifetime(ty: &Type) -> Option<TokenStream> {
    let mut search = Search::default();
    search.visit_type(ty);
    match search.found {
        Some(Fault::Lifetime(lifetime)) => Some(lifetime.to_token_stream()),
        _ => None,
    }
}
