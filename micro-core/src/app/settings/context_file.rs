//! The contexts of the `nats` command: named files with what it needs to connect.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::environment::Environment;
use super::layer::{Layer, Origin, Value};
use crate::app::error::AppError;
use crate::log::CONNECTION;
use crate::wire::{ConnectSetting, Secret, SettingPath, is_content};

/// What we read of a context, and the rest.
#[derive(Default)]
struct Context {
    url: String,
    user: String,
    password: String,
    token: String,
    creds: String,
    nkey: String,
    user_jwt: String,
    user_seed: String,
    ca: String,
    cert: String,
    key: String,
    tls_first: bool,
    inbox_prefix: String,
    rest: Map<String, Json>,
}

impl Context {
    /// Field by field, and not by a derived reader, whose code is larger than all the rest of this
    /// file. An error names the field, and never its value, which can be a password.
    fn read(mut fields: Map<String, Json>) -> Result<Self, String> {
        let mut context = Self::default();
        for (name, text) in [
            ("url", &mut context.url),
            ("user", &mut context.user),
            ("password", &mut context.password),
            ("token", &mut context.token),
            ("creds", &mut context.creds),
            ("nkey", &mut context.nkey),
            ("user_jwt", &mut context.user_jwt),
            ("user_seed", &mut context.user_seed),
            ("ca", &mut context.ca),
            ("cert", &mut context.cert),
            ("key", &mut context.key),
            ("inbox_prefix", &mut context.inbox_prefix),
        ] {
            match fields.remove(name) {
                None | Some(Json::Null) => {}
                Some(Json::String(given)) => *text = given,
                Some(_) => return Err(format!("its `{name}` is not a text")),
            }
        }
        match fields.remove("tls_first") {
            None | Some(Json::Null) => {}
            Some(Json::Bool(is)) => context.tls_first = is,
            Some(_) => return Err("its `tls_first` is neither true nor false".to_owned()),
        }
        context.rest = fields;
        Ok(context)
    }
}

/// What has to do with other things than connecting.
const OF_OTHERS: [&str; 6] = [
    "name",
    "description",
    "color_scheme",
    "jetstream_domain",
    "jetstream_api_prefix",
    "jetstream_event_prefix",
];

/// What a connection would be another one without.
const NEEDED: [&str; 3] = ["nsc", "socks_proxy", "windows_"];

/// Reads a context by its name, or from a path that ends in `.json`.
pub(super) fn read(named: &str, environment: &Environment) -> Result<Layer, AppError> {
    let path = find(named, environment)?;
    let refused = |reason: String| {
        AppError::Usage(format!(
            "cannot use the NATS context {}: {reason}",
            path.display()
        ))
    };
    let text = std::fs::read(&path).map_err(|error| refused(error.to_string()))?;
    // The parser's own text can show a value, and a value can be a password.
    let fields = match serde_json::from_slice(&text) {
        Ok(Json::Object(fields)) => fields,
        Ok(_) => return Err(refused("it is not a context but another value".to_owned())),
        Err(error) => {
            return Err(refused(format!(
                "it is not a context in JSON, from line {}, column {} on",
                error.line(),
                error.column()
            )));
        }
    };
    let context = Context::read(fields).map_err(refused)?;
    for (field, value) in &context.rest {
        if OF_OTHERS.contains(&field.as_str()) || is_nothing(value) {
            continue;
        }
        if NEEDED.iter().any(|needed| field.starts_with(needed)) {
            return Err(refused(format!(
                "it sets `{field}`, which is not supported here; take a context without it, or \
                 give what this one stands for with flags"
            )));
        }
        tracing::warn!(
            target: CONNECTION,
            context = named,
            field,
            "this field of the NATS context is not known"
        );
    }
    layer(&context, named, environment).map_err(refused)
}

/// Where the context is. One that does not exist is answered with those that do.
fn find(named: &str, environment: &Environment) -> Result<PathBuf, AppError> {
    if is_content(named.as_ref()) {
        return Err(AppError::Usage(
            "the NATS context cannot be used: that is the content and not a name or a path \
             (`--context` or NATS_CONTEXT)"
                .to_owned(),
        ));
    }
    if Path::new(named)
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return Ok(named.into());
    }
    let folder = match environment.get("XDG_CONFIG_HOME")? {
        Some(config) => PathBuf::from(config),
        None => match environment.home()? {
            Some(home) => Path::new(&home).join(".config"),
            None => {
                return Err(AppError::Usage(format!(
                    "cannot look for the NATS context `{named}`: neither XDG_CONFIG_HOME nor HOME \
                     is set; give the path of its .json file"
                )));
            }
        },
    };
    let folder = folder.join("nats").join("context");
    let is_name = !named.contains(['/', '\\']) && !named.contains("..");
    let path = folder.join(format!("{named}.json"));
    if is_name && path.is_file() {
        return Ok(path);
    }
    let known = known_in(&folder);
    let known = match known.as_slice() {
        [] => "there is none; make one with `nats context add`".to_owned(),
        known => format!("there are {}", known.join(", ")),
    };
    Err(AppError::Usage(format!(
        "there is no NATS context `{named}` in {}: {known}",
        folder.display()
    )))
}

fn known_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut known = Vec::new();
    for file in files {
        let name = file.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".json")) {
            let name = format!("`{name}`");
            let at = known.partition_point(|other| *other < name);
            known.insert(at, name);
        }
    }
    known
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(is) => !is,
        Json::String(text) => text.is_empty(),
        Json::Array(all) => all.is_empty(),
        Json::Object(all) => all.is_empty(),
        Json::Number(_) => false,
    }
}

fn layer(context: &Context, name: &str, environment: &Environment) -> Result<Layer, String> {
    use ConnectSetting as Set;
    let mut layer = Layer::default();
    let mut add = |setting, value: Value| {
        if !value.text().is_empty() {
            layer.add(setting, value, Origin::context(name));
        }
    };
    let written = |text: &str| Value::Written(Secret::new(text));
    add(Set::Urls, written(&context.url));
    add(Set::User, written(&context.user));
    add(Set::InboxPrefix, written(&context.inbox_prefix));
    if context.tls_first {
        add(Set::TlsFirst, written("true"));
    }
    for (setting, text) in [
        (Set::Password, &context.password),
        (Set::Token, &context.token),
        (Set::Jwt, &context.user_jwt),
        (Set::Seed, &context.user_seed),
    ] {
        // Without a scheme it is the secret itself.
        add(
            setting,
            reference(setting, text, environment)?.unwrap_or_else(|| written(text)),
        );
    }
    for (setting, text) in [
        (Set::Creds, &context.creds),
        (Set::NKey, &context.nkey),
        (Set::TlsCa, &context.ca),
        (Set::TlsCert, &context.cert),
        (Set::TlsKey, &context.key),
    ] {
        let value = match reference(setting, text, environment)? {
            Some(Value::Content(_))
                if matches!(setting, Set::TlsCa | Set::TlsCert | Set::TlsKey) =>
            {
                return Err(format!("its {setting} has to be the path of a file"));
            }
            Some(value) => value,
            None => {
                let path = text.strip_prefix("file://").unwrap_or(text);
                written(&expanded(path, environment)?)
            }
        };
        add(setting, value);
    }
    Ok(layer)
}

/// What a reference such as `env://NAME` stands for; nothing if it is not one.
fn reference(
    setting: ConnectSetting,
    text: &str,
    environment: &Environment,
) -> Result<Option<Value>, String> {
    let of_file = |path: &str| -> Result<Value, String> {
        let path = SettingPath::new(expanded(path, environment)?);
        let file = path
            .path()
            .ok_or_else(|| format!("the path of its {setting} is the content and not a path"))?;
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read its {setting} from {path}: {error}"))?;
        Ok(content(&text))
    };
    let is_file = matches!(
        setting,
        ConnectSetting::Creds
            | ConnectSetting::NKey
            | ConnectSetting::TlsCa
            | ConnectSetting::TlsCert
            | ConnectSetting::TlsKey
    );
    if let Some(path) = text.strip_prefix("file://") {
        return if is_file {
            Ok(None)
        } else {
            of_file(path).map(Some)
        };
    }
    if let Some(name) = text.strip_prefix("env://") {
        let value = environment.raw(name).map_err(|error| error.to_string())?;
        let value = value.ok_or_else(|| format!("its {setting} is in {name}, which is not set"))?;
        return Ok(Some(content(&value)));
    }
    if let Some(data) = text.strip_prefix("data:") {
        let value = data
            .split_once(',')
            .filter(|(form, _)| form.split(';').any(|part| part.trim() == "base64"))
            .and_then(|(_, encoded)| STANDARD.decode(encoded).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| format!("the data: of its {setting} is not base64"))?;
        return Ok(Some(content(&value)));
    }
    for scheme in ["nsc://", "op://"] {
        if text.starts_with(scheme) {
            return Err(format!(
                "its {setting} is kept with `{scheme}`, which is not supported here; export it to a \
                 file and give that"
            ));
        }
    }
    Ok(None)
}

/// A text without the ends of lines after it. Other blanks may belong to a secret.
fn content(text: &str) -> Value {
    Value::Content(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// A path with `$NAME` and `${NAME}` filled in, and `~` for the person's own folder.
fn expanded(text: &str, environment: &Environment) -> Result<String, String> {
    let variable = |name: &str| {
        let value = environment.get(name).map_err(|error| error.to_string());
        value.map(Option::unwrap_or_default)
    };
    let mut path = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        path.push_str(before);
        let braced = after
            .strip_prefix('{')
            .and_then(|from| from.split_once('}'));
        if let Some((name, after)) = braced {
            path.push_str(&variable(name)?);
            rest = after;
            continue;
        }
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        match name {
            "" => path.push('$'),
            name => path.push_str(&variable(name)?),
        }
        rest = after;
    }
    path.push_str(rest);
    let in_home = path
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with(['/', '\\']));
    if let Some(rest) = in_home
        && let Some(home) = environment.home().map_err(|error| error.to_string())?
    {
        return Ok(format!("{home}{rest}"));
    }
    Ok(path)
}
