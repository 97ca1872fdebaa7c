//! The registry, the broker and the transport that Go Micro's programs choose from. Here all three
//! are NATS, so that its command lines run as they are.

use super::environment::Environment;
use super::layer::Origin;
use super::spellings::{Flags, Key, SPELLINGS};
use crate::app::error::AppError;

/// Refuses whatever is not NATS.
pub(super) fn check(flags: &Flags, environment: &Environment) -> Result<(), AppError> {
    for spelling in SPELLINGS.iter().filter(|one| one.key == Key::Backend) {
        let (chosen, origin) = match spelling.in_flags(flags) {
            Some(chosen) => (chosen, Origin::flag(spelling)),
            None => match spelling.in_environment(environment)? {
                Some(chosen) => (chosen, Origin::variable(spelling)),
                None => continue,
            },
        };
        let chosen = chosen.reveal();
        if chosen.eq_ignore_ascii_case("nats") {
            continue;
        }
        let what = spelling.flag;
        let instead = match chosen {
            "mdns" | "memory" => "; `--nats dev` needs nothing installed",
            _ => "",
        };
        return Err(AppError::Usage(format!(
            "{origin} is `{chosen}`, and the {what} is NATS here, always: leave it out, and say \
             where NATS is with `--nats URL` or NATS_URL{instead}"
        )));
    }
    Ok(())
}
