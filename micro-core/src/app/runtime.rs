//! What `#[micro::main]` runs a program on.

use std::io;

/// Runs an async `main` on a multi-threaded tokio runtime with everything enabled.
///
/// # Errors
///
/// Those of `main`, and the system's when it gives no threads.
pub fn block_on<T, E: From<io::Error>>(main: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(main)
}
