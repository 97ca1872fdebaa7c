//! Environment variables, as a value.

use std::env::VarError;

use super::super::error::AppError;

/// Where variables are read.
#[derive(Clone, Debug, Default)]
pub(in crate::app) enum Environment {
    /// Nowhere: for a program without arguments.
    #[default]
    None,
    Process,
    #[cfg(test)]
    Given(Vec<(&'static str, String)>),
}

impl Environment {
    /// A variable that is set to more than nothing.
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, AppError> {
        let value = self.raw(name)?;
        Ok(value.filter(|value| !value.trim().is_empty()))
    }

    /// A variable, whatever it is set to.
    pub(super) fn raw(&self, name: &str) -> Result<Option<String>, AppError> {
        Ok(match self {
            Self::None => None,
            Self::Process => match std::env::var(name) {
                Ok(value) => Some(value),
                Err(VarError::NotPresent) => None,
                Err(VarError::NotUnicode(_)) => {
                    return Err(AppError::Usage(format!("{name} is not valid UTF-8")));
                }
            },
            #[cfg(test)]
            Self::Given(all) => {
                let mut named = all.iter().filter(|(given, _)| *given == name);
                named.next().map(|(_, value)| value.clone())
            }
        })
    }

    /// The person's own folder.
    pub(super) fn home(&self) -> Result<Option<String>, AppError> {
        if matches!(self, Self::Process) {
            return Ok(std::env::home_dir().and_then(|path| path.to_str().map(Into::into)));
        }
        self.get("HOME")
    }
}
