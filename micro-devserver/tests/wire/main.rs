//! The dev server from outside: over TCP, byte for byte, and with a client library.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod support;
