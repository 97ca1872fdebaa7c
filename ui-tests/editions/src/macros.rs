//! Services written by a `macro_rules!` macro of this crate.

use micro::{endpoint, service, subscribe};

macro_rules! numbers {
    (
        $vis:vis $service:ident, $type:ty, $name:literal, $version:expr, $timeout:expr, $limit:literal,
        $method:ident($in:ty) -> $out:ty, $subject:literal, { $($body:tt)* }
    ) => {
        /// A service.
        #[derive(Clone, Copy, Debug)]
        $vis struct $service;

        #[service(
            name = $name, version = $version, timeout = $timeout, concurrency = $limit,
            metadata(key = $name), client(vis = $vis),
        )]
        impl $type {
            #[endpoint(subject = $subject)]
            async fn $method(&self, input: $in, #[header("X")] x: $in) -> $out {
                let _ = (input, x);
                $($body)*
            }

            #[subscribe($subject, name = "heard", pending = $limit, timeout = $timeout)]
            async fn heard(&self, input: $in) {
                let _ = input;
            }
        }
    };
}

numbers!(pub Plain, Plain, "plain", "1.0.0", "2s", 2, double(u64) -> u64, "macros.double", { 2 });
numbers!(pub(crate) Checked, Checked, "checked", "1.0.0", "2s", 2, half(u64) -> Result<u64, micro::Error>, "macros.half", {
    Err(micro::Error::new(400, "half"))
});

macro_rules! whole {
    ($($item:item)*) => { $($item)* };
}

whole! {
    /// A service.
    #[derive(Clone, Copy, Debug)]
    pub struct Wrapped;

    #[service]
    impl Wrapped {
        #[endpoint]
        async fn add(&self, pair: (u8, u8)) -> u8 {
            pair.0 ^ pair.1
        }
    }
}

macro_rules! annotated {
    ($attribute:meta, $item:item) => {
        #[$attribute]
        $item
    };
}

/// A service.
#[derive(Clone, Copy, Debug)]
pub struct Annotated;

annotated! {
    service(client = AnnotatedCaller),
    impl Annotated {
        #[endpoint]
        async fn add(&self, pair: (u8, u8)) -> u8 {
            pair.0 ^ pair.1
        }
    }
}

macro_rules! body {
    ($service:ident { $($body:tt)* }) => {
        #[service]
        impl $service { $($body)* }
    };
}

/// A service.
#[derive(Clone, Copy, Debug)]
pub struct Body;

body!(Body {
    #[endpoint]
    async fn add(&self, pair: (u8, u8)) -> u8 {
        Self::sum(pair)
    }

    const fn sum(pair: (u8, u8)) -> u8 {
        pair.0 ^ pair.1
    }
});

/// The receiver, the block and the types come from the caller.
macro_rules! method {
    ($service:ident, $this:ident, $body:block, $argument:pat => $in:ty, $out:ty, $key:ident = $value:expr) => {
        /// A service.
        #[derive(Clone, Copy, Debug)]
        pub struct $service;

        #[service($key = $value)]
        impl $service {
            #[endpoint]
            async fn add(&$this, $argument: $in) -> $out $body
        }
    };
}

method!(Method, self, { Self::sum(a, b) }, (a, b) => (u8, u8), Option<u8>, name = "method");

impl Method {
    const fn sum(a: u8, b: u8) -> Option<u8> {
        a.checked_add(b)
    }
}
