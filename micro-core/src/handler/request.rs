//! A request as a handler sees it; and an event, which is one that nobody waits for.

use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::codec;
use crate::context::Context;
use crate::error::Error;

/// A request or an event: its body, and the [`Context`] in which it arrived.
#[derive(Debug)]
pub struct Request {
    context: Arc<Context>,
    payload: Bytes,
}

impl Request {
    pub(crate) fn new(context: Arc<Context>, payload: Bytes) -> Self {
        Self { context, payload }
    }

    /// The subject, the headers, where the reply goes.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The body, as it arrived. Cloning it does not copy it; keeping it keeps the read buffer that
    /// it is part of, up to 64 KiB.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// Code 400, with the path and the position of the fault, when the body is not a `T`.
    pub fn json<T: DeserializeOwned + 'static>(&self) -> Result<T, Error> {
        codec::decode(&self.payload).map_err(|fault| {
            let what = self.context.what();
            Error::noting(
                400,
                format_args!("cannot decode the {what}: {fault}"),
                format_args!("cannot decode the {what}: {}", fault.harmless()),
            )
        })
    }
}
