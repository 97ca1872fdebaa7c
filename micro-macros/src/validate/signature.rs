//! The signature of an endpoint: what kind of function it is, how it takes the service and what
//! it returns. Its parameters are the business of `params`.

use micro_names::Problem;
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens as _;
use syn::visit::{self, Visit};
use syn::{
    FnArg, GenericArgument, GenericParam, PathArguments, PathSegment, ReceiverKind, ReturnType,
    Safety, Signature, Type,
};

use crate::errors::Errors;
use crate::member::Method;
use crate::model::{Purpose, Receiver, Reply};
use crate::tokens::{last_segment, names, peel, plain_name, span_of, text};
use crate::validate::types::{self, Role};

/// It has to be a plain `async fn` with a body; a plain `fn`, where it says that it is `blocking`.
pub(crate) fn check_kind(
    method: &Method,
    purpose: Purpose,
    blocking: Option<&Ident>,
    errors: &mut Errors,
) {
    let sig = &method.sig;
    let name = plain_name(&sig.ident);
    let mut wrong = |place: TokenStream, problem: &Problem| errors.push(place, problem);
    let kind = if blocking.is_some() { "fn" } else { "async fn" };
    let plain = Problem::new(format!("{purpose} `{name}` must be a plain `{kind}`"));
    let variadic = sig.variadic.as_ref().map(|v| v.dots.to_token_stream());
    let abi = sig
        .abi
        .as_ref()
        .map(|abi| abi.extern_token.to_token_stream());
    let constness = sig.constness.map(|word| word.to_token_stream());
    if let Some(place) = constness.or(abi).or(variadic) {
        wrong(place, &plain);
    } else if let (Some(word), Some(blocking)) = (&sig.asyncness, blocking) {
        let problem = Problem::new(format!(
            "{purpose} `{name}` is `blocking` and an `async fn`"
        ))
        .help(format!(
            "write `fn {name}(..)`, which runs on a thread that may block; or remove `blocking`"
        ));
        errors.push_with_reference(word, &problem, blocking, "`blocking` is said here");
        return;
    } else if let (Some(ty), Some(_)) = (future_output(sig), blocking) {
        let output = text(ty);
        let problem = Problem::new(format!(
            "{purpose} `{name}` is `blocking` and gives a future"
        ))
        .help(format!(
            "write `fn {name}(..) -> {output}`; or remove `blocking` and write `async fn`"
        ));
        wrong(sig.fn_token.to_token_stream(), &problem);
    } else if sig.asyncness.is_none() && blocking.is_none() {
        let problem = Problem::new(format!("{purpose} `{name}` must be an `async fn`"));
        let blocking = match purpose {
            Purpose::Endpoint => "#[endpoint(blocking)]",
            Purpose::Subscriber => "#[subscribe(\"..\", blocking)]",
        };
        let problem = problem.help(match future_output(sig) {
            Some(output) => format!("write `async fn {name}(..) -> {}`", text(output)),
            None => format!(
                "write `async fn {name}(..)`; or `{blocking}` for a method that blocks its thread"
            ),
        });
        wrong(sig.fn_token.to_token_stream(), &problem);
    }
    if let Safety::Unsafe(word) = &sig.safety {
        let problem = Problem::new(format!("{purpose} `{name}` cannot be `unsafe`"));
        wrong(word.to_token_stream(), &problem);
    }
    if let Some(semicolon) = &method.semicolon {
        let problem = Problem::new(format!("{purpose} `{name}` has no body"));
        wrong(semicolon.to_token_stream(), &problem);
    }
}

/// What the future gives that a plain `fn` returns: `impl Future<Output = T>`, or one in a box.
fn future_output(sig: &Signature) -> Option<&Type> {
    struct Output<'t>(Option<&'t Type>);
    impl<'t> Visit<'t> for Output<'t> {
        fn visit_path_segment(&mut self, segment: &'t PathSegment) {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                return;
            };
            let is_boxed = segment.ident == "BoxFuture" || segment.ident == "LocalBoxFuture";
            for argument in &arguments.args {
                match argument {
                    GenericArgument::AssocType(assoc)
                        if segment.ident == "Future" && assoc.ident == "Output" =>
                    {
                        self.0 = Some(&assoc.ty);
                    }
                    GenericArgument::Type(ty) if is_boxed => self.0 = Some(ty),
                    _ => {}
                }
            }
            visit::visit_path_segment(self, segment);
        }
    }
    let ReturnType::Type(_, ty) = &sig.output else {
        return None;
    };
    let mut output = Output(None);
    if sig.asyncness.is_none() {
        output.visit_type(ty);
    }
    output.0
}

/// Whether it has no generics, one message for each kind of them.
pub(crate) fn check_generics(
    sig: &Signature,
    purpose: Purpose,
    service: &str,
    errors: &mut Errors,
) -> bool {
    let name = plain_name(&sig.ident);
    let params = || sig.generics.params.iter();
    let ty = params().find_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        _ => None,
    });
    if let Some(ty) = ty {
        let problem = Problem::new(format!("{purpose} `{name}` cannot have type parameters"))
            .help(format!(
                "make the service generic: `impl<{ty}> {service}<{ty}>`"
            ))
            .note(match purpose {
                Purpose::Endpoint => "one endpoint has one request type and one response type",
                Purpose::Subscriber => "one subscriber has one type of event",
            });
        errors.push(ty, &problem);
    }
    let constant = params().find_map(|param| match param {
        GenericParam::Const(param) => Some(param),
        _ => None,
    });
    if let Some(constant) = constant {
        let problem = Problem::new(format!("{purpose} `{name}` cannot have const parameters"));
        errors.push(constant, &problem);
    }
    let lifetime = params().find_map(|param| match param {
        GenericParam::Lifetime(param) => Some(&param.lifetime),
        _ => None,
    });
    if let Some(lifetime) = lifetime {
        let problem = Problem::new(format!(
            "{purpose} `{name}` cannot have lifetime parameters"
        ))
        .note(match purpose {
            Purpose::Endpoint => "requests are owned, nothing can be borrowed from the caller",
            Purpose::Subscriber => "events are owned, nothing can be borrowed from their sender",
        });
        errors.push(lifetime, &problem);
    }
    sig.generics.params.is_empty()
}

/// Whether a type has a parameter in it that the method declares.
pub(crate) fn names_own_parameter(sig: &Signature, ty: &Type) -> bool {
    sig.generics.params.iter().any(|param| match param {
        GenericParam::Type(param) => names(ty, &param.ident.to_string()),
        GenericParam::Const(param) => names(ty, &param.ident.to_string()),
        GenericParam::Lifetime(_) => true,
    })
}

/// Whether it declares lifetimes.
pub(crate) fn has_lifetimes(sig: &Signature) -> bool {
    sig.generics.lifetimes().next().is_some()
}

/// How it takes the service. A wrong receiver is reported and read as `&self`.
pub(crate) fn receiver(sig: &Signature, purpose: Purpose, errors: &mut Errors) -> Receiver {
    let Some(FnArg::Receiver(receiver)) = sig.inputs.first() else {
        return Receiver::None;
    };
    let name = plain_name(&sig.ident);
    for attr in &receiver.attrs {
        let word = attr
            .path()
            .segments
            .last()
            .map(|last| last.ident.to_string());
        if let Some(word) = word
            && !crate::args::param::is_built_in(&word)
        {
            errors.push(
                attr,
                &Problem::new(format!("`self` cannot have `#[{word}]`")),
            );
        }
    }
    let kind = match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => return Receiver::Reference,
        ReceiverKind::Reference(_, _, Some(_)) => {
            let messages = purpose.messages();
            let problem = Problem::new(format!("{purpose} `{name}` cannot take `&mut self`"))
                .help("take `&self` and keep changing state in a `Mutex`, an `RwLock` or an atomic")
                .note(format!("one service value serves all {messages} at once"));
            errors.push(receiver, &problem);
            return Receiver::Reference;
        }
        // A lifetime of its own is reported with the generics.
        ReceiverKind::Reference(..) if !sig.generics.params.is_empty() => {
            return Receiver::Reference;
        }
        ReceiverKind::Typed(_, ty) => match peel(ty) {
            Type::Reference(reference)
                if reference.mutability.is_none()
                    && reference.lifetime.is_none()
                    && text(&reference.elem) == "Self" =>
            {
                return Receiver::Reference;
            }
            _ if last_segment(ty).is_some_and(|last| last.ident == "Arc") => {
                return Receiver::Shared;
            }
            _ => format!("`{}`", text(receiver)),
        },
        ReceiverKind::Value => "`self` by value".to_owned(),
        _ => format!("`{}`", text(receiver)),
    };
    let problem = Problem::new(format!("{purpose} `{name}` cannot take {kind}"))
        .help("take `&self` or `self: Arc<Self>`");
    errors.push(receiver, &problem);
    Receiver::Reference
}

/// Where the receiver is written.
pub(crate) fn receiver_place(sig: &Signature) -> Span {
    match sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => match &receiver.kind {
            ReceiverKind::Typed(_, ty) => span_of(ty),
            _ => receiver.self_token.span,
        },
        _ => sig.ident.span(),
    }
}

/// What it returns. By name, and only to know the types of the client: the runtime finds out by
/// type what is a `Result`.
pub(crate) fn reply(sig: &Signature, errors: &mut Errors) -> (Reply, bool) {
    let ReturnType::Type(_, ty) = &sig.output else {
        return (Reply::Unit, true);
    };
    // It gives the right type once it is `async`.
    if future_output(sig).is_some() {
        return (Reply::Value((**ty).clone()), false);
    }
    // Reported with the generics, and what is borrowed goes with them.
    let check = |ty: &Type, role, errors: &mut Errors| {
        has_lifetimes(sig) || types::check(ty, role, "", Purpose::Endpoint, errors)
    };
    if last_segment(ty).is_none_or(|last| last.ident != "Result") {
        let sound = check(ty, Role::Response, errors);
        return (Reply::Value((**ty).clone()), sound);
    }
    let mut sound = true;
    let (ok, err) = types::result_arguments(ty);
    if let Some(ok) = ok {
        sound &= check(ok, Role::Response, errors);
    }
    if let Some(err) = err {
        sound &= check(err, Role::Error, errors);
    }
    (Reply::Result((**ty).clone()), sound)
}

/// What a handler of events returns: nothing, or a `Result` of nothing. By name, as for endpoints.
pub(crate) fn outcome(sig: &Signature, errors: &mut Errors) -> (Reply, bool) {
    let ReturnType::Type(_, ty) = &sig.output else {
        return (Reply::Unit, true);
    };
    let reply = || Reply::Value((**ty).clone());
    // What it gives once it is `async` is looked at then.
    if future_output(sig).is_some() {
        return (reply(), false);
    }
    if is_unit(ty) {
        return (reply(), true);
    }
    let answers = |ty: &Type, errors: &mut Errors| {
        let name = plain_name(&sig.ident);
        let found = text(ty);
        let problem = Problem::new(format!(
            "subscriber `{name}` returns `{found}`, and nobody waits for it"
        ))
        .help("return nothing, or `Result<(), E>`")
        .note("an event has no answer; `#[endpoint]` is for what has one");
        errors.push(ty, &problem);
    };
    let last = last_segment(ty);
    if last.is_some_and(may_be_alias) {
        return (reply(), true);
    }
    if last.is_none_or(|last| last.ident != "Result") {
        answers(ty, errors);
        return (reply(), false);
    }
    let mut sound = true;
    let (ok, err) = types::result_arguments(ty);
    if let Some(ok) = ok
        && !is_unit(ok)
    {
        answers(ok, errors);
        sound = false;
    }
    if let Some(err) = err {
        sound &=
            has_lifetimes(sig) || types::check(err, Role::Error, "", Purpose::Subscriber, errors);
    }
    (Reply::Result((**ty).clone()), sound)
}

/// Whether a name may be the program's own for a `Result`. What it stands for is for rustc to say.
fn may_be_alias(last: &PathSegment) -> bool {
    let name = last.ident.to_string();
    last.arguments.is_none()
        && name.starts_with(char::is_uppercase)
        && !["Result", "String", "Self"].contains(&name.as_str())
}

fn is_unit(ty: &Type) -> bool {
    matches!(peel(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}
