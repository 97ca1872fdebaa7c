//! A type that is not known is one error, wherever the generated code names it.
//! Errors: 8

use micro::prelude::*;
pub struct Typo;
#[service]
impl Typo {
    #[endpoint]
    async fn one(&self, a: Missing) -> Result<Vec<Missing2>, Missing3> { loop {} }
    #[endpoint]
    async fn two(&self, #[extract] a: Missing, #[header("X")] b: Missing4) -> Vec<Missing5> { loop {} }
    #[endpoint(subject = "x.{id}")]
    async fn three(&self, id: Missing6) { loop {} }
}
#[service]
impl Nmbers {
    #[endpoint]
    async fn one(&self) -> u8 { 1 }
}
fn main() {}
