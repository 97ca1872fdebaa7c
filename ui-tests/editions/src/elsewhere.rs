//! Services written by the macros of another crate, which knows the framework by another name.

ui_renamed::whole_service! {
    /// All of it is written elsewhere.
    #[derive(Clone, Copy, Debug)]
    pub Whole
}

ui_renamed::service_of! {
    /// Its parts are written here.
    #[derive(Clone, Copy, Debug)]
    pub Parts: Parts, "parts", "elsewhere.double", PartsCaller,
    double(number: u32) -> Result<u32, micro::Error> {
        number.checked_mul(2).ok_or_else(|| micro::Error::new(400, number))
    }
}

/// An impl block of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Item;

ui_renamed::serve_item! {
    impl Item {
        #[micro::endpoint]
        async fn add(&self, pair: (u8, u8)) -> u8 {
            pair.0 ^ pair.1
        }
    }
}

/// Methods of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Body;

ui_renamed::serve_body! {
    Body {
        #[ui_renamed::reexport::micro::endpoint]
        async fn add(&self, pair: (u8, u8)) -> u8 {
            pair.0 ^ pair.1
        }
    }
}

ui_renamed::whole_error! {
    /// An error.
    #[derive(Clone, Copy, Debug)]
    pub Refused, 400, u8
}

/// By a path of another crate, outside of macros.
#[derive(Clone, Copy, Debug)]
pub struct ByPath;

#[ui_renamed::micro2::service(crate = ui_renamed::reexport::micro)]
impl ByPath {
    #[ui_renamed::reexport::micro::endpoint]
    async fn refuse(&self, number: u8) -> Result<u8, Refused> {
        Err(Refused::Value(number))
    }
}
