//! How often a service allocates for one request, counted: `cargo test --test allocations`.
//!
//! The same service twice in this process, on async-nats by hand and on this framework, each on its
//! own connection to a broker, under a counting allocator. The broker and the load are processes of
//! their own: this program again, told to be one. What is held to a number is what the framework
//! adds to what the client does for the same work; [`PAIRS`] has the numbers. It is a count and no
//! time: the same on a busy machine, in a debug build and in a release build.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[allow(dead_code, reason = "shared with the other tests")]
#[path = "../support/broker.rs"]
mod broker;

mod child;
mod load;
mod services;

use std::alloc::System;
use std::process::ExitCode;

use child::Child;
use load::Load;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Until buffers, queues and maps have the size that they keep.
const WARM_UP: u32 = 2_000;
/// The least of so many counts is taken, each of a few milliseconds: on a busy machine, handlers seem
/// to be slow for a while, and get tasks.
const COUNTS: u32 = 100;
const REQUESTS: u32 = 200;

/// How far a count may be from the number that is written here: buffers are shared by as many
/// requests as happen to arrive together.
const TOLERANCE: f64 = 0.1;

/// The same work done twice.
struct Pair<'a> {
    name: &'static str,
    /// The service by hand, and ours.
    subjects: [&'static str; 2],
    request: Load<'a>,
    /// Allocations per request beyond those by hand. Less is better, and is written here when it is
    /// reached.
    beyond: f64,
}

const ADD: Load<'_> = Load {
    headers: "",
    body: r#"{"a":1,"b":2}"#,
    reply: "3.0",
};
const ECHO: Load<'_> = Load {
    headers: "",
    body: "sixteen bytes...",
    reply: "sixteen bytes...",
};
const PAIRS: [Pair<'_>; 4] = [
    Pair {
        name: "echo",
        subjects: ["raw.echo", "echo"],
        request: ECHO,
        beyond: 0.0,
    },
    Pair {
        name: "echo, two headers",
        subjects: ["raw.echo", "echo"],
        request: Load {
            headers: "NATS/1.0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n",
            ..ECHO
        },
        beyond: 0.0,
    },
    Pair {
        name: "typed add",
        subjects: ["raw.add", "add"],
        request: ADD,
        beyond: -2.0,
    },
    Pair {
        name: "typed add, with a timeout",
        subjects: ["raw.add", "add_within"],
        request: ADD,
        beyond: -2.0,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["broker"] => child::broker(),
        ["load", url, subject, headers, body, reply] => {
            let load = Load {
                headers,
                body,
                reply,
            };
            load.run(url, subject);
        }
        // Whatever else is said is meant for another test's harness.
        _ => return measure(),
    }
    ExitCode::SUCCESS
}

fn measure() -> ExitCode {
    let mut broker = Child::start(&["broker"]);
    let url = broker.line();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // Held: the service stops with nobody's help when the process ends.
    let _running = runtime.block_on(services::start(&url));

    println!("allocations per request    by hand    ours  beyond  expected");
    let mut kept = true;
    for pair in &PAIRS {
        let [by_hand, ours] = pair
            .subjects
            .map(|subject| count(&url, subject, &pair.request));
        let beyond = ours - by_hand;
        let verdict = match beyond - pair.beyond {
            more if more > TOLERANCE => "FAILED: more than expected",
            more if more < -TOLERANCE => "FAILED: less than expected, write it down",
            _ => "ok",
        };
        kept &= verdict == "ok";
        println!(
            "{:26} {by_hand:7.2} {ours:7.2} {beyond:7.2} {:9.2}  {verdict}",
            pair.name, pair.beyond
        );
    }
    ExitCode::from(u8::from(!kept))
}

/// The allocations of this process for each request, those that only grow a piece of memory
/// included.
fn count(url: &str, subject: &str, load: &Load<'_>) -> f64 {
    let mut child = Child::start(&["load", url, subject, load.headers, load.body, load.reply]);
    child.does(WARM_UP);
    let counts = (0..COUNTS).map(|_| {
        let counted = Region::new(ALLOCATOR);
        child.does(REQUESTS);
        let change = counted.change();
        let allocations = u32::try_from(change.allocations + change.reallocations).unwrap();
        f64::from(allocations) / f64::from(REQUESTS)
    });
    counts.min_by(f64::total_cmp).unwrap()
}
