//! A service written by a `macro_rules!` macro.

use micro::{endpoint, service};

macro_rules! numbers {
    ($t:ident, $ty:ty, $name:literal, $version:expr, $method:ident, $subject:literal, $in:ty, $out:ty, $timeout:expr, { $($body:tt)* }) => {
        pub struct $t;

        #[service(name = $name, version = $version, timeout = $timeout)]
        impl $ty {
            #[endpoint(subject = $subject)]
            async fn $method(&self, input: $in, #[header("X")] x: $in) -> $out {
                let _ = (input, x);
                $($body)*
            }
        }
    };
}

numbers!(Numbers, Numbers, "numbers", "1.0.0", double, "numbers.double", u64, u64, "2s", { 2 });
numbers!(Checked, Checked, "checked", "1.0.0", half, "numbers.half", u64, Result<u64, micro::Error>, "2s", { Ok(1) });

macro_rules! whole {
    ($($item:item)*) => { $($item)* };
}

whole! {
    pub struct Wrapped;

    #[service]
    impl Wrapped {
        #[endpoint]
        async fn add(&self, pair: (u8, u8)) -> u8 {
            pair.0 + pair.1
        }
    }
}

fn main() {
    assert_eq!(<Numbers as micro::Service>::INFO.name, "numbers");
    let _ = |numbers: NumbersClient| async move { numbers.double(&1, &2).await };
    let _ = |checked: CheckedClient| async move { checked.half(&1, &2).await };
}
