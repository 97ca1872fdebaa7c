//! The folder that files are in, and names that lead nowhere else.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::fs::{self, File};
use uuid::Uuid;

/// How long a name may be, in characters: what file systems take, with room for our own.
const NAME_MAX: usize = 128;

/// A name of a file in the folder: letters, digits, `-`, `_` and `.`, and no `.` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

/// It is no name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a file's name is made of letters, digits, `-`, `_` and `.`, does not begin with `.`, and has at most {NAME_MAX} characters"
)]
pub(crate) struct NameError;

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = !text.is_empty()
            && text.len() <= NAME_MAX
            && !text.starts_with('.')
            && text.bytes().all(is_allowed);
        is_name.then(|| Self(text.to_owned())).ok_or(NameError)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder of files.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder, made if it is not there.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file to read, and its length.
    pub(crate) async fn read(&self, name: &Name) -> io::Result<(File, u64)> {
        let file = File::open(self.0.join(&name.0)).await?;
        let metadata = file.metadata().await?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a file"));
        }
        Ok((file, metadata.len()))
    }

    /// A file to write. It has its name once it is [`finished`](Draft::finish), and all at once.
    pub(crate) async fn write(&self, name: &Name) -> io::Result<Draft> {
        // No name begins with a dot: nobody reads it meanwhile.
        let path = self.0.join(format!(".upload-{}", Uuid::new_v4()));
        Ok(Draft {
            file: File::create_new(&path).await?,
            path: Some(path),
            target: self.0.join(&name.0),
        })
    }
}

/// A file that is being written. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) file: File,
    path: Option<PathBuf>,
    target: PathBuf,
}

impl Draft {
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        self.file.sync_data().await?;
        if let Some(path) = &self.path {
            fs::rename(path, &self.target).await?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["a", "notes.txt", "A-b_c.0", &"n".repeat(NAME_MAX)] {
            assert_eq!(name.parse(), Ok(Name(name.to_owned())));
        }
        let long = "n".repeat(NAME_MAX + 1);
        for wrong in [
            "", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a b", "a\0", "ä", &long,
        ] {
            assert_eq!(wrong.parse::<Name>(), Err(NameError), "{wrong:?}");
        }
    }
}
