//! A hedge against a slow instance: all are asked, and the first good answer is taken.
//!
//! ```text
//! cargo run --example hedging
//! ```
//!
//! Five instances run in this program, one of which takes half a second for each answer. A plain call
//! goes to one of the five, and in one of five cases to that one. `first()` asks all of them, and waits
//! for none but the quickest:
//!
//! ```text
//! 500 calls to five instances, one of which takes 500ms:
//!
//!                   p50        p90        p99    slowest
//!   plain        1.9 ms   501.7 ms   503.0 ms   503.3 ms
//!   first()      5.2 ms     7.6 ms     9.9 ms    11.4 ms
//! ```
//!
//! The price is that all five do the work, for each call.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use micro::{App, Call, Caller, EndpointOptions, Error, Json, Request, ServiceBuilder};

const CALLS: usize = 500;

/// How soon one follows the other.
const EVERY: Duration = Duration::from_millis(3);

const NAP: Duration = Duration::from_millis(500);

/// An instance that serves the same twice: one of all instances answers `time.one`, and each of them
/// `time.all`.
fn clock(number: usize) -> ServiceBuilder {
    let now = move |_: Request| async move {
        if number == 0 {
            tokio::time::sleep(NAP).await;
        }
        Json(number)
    };
    ServiceBuilder::new("clock", "1.0.0")
        .concurrency(CALLS)
        .group("time", |time| {
            time.endpoint("one", now)
                .endpoint_with("all", now, EndpointOptions::no_queue_group)
        })
}

/// How long each of many calls takes, the quickest first.
async fn measure<F: Future<Output = Result<(), Error>>>(
    call: impl Fn() -> F,
) -> Result<Vec<Duration>, Error> {
    let begun = Instant::now();
    let calls = (0_u32..).take(CALLS).map(|number| {
        let call = &call;
        async move {
            let turn = begun + EVERY * number;
            tokio::time::sleep_until(turn.into()).await;
            let started = Instant::now();
            call().await?;
            Ok::<_, Error>(started.elapsed())
        }
    });
    let mut took = try_join_all(calls).await?;
    took.sort_unstable();
    Ok(took)
}

fn print(name: &str, took: &[Duration]) {
    print!("  {name:8}");
    for percent in [50, 90, 99, 100] {
        let at = (took.len() * percent / 100).saturating_sub(1);
        let millis = took.get(at).map_or(0.0, Duration::as_secs_f64) * 1000.0;
        print!("{millis:8.1} ms");
    }
    println!();
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let app = (0..5).fold(App::from_args(), |app, number| app.builder(clock(number)));
    let running = app.start().await?;

    let caller = Caller::new(running.connection());
    let call = |subject: &str| -> Call<'_, usize, Error> { caller.call(subject, ()) };
    let plain = measure(async || call("time.one").await.map(drop).map_err(Error::from));
    let plain = plain.await?;
    let first = measure(async || {
        call("time.all")
            .first()
            .await
            .map(drop)
            .map_err(Error::from)
    });
    let first = first.await?;

    println!("{CALLS} calls to five instances, one of which takes {NAP:?}:\n");
    println!(
        "  {:8}{:>11}{:>11}{:>11}{:>11}",
        "", "p50", "p90", "p99", "slowest"
    );
    print("plain", &plain);
    print("first()", &first);
    running.stop().await;
    Ok(())
}
