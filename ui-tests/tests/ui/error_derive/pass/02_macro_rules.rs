//! Names and values from the caller of a `macro_rules!`.

use micro::ServiceError;

macro_rules! error {
    ($name:ident, $code:literal, $kind:expr, $field:ty) => {
        #[derive(Debug, thiserror::Error, ServiceError)]
        pub enum $name {
            #[error("open")]
            #[service_error(code = $code, kind = $kind)]
            Open($field),
            #[error("internal")]
            #[service_error(internal)]
            Internal,
        }
    };
}

error!(Refused, 404, "closed", String);

/// The bounds of the impl are those of the fields.
#[derive(Debug, thiserror::Error, ServiceError)]
#[service_error(code = 400)]
pub enum Generic<T> {
    #[error("of {0}")]
    Of(T),
    #[error("none")]
    None,
}

fn main() {
    let fault = Refused::Open(String::new()).to_fault();
    assert_eq!(fault.kind_str(), Some("closed"));
    assert_eq!(Refused::Internal.to_fault().kind_str(), None);
    assert_eq!(Generic::Of(1_u8).to_fault().kind_str(), Some("Of"));
    assert_eq!(Generic::<u8>::None.to_fault().kind_str(), Some("None"));
}
