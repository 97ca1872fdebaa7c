//! The discovery documents of strangers: none panics its reader, and what is printed of one is a
//! line that does nothing to a terminal.
#![no_main]

mod message;

use libfuzzer_sys::fuzz_target;
use micro_core::fuzzing;
use micro_core::{Bytes, Shown};

fuzz_target!(|input: &[u8]| {
    let (lines, body) = message::parts(input);
    let headers = (!lines.is_empty()).then(|| fuzzing::headers(message::headers(&lines)));
    let body = Bytes::copy_from_slice(body);
    let read = fuzzing::documents(headers.as_ref(), &body);
    let ping = read.ping.map(|ping| (ping.to_string(), ping.name, ping.id));
    let info = read.info.map(|info| (info.to_string(), info.name, info.id));
    let stats = read.stats.map(|stats| {
        // What a tool computes of it.
        for endpoint in &stats.endpoints {
            is_harmless(&Shown(&endpoint.last_error).to_string());
        }
        (stats.to_string(), stats.name, stats.id)
    });
    let all = [ping, info, stats];
    let read = all.iter().filter(|read| read.is_ok()).count();
    assert!(read <= 1, "one body has one type");
    for read in all {
        match read {
            Ok((printed, name, id)) => {
                is_harmless(&printed);
                // They can be asked for.
                micro_names::check_name("name", &name).unwrap();
                micro_names::check_token(&id).unwrap();
            }
            Err(unreadable) => is_harmless(&unreadable.to_string()),
        }
    }
});

fn is_harmless(printed: &str) {
    assert!(!printed.contains(char::is_control), "{printed:?}");
    assert!(printed.len() < 1_000, "{} bytes", printed.len());
}
