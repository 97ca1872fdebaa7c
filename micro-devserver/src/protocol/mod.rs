//! The NATS client protocol: what a client may send ([`parser`]), what it is sent ([`frames`]), how
//! it introduces itself ([`connect`]), and what ends a conversation ([`violation`]). Knows nothing
//! of sockets or routing.

pub(crate) mod connect;
pub(crate) mod frames;
pub(crate) mod parser;
pub(crate) mod violation;
