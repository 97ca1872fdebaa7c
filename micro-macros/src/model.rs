//! What a service is, in plain data with spans: everything the expansion needs, and nothing of
//! the attributes it came from.

use std::fmt;
use std::time::Duration;

use micro_names::{Subject, Wildcards, join};
use proc_macro2::{Ident, Span, TokenStream};
use syn::{Attribute, ExprPath, Generics, Path, Token, Type, Visibility};

use crate::tokens::names;

/// A string with the place it was written at.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) place: TokenStream,
}

pub(crate) type Metadata = Vec<(String, String)>;

pub(crate) enum Queue {
    Inherit,
    Disabled,
    Named(String),
}

/// The client as it was asked for.
pub(crate) struct ClientNames {
    pub(crate) name: Option<Ident>,
    pub(crate) vis: Visibility,
}

pub(crate) struct Client {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
}

pub(crate) enum Register {
    Default { key: Ident },
    With(ExprPath),
}

/// What a method of a service is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `#[endpoint]`: it answers requests.
    Endpoint,
    /// `#[subscribe]`: it handles events.
    Subscriber,
}

impl Purpose {
    pub(crate) const ALL: [Self; 2] = [Self::Endpoint, Self::Subscriber];

    /// The attribute that says so.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Subscriber => "subscribe",
        }
    }

    /// The noun with its article.
    pub(crate) fn one(self) -> &'static str {
        match self {
            Self::Endpoint => "an endpoint",
            Self::Subscriber => "a subscriber",
        }
    }

    /// What comes to it, many of them.
    pub(crate) fn messages(self) -> &'static str {
        match self {
            Self::Endpoint => "requests",
            Self::Subscriber => "events",
        }
    }

    /// What wildcards its subject may have: what calls an endpoint fills in all of them.
    pub(crate) fn wildcards(self) -> Wildcards {
        match self {
            Self::Endpoint => Wildcards::Named,
            Self::Subscriber => Wildcards::Allowed,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint => "endpoint",
            Self::Subscriber => "subscriber",
        })
    }
}

/// In which order events are handled.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Any,
    OneAtATime,
    PerPlaceholder(String),
    PerHeader(String),
}

/// What only subscribers have.
#[derive(Clone, Default)]
pub(crate) struct EventSettings {
    pub(crate) pending: Option<u32>,
    pub(crate) order: Order,
}

/// What services and endpoints both have.
pub(crate) struct Settings {
    pub(crate) description: String,
    pub(crate) queue_group: Queue,
    pub(crate) metadata: Metadata,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
}

impl Settings {
    /// Nothing is said but what it is for.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.queue_group, Queue::Inherit)
            && self.metadata.is_empty()
            && self.timeout.is_none()
            && self.concurrency.is_none()
    }
}

pub(crate) struct ServiceModel {
    pub(crate) krate: Path,
    /// Of the user's block. An item that begins with it is to rustc one that could take its advice,
    /// so that what it advises for the user's item and for ours is the same error.
    pub(crate) impl_token: Token![impl],
    pub(crate) self_ty: Type,
    pub(crate) type_name: Ident,
    pub(crate) generics: Generics,
    /// `#[cfg]` on the impl, copied to everything generated.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) name: String,
    /// `None`: the version of the user's package.
    pub(crate) version: Option<String>,
    pub(crate) group: String,
    pub(crate) settings: Settings,
    pub(crate) client: Option<Client>,
    pub(crate) register: Option<Register>,
    pub(crate) endpoints: Vec<EndpointModel>,
    pub(crate) subscribers: Vec<EndpointModel>,
    /// Every member of the block could be read.
    pub(crate) is_whole: bool,
    /// The paths `endpoint` and `subscribe` were written with, each once.
    pub(crate) anchors: Vec<Path>,
}

/// A method that answers requests, or one that handles events.
pub(crate) struct EndpointModel {
    pub(crate) purpose: Purpose,
    pub(crate) events: EventSettings,
    pub(crate) method: Ident,
    pub(crate) cfgs: Vec<Attribute>,
    /// `#[doc]` and `#[deprecated]`, copied to the client's method.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) address: Address,
    pub(crate) settings: Settings,
    pub(crate) kind: Kind,
    pub(crate) receiver: Receiver,
    pub(crate) receiver_place: Span,
    pub(crate) params: Vec<Param>,
    pub(crate) reply: Reply,
    /// The method can be called with what its parameters say.
    pub(crate) is_callable: bool,
    /// The types of the parameters can be written down as they are.
    pub(crate) params_are_sound: bool,
    /// So can those of the reply.
    pub(crate) reply_is_sound: bool,
}

impl EndpointModel {
    /// Keeps of it what says the same in another block, in which `Self` may be something else.
    pub(crate) fn make_stand_in(&mut self) {
        self.is_callable = false;
        for param in &mut self.params {
            let is_plain = !names(&param.ty, "Self");
            param.is_sound &= is_plain;
            self.params_are_sound &= is_plain;
        }
        if let Reply::Value(ty) | Reply::Result(ty) = &self.reply {
            self.reply_is_sound &= !names(ty, "Self");
        }
    }
}

/// Where an endpoint is found.
pub(crate) struct Address {
    pub(crate) name: Text,
    /// The group of the endpoint, without the service's.
    pub(crate) group: String,
    pub(crate) group_place: Option<TokenStream>,
    /// The endpoint's own group and subject, joined.
    pub(crate) subject: String,
    /// The subject without any group.
    pub(crate) last: String,
    /// What set it: for errors about it.
    pub(crate) place: TokenStream,
    /// `None` if some part is wrong.
    pub(crate) pattern: Option<Subject>,
    /// Which placeholders there are is certain, even if some part is wrong.
    pub(crate) placeholders_are_known: bool,
}

impl Address {
    /// The subject with the service's group in front.
    pub(crate) fn full(&self, service_group: &str) -> String {
        join([service_group, &self.subject])
    }
}

/// What kind of function an endpoint is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `async fn`.
    Async,
    /// A plain `fn` that blocks its thread.
    Blocking,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `&self`
    Reference,
    /// `self: Arc<Self>`
    Shared,
    /// An associated function.
    None,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Json,
    Raw,
}

pub(crate) enum Source {
    Context,
    Payload(Codec),
    Placeholder(String),
    Header(String),
    Extract,
}

pub(crate) struct Param {
    pub(crate) source: Source,
    /// The name of the client's argument.
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// Nothing is wrong with it, and its source is certain: its type can be held to it.
    pub(crate) is_sound: bool,
}

impl Param {
    /// Whether a caller gives this argument.
    pub(crate) fn is_sent(&self) -> bool {
        !matches!(self.source, Source::Context | Source::Extract)
    }
}

pub(crate) enum Reply {
    /// No return type.
    Unit,
    /// A type that is a `Result` by name.
    Result(Type),
    /// Every other type: the value itself.
    Value(Type),
}
