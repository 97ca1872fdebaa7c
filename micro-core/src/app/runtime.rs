//! What `#[micro::main]` and `#[micro::test]` run on.

use std::any::Any;
use std::io::{self, Write as _};
use std::pin::{Pin, pin};
use std::time::Duration;

use super::error::AppError;
use crate::error::Error;

/// How long threads may go on that block when everything else has ended. A handler that blocks for
/// ever must not keep the process from ending.
const BLOCKED_WITHIN: Duration = Duration::from_secs(2);

/// Runs an async function on a multi-threaded tokio runtime with everything enabled.
///
/// When it has returned, threads that still block are waited for, but no longer than two seconds.
///
/// # Errors
///
/// Those of the function, and the system's when it gives no threads.
pub fn block_on<T, E>(run: impl Future<Output = Result<T, E>>) -> Result<T, E>
where
    E: From<io::Error>,
{
    let mut result = None;
    drive(pin!(async { result = Some(run.await) }))?;
    result.unwrap_or_else(|| Err(io::Error::other("the program ended before its end").into()))
}

/// The part that is the same for every `main`, so that a program has it once, and not a runtime's
/// entrance made for its own.
#[inline(never)]
fn drive(main: Pin<&mut dyn Future<Output = ()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(main);
    runtime.shutdown_timeout(BLOCKED_WITHIN);
    Ok(())
}

/// Runs an async `main`: wrong usage ends the process with its exit code.
///
/// # Errors
///
/// As [`block_on`].
pub fn block_on_main<T, E>(main: impl Future<Output = Result<T, E>>) -> Result<T, E>
where
    E: From<io::Error> + 'static,
{
    let result = block_on(main);
    if let Err(error) = &result {
        end_if_misused(error);
    }
    result
}

fn end_if_misused(error: &dyn Any) {
    if let Some(usage) = app_error(error).filter(|error| error.is_usage()) {
        let _ = writeln!(io::stderr(), "error: {usage}");
        std::process::exit(usage.exit_code().into());
    }
}

/// The error of an `App`, as `main` returns it: as it is, in an [`Error`], or in a box.
fn app_error(error: &dyn Any) -> Option<&AppError> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.source()?.downcast_ref();
    }
    if let Some(error) = error.downcast_ref::<Box<dyn std::error::Error>>() {
        return error.downcast_ref();
    }
    if let Some(error) = error.downcast_ref::<Box<dyn std::error::Error + Send + Sync>>() {
        return error.downcast_ref();
    }
    error.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_an_app_is_found_however_main_returns_it() {
        let usage = || AppError::Usage("wrong".to_owned());
        assert!(app_error(&usage()).is_some());
        assert!(app_error(&Error::from(usage())).is_some());
        assert!(app_error(&Box::<dyn std::error::Error>::from(usage())).is_some());
        assert!(app_error(&Box::<dyn std::error::Error + Send + Sync>::from(usage())).is_some());
        assert!(app_error(&Error::new(500, "another")).is_none());
        assert!(app_error(&io::Error::other("another")).is_none());
        assert_eq!(usage().exit_code(), 2);
        assert_eq!(AppError::NoService.exit_code(), 1);
    }
}
