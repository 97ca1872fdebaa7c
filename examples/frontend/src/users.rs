//! Who a user is: the provider `UserNameById`.

use std::time::Duration;

use micro::prelude::*;
use serde::{Deserialize, Serialize};

/// Everybody there is.
const USERS: [(u64, &str); 4] = [(1, "Bob"), (2, "John"), (3, "Dan"), (4, "Kate")];

/// Whose name is wanted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// The number of the user.
    pub(crate) id: u64,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    /// The number.
    pub(crate) id: u64,
    /// The name.
    pub(crate) name: String,
}

/// Why there is no name.
#[derive(Debug, PartialEq, Eq, thiserror::Error, micro::ServiceError)]
pub(crate) enum UserError {
    /// Nobody has this number.
    #[error("there is no user {id}")]
    #[service_error(code = 404)]
    NotFound {
        /// The number that was asked for.
        id: u64,
    },
}

/// The provider.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    /// How long it takes for an answer.
    pub(crate) delay: Duration,
}

/// Knows the names of users.
#[service(
    name = "UserNameById",
    queue_group = "userNameByIdProviders",
    client(vis = pub(crate))
)]
impl Users {
    /// The name of the user with this number.
    #[endpoint(name = "UserNameById")]
    async fn user_name_by_id(&self, ctx: &Context, wanted: Wanted) -> Result<User, UserError> {
        let id = wanted.id;
        tracing::debug!(id, reply = ctx.reply_subject(), "replying to");
        tokio::time::sleep(self.delay).await;
        let found = USERS.iter().find(|(user, _)| *user == id);
        let (_, name) = found.ok_or(UserError::NotFound { id })?;
        let name = (*name).to_owned();
        Ok(User { id, name })
    }
}
