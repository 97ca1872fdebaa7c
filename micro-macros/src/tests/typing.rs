//! Somebody is typing: whatever a service looks like in between, the macro does not panic, and
//! what it gives back is the item.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::service::service;

const SAMPLE: &str = "#[service(name = \"numbers\", version = \"1.0.0\", metadata(team = \"core\"), queue_group = false, client(name = C, vis = pub(crate)), register = Numbers::new)]
    /// Arithmetic.
    impl<T: Store + 'static, const N: usize> m::Numbers<T, { N }> where T: Send + Sync {
        const LIMIT: usize = { 3 };
        make! { x }
        /// Adds.
        #[endpoint(group = \"numbers\", subject = \"add.{id}\", timeout = \"2s\", concurrency = 8)]
        #[cfg(feature = \"add\")]
        pub(crate) async fn add(&self, ctx: &Context, id: u64, #[header(\"X-Tenant\")] tenant: Option<String>, #[extract] user: User, #[payload(raw)] Pair { a, b }: Pair<f64>) -> Result<Vec<(f64, [u8; 4])>, MathError> {
            let x = self.store.get(&id)?;
            x
        }
        #[micro::endpoint]
        async fn shared(self: Arc<Self>) {}
        fn helper(&mut self, #[header(\"X\")] x: u8) -> u8 { x }
    }";

/// How many tokens there are, those in groups included.
fn count(tokens: &TokenStream) -> usize {
    tokens
        .clone()
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => 1 + count(&group.stream()),
            _ => 1,
        })
        .sum()
}

/// The first tokens; brackets that are open at the end are closed, as rustc sees to it.
fn prefix(tokens: TokenStream, left: &mut usize) -> TokenStream {
    let mut kept = TokenStream::new();
    for token in tokens {
        if *left == 0 {
            break;
        }
        *left -= 1;
        kept.extend([match token {
            TokenTree::Group(group) => {
                let mut cut = Group::new(group.delimiter(), prefix(group.stream(), left));
                cut.set_span(group.span());
                TokenTree::from(cut)
            }
            token => token,
        }]);
    }
    kept
}

/// The tokens without the one at an index, to have a hole in the middle.
fn without(tokens: TokenStream, hole: &mut usize) -> TokenStream {
    let mut kept = TokenStream::new();
    for token in tokens {
        let here = *hole == 0;
        *hole = hole.wrapping_sub(1);
        if here {
            continue;
        }
        kept.extend([match token {
            TokenTree::Group(group) => {
                let mut cut = Group::new(group.delimiter(), without(group.stream(), hole));
                cut.set_span(group.span());
                TokenTree::from(cut)
            }
            token => token,
        }]);
    }
    kept
}

fn check(source: &TokenStream) {
    let mut tokens = source.clone().into_iter();
    tokens.next();
    let args = match tokens.next() {
        Some(TokenTree::Group(attribute)) => match attribute.stream().into_iter().nth(1) {
            Some(TokenTree::Group(args)) => args.stream(),
            _ => TokenStream::new(),
        },
        _ => TokenStream::new(),
    };
    let item: TokenStream = tokens.collect();
    let is_impl = item
        .clone()
        .into_iter()
        .any(|token| token.to_string() == "impl");
    let has_body = matches!(
        item.clone().into_iter().last(),
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace
    );
    let output = service(args, item.clone());
    if is_impl && has_body {
        assert!(output.to_string().contains("impl"), "{source}");
    }
    // What rustc could parse before can be parsed after.
    if syn::parse2::<syn::Item>(item).is_ok() {
        let file = syn::parse2::<syn::File>(output.clone());
        assert!(file.is_ok(), "{source}\nexpands to\n{output}");
    }
}

#[test]
fn every_prefix_of_a_service() {
    let sample: TokenStream = SAMPLE.parse().expect("tokens");
    for length in 0..=count(&sample) {
        check(&prefix(sample.clone(), &mut length.clone()));
    }
}

#[test]
fn every_single_token_missing() {
    let sample: TokenStream = SAMPLE.parse().expect("tokens");
    for hole in 2..count(&sample) {
        check(&without(sample.clone(), &mut hole.clone()));
    }
}

#[test]
fn every_prefix_of_an_error() {
    let sample: TokenStream = "#[service_error(code = 422, crate = \"my::micro\")]
        pub enum E<T> where T: A {
            #[service_error(code = 404, kind = \"n\")] Named { a: u8, b: T },
            #[service_error(internal)] Secret(File),
            #[service_error(transparent)] Inner(Other),
        }"
    .parse()
    .expect("tokens");
    for length in 0..=count(&sample) {
        crate::error_derive::expand(prefix(sample.clone(), &mut length.clone()));
    }
    for hole in 0..count(&sample) {
        crate::error_derive::expand(without(sample.clone(), &mut hole.clone()));
    }
}
