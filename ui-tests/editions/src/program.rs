//! `#[micro::main]` and `#[micro::test]`, on functions of several kinds.

/// A program.
///
/// # Errors
///
/// Never.
#[micro::main]
pub async fn main() -> micro::Result<()> {
    another::main().map_err(micro::Error::from)?;
    Ok(())
}

mod another {
    use std::io::Result;

    #[micro::main]
    pub(super) async fn main() -> Result<()> {
        std::future::ready(()).await;
        Ok(())
    }
}

#[cfg(test)]
fn main_is_plain() {
    let _: fn() -> micro::Result<()> = main;
}

#[cfg(test)]
mod tests {
    #[micro::test]
    async fn a_test() -> micro::Result<()> {
        super::main_is_plain();
        Ok(())
    }

    #[micro::test]
    #[allow(clippy::unused_async, reason = "another attribute")]
    async fn another_test() -> Result<(), std::io::Error> {
        Ok(())
    }
}
