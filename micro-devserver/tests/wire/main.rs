//! The dev server from outside: over TCP, byte for byte, and with a client library.

#[cfg(test)]
mod abuse;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod real;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod support;
