//! Who is there: every service on this NATS, in whatever language it is written, with what it serves.
//! Nothing of our own is started: the discovery stands alone.
//!
//! ```text
//! cargo run --example numbers       # in another terminal, or any other service
//! cargo run --example discover
//! ```

use micro::{App, Info, Shown};

/// One instance and its endpoints. What others wrote is shown, not obeyed: no escape sequence in a
/// name reaches the terminal.
fn print(info: &Info) {
    println!("{info}");
    let endpoints = info.endpoints.iter();
    let width = endpoints
        .map(|endpoint| endpoint.name.chars().count())
        .max();
    for endpoint in &info.endpoints {
        let (name, subject) = (Shown(&endpoint.name), Shown(&endpoint.subject));
        let name = format!(
            "{name:width$}",
            name = name.to_string(),
            width = width.unwrap_or(0)
        );
        println!("  {name}  {subject}");
    }
}

#[micro::main]
async fn main() -> micro::Result<()> {
    let connection = App::from_args().connect().await?;
    let found = connection.discovery().info().await?;
    found.documents().for_each(print);
    for unreadable in &found.unreadable {
        eprintln!("{unreadable}");
    }
    println!("{} found", found.seen.len());
    Ok(())
}
