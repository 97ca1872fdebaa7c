//! The cases are in `tests/`; this crate only carries their dependencies.
