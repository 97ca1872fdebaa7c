//! The tasks in a file, for a master that is started again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::tasks::Kept;

/// A file that is always whole: either what was written last, or what was written before.
#[derive(Debug)]
pub(crate) struct StateFile(PathBuf);

/// Why there is nothing to go on with.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}: {error}; `--state` names the file that keeps the tasks", .path.display())]
pub(crate) struct StateError {
    path: PathBuf,
    error: io::Error,
}

impl StateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// What was kept; nothing at the first start.
    pub(crate) fn read(&self) -> Result<Option<Vec<Kept>>, StateError> {
        let kept = match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(Into::into),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        kept.map_err(|error| StateError {
            path: self.0.clone(),
            error,
        })
    }

    /// Writes beside the file, and puts it in its place: a master that is killed meanwhile leaves the
    /// one before.
    pub(crate) fn write(&self, kept: &[Kept]) -> io::Result<()> {
        let beside = self.0.with_added_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_data()?;
        fs::rename(&beside, &self.0)
    }
}
