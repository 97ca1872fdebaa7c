//! A caller that chooses whom it calls: it asks who is there, keeps those that pass its filters, and
//! calls them in turn. Plain calls need none of this: NATS hands each to some instance.
//!
//! ```text
//! cargo run --example selector
//! ```
//!
//! Four instances run here, of two versions in two zones. Each has a subject of its own, which it
//! names in INFO.

use micro::{App, Bytes, Caller, Connection, Error, Info, Json, Request, ServiceBuilder};

/// An instance of the greeter that says which it is.
fn greeter(version: &'static str, zone: &'static str) -> ServiceBuilder {
    let subject = format!("greet.{zone}.v{}", version.replace('.', "-"));
    ServiceBuilder::new("greeter", version)
        .metadata("zone", zone)
        .endpoint_with(
            &subject,
            move |_: Request| std::future::ready(Json(format!("greeter {version} of {zone}"))),
            |endpoint| endpoint.name("hello"),
        )
}

/// The instances that passed, and whose turn it is.
struct Selection {
    subjects: Vec<String>,
    turn: usize,
}

impl Selection {
    /// Asks who is there, and keeps those whom all `filters` keep.
    async fn of(
        connection: &Connection,
        name: &str,
        filters: &[&dyn Fn(&Info) -> bool],
    ) -> micro::Result<Self> {
        let found = connection.discovery().of(name).at_most(4).info().await?;
        let chosen = found
            .documents()
            .filter(|info| filters.iter().all(|keeps| keeps(info)));
        let endpoints = chosen.flat_map(|info| &info.endpoints);
        let mut subjects: Vec<_> = endpoints
            .filter(|endpoint| endpoint.name == "hello")
            .map(|endpoint| endpoint.subject.clone())
            .collect();
        // Answers come in any order.
        subjects.sort_unstable();
        Ok(Self { subjects, turn: 0 })
    }

    /// Round robin.
    fn next(&mut self) -> Option<&str> {
        let turn = self.turn.checked_rem(self.subjects.len())?;
        self.turn = turn + 1;
        self.subjects.get(turn).map(String::as_str)
    }
}

/// Calls the selection four times.
async fn call(caller: &Caller, mut selection: Selection) -> micro::Result<()> {
    for _ in 0..4 {
        let Some(subject) = selection.next() else {
            println!("  nobody");
            continue;
        };
        let call = caller.call::<_, String, Error>(subject, Bytes::new());
        println!("  {}", call.await?);
    }
    Ok(())
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let running = App::from_args()
        .builder(greeter("1.0.0", "eu"))
        .builder(greeter("1.0.0", "us"))
        .builder(greeter("2.0.0", "eu"))
        .builder(greeter("2.0.0", "us"))
        .start()
        .await?;
    let connection = running.connection();
    let caller = Caller::new(connection);

    let version = |info: &Info| info.version.starts_with("2.");
    let zone = |info: &Info| info.metadata.get("zone").is_some_and(|zone| zone == "eu");
    let nowhere = |info: &Info| info.metadata.contains_key("moon");

    println!("version 2:");
    call(
        &caller,
        Selection::of(connection, "greeter", &[&version]).await?,
    )
    .await?;
    println!("zone eu:");
    call(
        &caller,
        Selection::of(connection, "greeter", &[&zone]).await?,
    )
    .await?;
    println!("version 2 and zone eu:");
    call(
        &caller,
        Selection::of(connection, "greeter", &[&version, &zone]).await?,
    )
    .await?;
    println!("on the moon:");
    call(
        &caller,
        Selection::of(connection, "greeter", &[&nowhere]).await?,
    )
    .await?;

    running.stop().await;
    Ok(())
}
