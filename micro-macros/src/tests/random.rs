//! Tokens that nobody would write, and services, errors and mains with accidents: whatever comes in,
//! no macro panics, what was items stays items, and nothing of the user's is lost.
//!
//! `MICRO_TEST_SEED` starts elsewhere; a failure shows its input.

use std::str::FromStr as _;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericParam, ImplItem, Item};

use crate::main_fn::{self, Role};
use crate::model::Purpose;
use crate::service;

/// How many inputs are tried.
const CASES: usize = 100_000;

/// What random streams are made of.
const PIECES: &str = r##"impl fn async const static type struct enum union trait mod use macro_rules
    where for dyn as in let self Self super crate pub mut ref unsafe extern default move await true
    false _ r#type union name subject group queue_group metadata timeout concurrency version client
    register subscribe pending ordered ordered_by ordered_by_header code kind internal transparent header extract payload endpoint service service_error cfg
    cfg_attr doc allow json raw Context Result Option Arc String u8 id Numbers
    # ! $ % & && * + , - -> . .. ... / : :: ; < << <= = == => > >> ? @ ^ | || ~
    'a 'static '_ "x" "" "a.{id}" "2s" "a b" b"x" c"x" r#"x"# 'x' b'x' 0 1 5 -1 1.5 0x1F 99999999999
    5usize {} () []"##;

/// What accidents happen to, each with its attribute in front.
const SERVICES: [&str; 5] = [
    "#[service]
    impl Numbers {
        #[subscribe(\"a.{id}\", ordered_by = \"id\", pending = 8, queue_group = \"g\")]
        async fn booked(&self, ctx: &Context, id: u64, pair: Pair) -> Result<(), E> { x }
        #[micro::subscribe(\"b.>\", ordered)] async fn all(&self, #[header(\"X\")] x: Option<String>) { y }
    }",
    "#[service(name = \"numbers\", version = \"1.0.0\", client(name = C, vis = pub(crate)), register = Numbers::new)]
    impl Numbers {
        /// Adds.
        #[endpoint(subject = \"add.{id}\", timeout = \"2s\")]
        pub async fn add(&self, ctx: &Context, id: u64, #[header(\"X\")] x: Option<String>) -> Result<f64, E> { let x = 1; x }
        fn helper(&mut self) -> u8 { 3 }
    }",
    "#[service(metadata(team = \"core\", \"k-k\" = \"v\"), queue_group = false, concurrency = 8, client = false)]
    impl<T: Store + 'static, const N: usize> m::Numbers<T, { N }> where T: Send {
        const LIMIT: usize = { 3 };
        #[micro::endpoint] #[cfg(feature = \"a\")]
        async fn shared(self: Arc<Self>, #[payload(raw)] Pair { a, b }: Pair<f64>) { a }
    }",
    "#[service]
    impl Numbers {
        make! { x }
        type Other = u8;
        #[endpoint] async fn a(#[extract] user: User) -> Vec<u8> { vec![] }
        #[endpoint(group = \"g\", name = \"c\")] async fn b() {}
        pub(crate) const fn c() {}
    }",
    "#[service(crate = my::micro, group = \"g\")]
    unsafe impl !Trait for Numbers { #[cfg_attr(a, endpoint)] async unsafe extern \"C\" fn f<'a, T>(self, a: &'a T, ...) -> impl X; }",
];

const ERRORS: [&str; 2] = [
    "#[service_error(code = 422, crate = \"my::micro\")]
    pub enum E<T> where T: A {
        #[service_error(code = 404, kind = \"n\")] Named { a: u8, b: T },
        #[service_error(internal)] Secret(File),
        #[service_error(transparent)] Inner(Other),
        Unit = 3,
    }",
    "#[derive(Debug)] #[service_error(code = 409)] struct Conflict<const N: usize>(u8, #[x] [u8; N]);",
];

const MAINS: [&str; 2] = [
    "#[allow(dead_code)] pub async fn main() -> micro::Result<()> { run().await }",
    "async fn test<T>(a: u8) where T: X { }",
];

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn new() -> Self {
        let seed = std::env::var("MICRO_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
        Self(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn delimiter(&mut self) -> Delimiter {
        match self.below(5) {
            0 => Delimiter::Parenthesis,
            1 => Delimiter::Brace,
            2 => Delimiter::Bracket,
            // What a `macro_rules!` caller substitutes, and what is looked through least easily.
            _ => Delimiter::None,
        }
    }
}

/// Shows the input when a test fails on it.
struct Shown<'t>(&'t TokenStream);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input: {}", self.0);
        }
    }
}

struct Generator {
    numbers: Numbers,
    pieces: Vec<TokenTree>,
    services: Vec<TokenStream>,
    errors: Vec<TokenStream>,
    mains: Vec<TokenStream>,
}

impl Generator {
    fn new() -> Self {
        let read = |sources: &[&str]| {
            let streams = sources.iter().map(|source| source.parse().expect("tokens"));
            streams.collect()
        };
        Self {
            numbers: Numbers::new(),
            pieces: TokenStream::from_str(PIECES).unwrap().into_iter().collect(),
            services: read(&SERVICES),
            errors: read(&ERRORS),
            mains: read(&MAINS),
        }
    }

    fn one(&mut self, of: fn(&Self) -> &Vec<TokenStream>) -> TokenStream {
        let all = of(self).len();
        let index = self.numbers.below(all);
        of(self)[index].clone()
    }

    fn piece(&mut self) -> TokenTree {
        let index = self.numbers.below(self.pieces.len());
        self.pieces[index].clone()
    }

    /// A random stream of less than so many tokens, some of them groups.
    fn stream(&mut self, length: usize) -> TokenStream {
        let length = self.numbers.below(length);
        let tokens = (0..length).map(|_| match self.numbers.below(8) {
            0 => {
                let delimiter = self.numbers.delimiter();
                let inner = self.stream(length.min(6));
                Group::new(delimiter, inner).into()
            }
            _ => self.piece(),
        });
        tokens.collect()
    }

    /// The stream with a few accidents.
    fn mutated(&mut self, mut tokens: TokenStream) -> TokenStream {
        for _ in 0..=self.numbers.below(4) {
            tokens = self.accident(tokens);
        }
        tokens
    }

    /// One accident, here or in a group.
    fn accident(&mut self, tokens: TokenStream) -> TokenStream {
        let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let groups: Vec<usize> = (0..tokens.len())
            .filter(|index| matches!(&tokens[*index], TokenTree::Group(_)))
            .collect();
        if !groups.is_empty() && self.numbers.below(4) > 0 {
            let index = groups[self.numbers.below(groups.len())];
            if let TokenTree::Group(group) = &tokens[index] {
                let inner = self.accident(group.stream());
                let mut changed = Group::new(group.delimiter(), inner);
                changed.set_span(group.span());
                tokens[index] = changed.into();
            }
            return tokens.into_iter().collect();
        }
        if tokens.is_empty() {
            return self.stream(4);
        }
        let (at, other) = (
            self.numbers.below(tokens.len()),
            self.numbers.below(tokens.len()),
        );
        match self.numbers.below(8) {
            0 => drop(tokens.remove(at)),
            1 => tokens.insert(other, tokens[at].clone()),
            2 => tokens.swap(at, other),
            3 => {
                let piece = self.piece();
                tokens.insert(at, piece);
            }
            4 => tokens[at] = self.piece(),
            5 => {
                // A run of tokens becomes a group.
                let (from, to) = (at.min(other), at.max(other));
                let run = tokens.drain(from..=to).collect();
                let group = Group::new(self.numbers.delimiter(), run);
                tokens.insert(from, group.into());
            }
            6 => {
                // A group becomes its tokens.
                if let TokenTree::Group(group) = &tokens[at] {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    tokens.splice(at..=at, inner);
                }
            }
            _ => {
                // A piece of something else.
                let other = self.one(|all| &all.services);
                let other: Vec<TokenTree> = other.into_iter().collect();
                let from = self.numbers.below(other.len());
                let to = (from + 1 + self.numbers.below(4)).min(other.len());
                tokens.splice(at..at, other[from..to].iter().cloned());
            }
        }
        tokens.into_iter().collect()
    }
}

/// A stream that starts with an attribute: its arguments, and the rest.
fn split(source: TokenStream) -> (TokenStream, TokenStream) {
    let mut tokens = source.into_iter();
    tokens.next();
    let args = match tokens.next() {
        Some(TokenTree::Group(attribute)) => match attribute.stream().into_iter().nth(1) {
            Some(TokenTree::Group(args)) => args.stream(),
            _ => TokenStream::new(),
        },
        _ => TokenStream::new(),
    };
    (args, tokens.collect())
}

/// The items of an output, if the input was items: then it must be, too.
fn items(input_is_sound: bool, output: &TokenStream) -> Vec<Item> {
    if !input_is_sound {
        return Vec::new();
    }
    match syn::parse2::<syn::File>(output.clone()) {
        Ok(file) => file.items,
        Err(error) => panic!("{error}: {output}"),
    }
}

fn has_error(items: &[Item]) -> bool {
    let is_error = |item: &Item| matches!(item, Item::Macro(call) if call.mac.path.segments.last().is_some_and(|last| last.ident == "compile_error"));
    items.iter().any(is_error)
}

/// Whether rustc takes the parameters, too: to `syn`, `_` is the name of one.
fn are_named(generics: &syn::Generics) -> bool {
    let mut params = generics.params.iter();
    params.all(|param| match param {
        GenericParam::Type(param) => param.ident != "_",
        GenericParam::Const(param) => param.ident != "_",
        GenericParam::Lifetime(_) => true,
    })
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

/// What the methods of an impl block are called and do.
fn methods(items: &[ImplItem]) -> Vec<(String, String)> {
    let methods = items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    });
    methods
        .map(|method| (method.sig.ident.to_string(), text(&method.block)))
        .collect()
}

/// Counts what was more than noise, so that a test of nothing but noise is noticed.
#[derive(Debug, Default)]
struct Seen {
    services: usize,
    sound_services: usize,
    errors: usize,
    sound_errors: usize,
    functions: usize,
    sound_functions: usize,
}

fn check_service(args: TokenStream, item: &TokenStream, seen: &mut Seen) {
    let input = syn::parse2::<Item>(item.clone())
        .ok()
        .filter(|item| match item {
            Item::Impl(item) => are_named(&item.generics),
            _ => true,
        });
    let output = service::service(args, item.clone());
    let found = items(input.is_some(), &output);
    let Some(Item::Impl(input)) = input else {
        return;
    };
    let is_sound = !has_error(&found);
    seen.services += 1;
    seen.sound_services += usize::from(is_sound);
    let own = found.iter().find_map(|item| match item {
        Item::Impl(item) if text(&item.self_ty) == text(&input.self_ty) => Some(item),
        _ => None,
    });
    let own = own.unwrap_or_else(|| panic!("the impl block is lost: {output}"));
    let mut kept = methods(&own.items);
    // One that has no body is given one, and is a method only then.
    kept.retain(|(_, body)| body != "{ loop { } }");
    assert_eq!(kept, methods(&input.items), "{output}");
    assert_eq!(own.generics.params.len(), input.generics.params.len());
    if is_sound {
        let table = found.iter().any(|item| matches!(item, Item::Const(_)));
        assert!(table, "no error and no service: {output}");
    }
}

fn check_error(item: &TokenStream, seen: &mut Seen) {
    let input = syn::parse2::<syn::DeriveInput>(item.clone()).ok();
    let input = input.filter(|input| are_named(&input.generics));
    let output = crate::error_derive::expand(item.clone());
    let found = items(input.is_some(), &output);
    if input.is_some() {
        seen.errors += 1;
        seen.sound_errors += usize::from(!has_error(&found));
        assert!(!found.is_empty(), "neither an impl nor an error: {item}");
    }
}

fn check_function(args: &TokenStream, item: &TokenStream, seen: &mut Seen) {
    let input = syn::parse2::<syn::ItemFn>(item.clone());
    for role in [Role::Main, Role::Test] {
        let output = main_fn::expand(role, args, &item.clone());
        let found = items(input.is_ok(), &output);
        let Ok(input) = &input else { continue };
        seen.functions += 1;
        seen.sound_functions += usize::from(!has_error(&found));
        let is_kept =
            |item: &Item| matches!(item, Item::Fn(found) if found.sig.ident == input.sig.ident);
        assert!(found.iter().any(is_kept), "the function is lost: {output}");
    }
    for purpose in Purpose::ALL {
        let output = service::method(purpose, args, item.clone());
        let found = items(input.is_ok(), &output);
        let Ok(input) = &input else { continue };
        let is_kept = |item: &Item| matches!(item, Item::Fn(found) if text(&found.block) == text(&input.block));
        assert!(found.iter().any(is_kept), "the function is lost: {output}");
    }
}

/// What is made of a stream.
#[derive(Clone, Copy)]
enum Case {
    MutatedService,
    MutatedError,
    MutatedFunction,
    ServiceArgs,
    ServiceBody,
    Endpoint,
    Error,
    Anything,
}

impl Case {
    /// Each by how often it comes, of 64: what expands to a whole service takes its time.
    const SHARES: [(Self, usize); 8] = [
        (Self::MutatedService, 3),
        (Self::MutatedError, 6),
        (Self::MutatedFunction, 6),
        (Self::ServiceArgs, 1),
        (Self::ServiceBody, 3),
        (Self::Endpoint, 2),
        (Self::Error, 21),
        (Self::Anything, 22),
    ];

    fn of(number: usize) -> Self {
        let mut left = number % 64;
        for (case, share) in Self::SHARES {
            if left < share {
                return case;
            }
            left -= share;
        }
        unreachable!("the shares are of 64")
    }

    fn input(self, generator: &mut Generator) -> TokenStream {
        let sound = match self {
            Self::MutatedService => generator.one(|all| &all.services),
            Self::MutatedError => generator.one(|all| &all.errors),
            Self::MutatedFunction => generator.one(|all| &all.mains),
            _ => return generator.stream(14),
        };
        generator.mutated(sound)
    }

    fn check(self, input: &TokenStream, seen: &mut Seen) {
        let none = TokenStream::new();
        match self {
            Self::MutatedService => {
                let (args, item) = split(input.clone());
                check_service(args, &item, seen);
            }
            Self::MutatedError => check_error(input, seen),
            Self::MutatedFunction => check_function(&none, input, seen),
            Self::ServiceArgs => {
                let item = quote!(impl Numbers { #[endpoint] async fn f() {} });
                check_service(input.clone(), &item, seen);
            }
            Self::ServiceBody => check_service(none, &quote!(impl Numbers { #input }), seen),
            Self::Endpoint => {
                let method = quote!(async fn f(#input) -> #input { #input });
                let event = quote!(async fn g(#input) {});
                let item =
                    quote!(impl A { #[endpoint(#input)] #method #[subscribe(#input)] #event });
                check_service(none, &item, seen);
            }
            Self::Error => {
                let item = quote!(#[service_error(#input)] enum E { A(#input), #input });
                check_error(&item, seen);
            }
            Self::Anything => {
                check_function(input, input, seen);
                check_service(input.clone(), input, seen);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_streams() {
    let mut generator = Generator::new();
    let mut seen = Seen::default();
    for number in 0..CASES {
        let case = Case::of(number);
        let input = case.input(&mut generator);
        let shown = Shown(&input);
        case.check(&input, &mut seen);
        drop(shown);
    }
    println!("of {CASES}: {seen:?}");
    let Seen {
        services,
        sound_services,
        errors,
        sound_errors,
        functions,
        sound_functions,
    } = seen;
    for (count, at_least) in [
        (services, 2000),
        (sound_services, 300),
        (errors, 2000),
        (sound_errors, 300),
        (functions, 2000),
        (sound_functions, 300),
    ] {
        assert!(count > at_least, "next to nothing was more than noise");
    }
}
