//! From what was parsed to the model: defaults, and every rule that needs more than one token.
//! A model comes out even of a faulty service, so that what is sound of it can be generated.

mod params;
mod set;
mod signature;
pub(crate) mod types;

use micro_names::{Problem, Subject, check_name, join};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, FnArg, GenericParam, Lifetime, Path, Type, TypeReference};

use crate::args::endpoint::EndpointArgs;
use crate::args::service::{ServiceArgs, text_of};
use crate::args::suggest::closest;
use crate::args::{attribute_tokens, endpoint, param, subscribe};
use crate::clean::endpoint_inside;
use crate::errors::Errors;
use crate::input::ServiceInput;
use crate::member::{Item, Method};
use crate::model::{
    Address, Client, EndpointModel, Kind, Purpose, Register, Reply, ServiceModel, Settings, Text,
};
use crate::tokens::{doc_text, ends_with, flatten, last_segment, named, peel, plain_name, text};

/// The model of a service, if it has a type to speak of.
pub(crate) fn service(
    args: ServiceArgs,
    mut input: ServiceInput,
    errors: &mut Errors,
) -> Option<ServiceModel> {
    check_single(&input.attrs, errors);
    if let Some(path) = &input.trait_ {
        let ty = text(&input.self_ty);
        let problem = Problem::new(format!(
            "`#[service]` goes on an inherent `impl` block, found an `impl` of `{}`",
            text(path)
        ))
        .help(format!("move the endpoints to `impl {ty} {{ .. }}`"));
        errors.push(path, &problem);
    }
    let type_name = type_name(&input.self_ty, errors)?;
    let owns_everything = owns_everything(&input, errors);
    check_register(&args, &input, errors);

    let name = args.name.unwrap_or_else(|| text_of(&type_name));
    if !args.name_is_given {
        check_default_name(&name, errors);
    }
    let mut anchors: Vec<Path> = Vec::new();
    let group = args.group.map(|group| group.value).unwrap_or_default();
    let (mut endpoints, mut subscribers) = methods(&input, &type_name, &mut anchors, errors);
    if !owns_everything || input.trait_.is_some() {
        // Their types may have lifetimes, and what calls them is another block.
        endpoints.iter_mut().for_each(EndpointModel::make_stand_in);
        subscribers
            .iter_mut()
            .for_each(EndpointModel::make_stand_in);
        without_lifetimes(&mut input);
    }
    // There is nothing to be called, unless it could not be read.
    let is_deaf = endpoints.is_empty() && !subscribers.is_empty() && input.is_whole;
    let client = args
        .client
        .filter(|client| !is_deaf || client.name.is_some());
    let client = client.map(|client| Client {
        name: client
            .name
            .unwrap_or_else(|| default_client_name(&type_name)),
        vis: client.vis,
    });
    let mut service = ServiceModel {
        krate: args.krate,
        impl_token: input.impl_token,
        cfgs: named(&input.attrs, &["cfg"]),
        name: name.value,
        version: args.version,
        group,
        settings: Settings {
            description: args.description.unwrap_or_else(|| doc_text(&input.attrs)),
            queue_group: args.queue_group,
            metadata: args.metadata,
            timeout: args.timeout,
            concurrency: args.concurrency,
        },
        client,
        register: args.register,
        endpoints,
        subscribers,
        is_whole: input.is_whole,
        anchors,
        self_ty: input.self_ty,
        generics: input.generics,
        type_name,
    };
    set::check(&service, errors);
    if let Some(client) = &mut service.client
        && client.name == service.type_name
    {
        client.name = default_client_name(&service.type_name);
    }
    Some(service)
}

/// At the type's place, so that one that is taken is told so there.
fn default_client_name(type_name: &Ident) -> Ident {
    let name = format!("{}Client", plain_name(type_name));
    Ident::new(&name, type_name.span())
}

/// What stands in for a service that borrows: `'static` for every lifetime.
fn without_lifetimes(input: &mut ServiceInput) {
    let is_lifetime = |param: &GenericParam| matches!(param, GenericParam::Lifetime(_));
    let params = std::mem::take(&mut input.generics.params).into_iter();
    input.generics.params = params.filter(|param| !is_lifetime(param)).collect();
    Static.visit_type_mut(&mut input.self_ty);
    Static.visit_generics_mut(&mut input.generics);
}

struct Static;

impl VisitMut for Static {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        lifetime.ident = Ident::new("static", lifetime.ident.span());
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let span = reference.and_token.span;
        reference
            .lifetime
            .get_or_insert_with(|| Lifetime::new("'static", span));
        visit_mut::visit_type_reference_mut(self, reference);
    }
}

/// A second `#[service]` below the one that runs.
fn check_single(attrs: &[Attribute], errors: &mut Errors) {
    for attr in attrs {
        let path = attr.path();
        let micro = path
            .segments
            .first()
            .is_some_and(|first| first.ident == "micro");
        if path.is_ident("service") || micro && ends_with(path, "service") {
            errors.push(attr, &Problem::new("duplicate `#[service]` attribute"));
        }
    }
}

fn type_name(ty: &Type, errors: &mut Errors) -> Option<Ident> {
    if let Some(segment) = last_segment(ty) {
        return Some(segment.ident.clone());
    }
    let problem = Problem::new(format!(
        "`#[service]` needs a named type, found `{}`",
        text(peel(ty))
    ));
    errors.push(ty, &problem);
    None
}

/// A service outlives everything it could borrow from.
fn owns_everything(input: &ServiceInput, errors: &mut Errors) -> bool {
    let problem = Problem::new("a service cannot borrow")
        .help("keep owned values or an `Arc` in it")
        .note("it lives as long as the program");
    let lifetime = input.generics.params.iter().find_map(|param| match param {
        GenericParam::Lifetime(param) => Some(param.lifetime.to_token_stream()),
        _ => None,
    });
    let lifetime = lifetime.or_else(|| types::foreign_lifetime(&input.self_ty));
    match lifetime {
        Some(lifetime) => {
            errors.push(lifetime, &problem);
            false
        }
        None => true,
    }
}

fn check_register(args: &ServiceArgs, input: &ServiceInput, errors: &mut Errors) {
    if input.generics.params.is_empty() {
        return;
    }
    let place = match &args.register {
        Some(Register::Default { key }) => key.to_token_stream(),
        Some(Register::With(path)) => path.to_token_stream(),
        None => return,
    };
    let problem = Problem::new("a generic service cannot register itself")
        .help("add it to the program with `App::service`")
        .note("which types to register it for is not known here");
    errors.push(place, &problem);
}

/// Names made of identifiers can only be wrong by letters that NATS tools do not know.
fn check_default_name(name: &Text, errors: &mut Errors) {
    if let Err(problem) = check_name("name", &name.value) {
        errors.push(
            &name.place,
            &problem.help("give it one with `name = \"..\"`"),
        );
    }
}

/// The endpoints and the subscribers.
fn methods(
    input: &ServiceInput,
    type_name: &Ident,
    anchors: &mut Vec<Path>,
    errors: &mut Errors,
) -> (Vec<EndpointModel>, Vec<EndpointModel>) {
    let mut methods = Vec::new();
    let mut tried = false;
    let mut call = None;
    for item in &input.items {
        match item {
            Item::Method(method) => {
                let before = errors.count();
                match own_attribute(&method.attrs, anchors, errors) {
                    // rustc reports it, and whatever came of both would be reported again.
                    Some(_) if is_there_twice(&methods, method) => {}
                    Some((attr, purpose)) => {
                        methods.push(endpoint(attr, purpose, method, type_name, errors));
                    }
                    None => stray_markers(method, errors),
                }
                tried |= errors.count() > before;
            }
            Item::Macro { attrs, path } => {
                tried |= misplaced(attrs, "a macro call", anchors, errors);
                call.get_or_insert(path);
            }
            Item::Other { attrs, keyword } => {
                let what = match keyword.to_string().as_str() {
                    "const" => "a constant",
                    "type" => "a type",
                    _ => "a static",
                };
                tried |= misplaced(attrs, what, anchors, errors);
            }
        }
    }
    // What could not be read may be an endpoint.
    if methods.is_empty() && !tried && input.is_whole {
        no_endpoint(&input.self_ty, call, errors);
    }
    methods
        .into_iter()
        .partition(|method| method.purpose == Purpose::Endpoint)
}

/// Whether there is another method of this name, at the same time.
fn is_there_twice(methods: &[EndpointModel], method: &Method) -> bool {
    let cfgs = named(&method.attrs, &["cfg"]);
    let mut earlier = methods.iter();
    earlier
        .any(|first| first.method == method.sig.ident && cfgs.is_empty() && first.cfgs.is_empty())
}

fn no_endpoint(self_ty: &Type, call: Option<&Path>, errors: &mut Errors) {
    let problem = Problem::new("`#[service]` found no `#[endpoint]` method in this `impl` block")
        .help("annotate at least one `async fn` with `#[endpoint]` or `#[subscribe(\"..\")]`");
    match call {
        Some(path) => errors.push(
            path,
            &problem.note(
                "a macro call inside the `impl` block is not expanded before `#[service]` runs, \
                 so endpoints it would produce are not seen",
            ),
        ),
        None => errors.push(self_ty, &problem),
    }
}

/// The `#[endpoint]` or `#[subscribe]` of a method. Notes down the path it was written with.
fn own_attribute<'m>(
    attrs: &'m [Attribute],
    anchors: &mut Vec<Path>,
    errors: &mut Errors,
) -> Option<(&'m Attribute, Purpose)> {
    let mut found: Option<(&Attribute, Purpose)> = None;
    for attr in attrs {
        if attr.path().is_ident("cfg_attr") {
            let tokens = flatten(attr.meta.to_token_stream());
            if let Some(word) = endpoint_inside(&tokens) {
                let problem =
                    Problem::new(format!("`#[{word}]` cannot be inside of `#[cfg_attr(..)]`"))
                        .help(format!(
                            "write `#[cfg(..)]` and `#[{word}]` above the method"
                        ))
                        .note("`#[service]` runs before the condition is looked at");
                errors.push(word, &problem);
            }
            continue;
        }
        let mut purposes = Purpose::ALL.into_iter();
        let Some(purpose) = purposes.find(|purpose| ends_with(attr.path(), purpose.attribute()))
        else {
            continue;
        };
        let path = attr.path();
        if !anchors.iter().any(|known| text(known) == text(path)) {
            anchors.push(path.clone());
        }
        match found {
            None => found = Some((attr, purpose)),
            Some((first, of_first)) => {
                let (own, other) = (purpose.attribute(), of_first.attribute());
                let problem = if own == other {
                    Problem::new(format!("duplicate `#[{own}]` attribute")).help(
                        "to serve one handler on two subjects, add a second method that calls the \
                         first",
                    )
                } else {
                    Problem::new(format!("`#[{other}]` and `#[{own}]` cannot be combined"))
                        .help("add a second method, and have both call a third")
                        .note("a request is answered, and an event is not")
                };
                let reference = format!("`#[{other}]` is first used here");
                errors.push_with_reference(attr, &problem, first, &reference);
            }
        }
    }
    found
}

fn misplaced(
    attrs: &[Attribute],
    what: &str,
    anchors: &mut Vec<Path>,
    errors: &mut Errors,
) -> bool {
    let Some((attr, purpose)) = own_attribute(attrs, anchors, errors) else {
        return false;
    };
    let ours = purpose.attribute();
    let problem = Problem::new(format!("`#[{ours}]` goes on an `async fn`, found {what}"));
    errors.push(attr, &problem);
    true
}

/// `#[header]` and the like where no endpoint is.
fn stray_markers(method: &Method, errors: &mut Errors) {
    for input in &method.sig.inputs {
        let attrs = match input {
            FnArg::Receiver(receiver) => &receiver.attrs,
            FnArg::Typed(typed) => &typed.attrs,
        };
        for attr in attrs {
            let ours = param::NAMES
                .iter()
                .find(|name| ends_with(attr.path(), name));
            if let Some(name) = ours {
                let problem = Problem::new(format!(
                    "`#[{name}]` only works on parameters of an `#[endpoint]` or a `#[subscribe]` method"
                ));
                errors.push(attr, &problem);
            }
        }
    }
}

fn endpoint(
    attr: &Attribute,
    purpose: Purpose,
    method: &Method,
    type_name: &Ident,
    errors: &mut Errors,
) -> EndpointModel {
    let before = errors.count();
    let tokens = attribute_tokens(&attr.meta, purpose.attribute(), errors);
    let args = match purpose {
        Purpose::Endpoint => endpoint::parse(tokens, errors),
        // Whatever was meant to be the subject, it is not where it belongs.
        Purpose::Subscriber if errors.count() > before => EndpointArgs::unknown(tokens),
        Purpose::Subscriber => match attr.path().segments.last() {
            Some(last) => subscribe::parse(tokens, &last.ident, errors),
            None => EndpointArgs::unknown(tokens),
        },
    };
    let address = address(&args, purpose, &method.sig.ident, errors);
    let key = key(&args, &address, errors);
    let sig = &method.sig;
    // Every check runs, so that everything is reported at once.
    let before = errors.count();
    signature::check_kind(method, purpose, args.blocking.as_ref(), errors);
    let is_concrete = signature::check_generics(sig, purpose, &type_name.to_string(), errors);
    let receiver = signature::receiver(sig, purpose, errors);
    let is_plain = errors.count() == before;
    let (mut params, params_are_sound) = params::parse(sig, purpose, &address, key, errors);
    let (reply, reply_is_sound) = match purpose {
        Purpose::Endpoint => signature::reply(sig, errors),
        Purpose::Subscriber => signature::outcome(sig, errors),
    };
    // What names a parameter of the method says nothing outside of it.
    for param in &mut params {
        param.is_sound &= !signature::names_own_parameter(sig, &param.ty);
    }
    let reply_is_concrete = match &reply {
        Reply::Unit => true,
        Reply::Value(ty) | Reply::Result(ty) => !signature::names_own_parameter(sig, ty),
    };
    EndpointModel {
        purpose,
        events: args.events,
        method: sig.ident.clone(),
        cfgs: named(&method.attrs, &["cfg"]),
        docs: named(&method.attrs, &["doc", "deprecated"]),
        address,
        settings: Settings {
            description: doc_text(&method.attrs),
            queue_group: args.queue_group,
            metadata: args.metadata,
            timeout: args.timeout,
            concurrency: args.concurrency,
        },
        kind: match args.blocking {
            Some(_) => Kind::Blocking,
            None => Kind::Async,
        },
        receiver,
        receiver_place: signature::receiver_place(sig),
        reply,
        is_callable: is_plain && params.iter().all(|param| param.is_sound),
        params,
        params_are_sound: params_are_sound && is_concrete,
        reply_is_sound: reply_is_sound && reply_is_concrete,
    }
}

/// The placeholder that events are told apart by: one that the subject has.
fn key<'a>(args: &EndpointArgs, address: &'a Address, errors: &mut Errors) -> Option<&'a str> {
    let (Some(key), Some(pattern)) = (&args.key, &address.pattern) else {
        return None;
    };
    let placeholders: Vec<&str> = pattern.placeholders().map(|(name, _)| name).collect();
    let name = &key.value;
    if let Some(known) = placeholders.iter().find(|known| *known == name) {
        return Some(known);
    }
    let subject = &address.subject;
    let problem = Problem::new(format!(
        "`{name}` is no placeholder of the subject `{subject}`"
    ));
    let near = closest(name, &placeholders);
    let problem = match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(
            "name one that it has; or write `ordered_by_header = \"..\"` to take a header as the key",
        ),
    };
    errors.push(&key.place, &problem);
    near
}

fn address(args: &EndpointArgs, purpose: Purpose, method: &Ident, errors: &mut Errors) -> Address {
    let mut known = args.address_is_known;
    let name = args.name.clone().unwrap_or_else(|| text_of(method));
    if !args.name_is_given && check_name("name", &name.value).is_err() {
        check_default_name(&name, errors);
        known = false;
    }
    let last = args.subject.clone().unwrap_or_else(|| name.clone());
    let group = args.group.as_ref();
    let group_text = group.map(|group| group.value.clone()).unwrap_or_default();
    let subject = join([group_text.as_str(), &last.value]);
    let pattern = if known {
        // The parts are right by themselves; together they may use a placeholder twice.
        match Subject::parse(&subject, purpose.wildcards()) {
            Ok(pattern) => Some(pattern),
            Err(problem) => {
                errors.push(&last.place, &problem);
                None
            }
        }
    } else {
        None
    };
    Address {
        placeholders_are_known: pattern.is_some() || args.cannot_hold_placeholders,
        name,
        group: group_text,
        group_place: group.map(|group| group.place.clone()),
        subject,
        place: last.place,
        last: last.value,
        pattern,
    }
}

impl Address {
    /// Where a placeholder was written.
    pub(crate) fn place_of(&self, placeholder: &str) -> &TokenStream {
        let written = format!("{{{placeholder}}}");
        match &self.group_place {
            Some(group) if !self.last.contains(&written) => group,
            _ => &self.place,
        }
    }
}
