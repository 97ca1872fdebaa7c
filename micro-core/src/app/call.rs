//! The `call` subcommand: one request to the running service, for people at a terminal.

use std::io::{Read as _, Write as _};

use bytes::Bytes;

use super::args::CallArgs;
use super::error::AppError;
use crate::client::{Answer, Call, CallError, Caller, Outgoing};
use crate::endpoint::EndpointInfo;
use crate::error::Error;
use crate::wire::Connection;

/// Makes the call and prints the answer on the standard output, the rest on the standard error.
pub(super) async fn call(
    connection: &Connection,
    endpoints: &[EndpointInfo],
    args: &CallArgs,
) -> Result<(), AppError> {
    let subject = subject(endpoints, &args.endpoint)?;
    let caller = Caller::new(connection).timeout(args.timeout);
    let mut call: Call<'_, Bytes, Error> = Outgoing::new(&caller, subject)
        .raw(body(&args.payload)?)
        .call();
    for (name, value) in &args.headers {
        call = call.header(name, value);
    }
    let answer = call.answer().await.map_err(|error| AppError::Call {
        reason: describe(&error),
    })?;
    print(&answer).map_err(|error| AppError::Call {
        reason: format!("cannot print the answer: {error}"),
    })
}

/// An endpoint's subject by its name; anything else is a subject itself.
fn subject(endpoints: &[EndpointInfo], named: &str) -> Result<String, AppError> {
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.name == named) else {
        if named.contains('.') {
            return Ok(named.to_owned());
        }
        let known: Vec<_> = endpoints.iter().map(|e| format!("`{}`", e.name)).collect();
        return Err(AppError::Call {
            reason: format!(
                "there is no endpoint `{named}`: name one of {}, or give a subject",
                known.join(", ")
            ),
        });
    };
    if endpoint.subject.contains(['*', '>']) {
        return Err(AppError::Call {
            reason: format!(
                "endpoint `{named}` serves `{}`: give a subject with its tokens filled in, such as `{}`",
                endpoint.subject,
                endpoint.subject.replace(['*', '>'], "x")
            ),
        });
    }
    Ok(endpoint.subject.clone())
}

fn body(payload: &str) -> Result<Bytes, AppError> {
    if payload != "-" {
        return Ok(Bytes::copy_from_slice(payload.as_bytes()));
    }
    let mut body = Vec::new();
    std::io::stdin()
        .read_to_end(&mut body)
        .map_err(|error| AppError::Call {
            reason: format!("cannot read the standard input: {error}"),
        })?;
    Ok(body.into())
}

fn print(answer: &Answer<Bytes>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(&answer.value)?;
    if !answer.value.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    let instance = match &answer.instance {
        Some(id) => format!("instance {id}"),
        None => "an instance that does not tell its id".to_owned(),
    };
    writeln!(std::io::stderr(), "{:.1?}, {instance}", answer.took)
}

fn describe(error: &CallError<Error>) -> String {
    match error {
        CallError::Service(error) => {
            let mut text = format!("{} (code {})", error.message(), error.code());
            let body = error.body();
            if let Ok(body) = std::str::from_utf8(&body)
                && !body.is_empty()
            {
                text = format!("{text}\n{body}");
            }
            text
        }
        error => error.to_string(),
    }
}
