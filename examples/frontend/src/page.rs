//! The page, in the three ways in which it is read: in a browser, by a program, at a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

/// The header that names the parts which are not there.
const MISSING: &str = "x-missing";

/// A part of the page: its text, or in a word why there is none.
pub(crate) type Part = Result<String, &'static str>;

/// What is known of a user at this moment.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) id: u64,
    pub(crate) name: Part,
    pub(crate) time: Part,
}

/// How a page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Json,
    Plain,
}

impl Form {
    /// What the caller accepts best; of what it accepts equally, what it names first. Lines of text
    /// for whoever does not care, such as `curl`.
    pub(crate) fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT);
        let accept = accept.and_then(|accept| accept.to_str().ok()).unwrap_or("");
        let mut best = (0.0, Self::Plain);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next() {
                Some("text/html" | "application/xhtml+xml") => Self::Html,
                Some("application/json" | "application/*") => Self::Json,
                Some("text/plain" | "text/*" | "*/*") => Self::Plain,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            let weight = weight.unwrap_or(1.0);
            if weight > best.0 {
                best = (weight, form);
            }
        }
        best.1
    }
}

/// A page as programs read it.
#[derive(Serialize)]
struct Json<'a> {
    id: u64,
    name: Option<&'a str>,
    time: Option<&'a str>,
    /// Why there is none of what is null.
    missing: BTreeMap<&'static str, &'static str>,
}

impl Page {
    /// The page is there in any case; what is missing on it is marked, in the page and in a header.
    pub(crate) fn response(&self, form: Form) -> Response {
        let body = match form {
            Form::Html => self.html(),
            Form::Json => format!("{}\n", self.json()),
            Form::Plain => self.plain(),
        };
        let mut response = answer(StatusCode::OK, form, body);
        let missing: Vec<_> = self.missing().map(|(name, _)| name).collect();
        if let Ok(missing) = HeaderValue::from_str(&missing.join(", "))
            && !missing.is_empty()
        {
            response.headers_mut().insert(MISSING, missing);
        }
        response
    }

    fn parts(&self) -> [(&'static str, &Part); 2] {
        [("name", &self.name), ("time", &self.time)]
    }

    fn missing(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.parts()
            .into_iter()
            .filter_map(|(name, part)| Some((name, *part.as_ref().err()?)))
    }

    fn json(&self) -> String {
        let json = Json {
            id: self.id,
            name: self.name.as_deref().ok(),
            time: self.time.as_deref().ok(),
            missing: self.missing().collect(),
        };
        // Numbers and texts: there is nothing that JSON could not have.
        serde_json::to_string(&json).unwrap_or_default()
    }

    fn plain(&self) -> String {
        let mut text = format!("id    {}\n", self.id);
        for (name, part) in self.parts() {
            let part = match part {
                // A provider's text is one line here, whatever it is.
                Ok(value) => micro::Shown(value).to_string(),
                Err(why) => format!("(missing: {why})"),
            };
            let _ = writeln!(text, "{name}  {part}");
        }
        text
    }

    fn html(&self) -> String {
        let part = |part: &Part| match part {
            Ok(value) => escaped(value),
            Err(why) => format!(r#"<span class="missing">not there just now: {why}</span>"#),
        };
        let name = part(&self.name);
        let time = part(&self.time);
        let id = self.id;
        document(
            &format!("User {id}"),
            &format!(
                "<h1>{name}</h1>\n<dl><dt>user</dt><dd>{id}</dd>\n<dt>time</dt><dd>{time}</dd></dl>"
            ),
        )
    }
}

/// Says what is wrong with what was asked for.
pub(crate) fn refusal(status: StatusCode, form: Form, text: &str) -> Response {
    let body = match form {
        Form::Html => document(text, &format!("<p>{}</p>", escaped(text))),
        Form::Json => format!("{}\n", serde_json::json!({ "error": text })),
        Form::Plain => format!("{text}\n"),
    };
    answer(status, form, body)
}

fn answer(status: StatusCode, form: Form, body: String) -> Response {
    let content_type = match form {
        Form::Html => "text/html; charset=utf-8",
        Form::Json => "application/json",
        Form::Plain => "text/plain; charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
    ];
    (status, headers, body).into_response()
}

/// What providers say is text, and no part of the page's own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn document(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif }}
body {{ display: grid; place-content: center; min-height: 90vh; margin: 0 }}
main {{ width: 22rem; padding: 2rem 2.5rem; border: 1px solid #8885; border-radius: 12px }}
h1 {{ margin: 0 0 1rem; font-size: 2.2rem }}
dl {{ display: grid; grid-template-columns: 4rem 1fr; gap: .2rem .5rem; margin: 0 }}
dt {{ opacity: .6 }}
dd, p {{ margin: 0; font-variant-numeric: tabular-nums }}
.missing {{ color: #c2410c; font-size: 1rem; font-weight: normal }}
nav {{ margin-top: 1.5rem; opacity: .8 }}
a {{ color: inherit; margin-right: 1rem }}
</style>
<main>
{body}
<nav><a href="/1">1</a><a href="/2">2</a><a href="/3">3</a><a href="/4">4</a></nav>
</main>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &str) -> Form {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Form::wanted(&headers)
    }

    #[test]
    fn a_page_comes_as_it_is_accepted() {
        let of_browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, form) in [
            (of_browsers, Form::Html),
            ("application/json", Form::Json),
            ("application/json, text/html", Form::Json),
            ("text/html;q=0.5, application/json", Form::Json),
            ("text/html;level=1;q=0.5, text/plain;q=0.4", Form::Html),
            ("*/*", Form::Plain),
            ("image/png", Form::Plain),
            ("text/html;q=0", Form::Plain),
            ("", Form::Plain),
        ] {
            assert_eq!(wanted(accept), form, "{accept}");
        }
        assert_eq!(Form::wanted(&HeaderMap::new()), Form::Plain);
    }

    #[test]
    fn what_a_provider_says_is_text() {
        let page = Page {
            id: 1,
            name: Ok("<script>alert('x')</script>\u{1b}[2J\nid 2".to_owned()),
            time: Err("late"),
        };
        assert!(
            page.html()
                .contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;")
        );
        assert_eq!(page.plain().lines().count(), 3);
        assert!(!page.plain().contains('\u{1b}'));
        let json = page.json();
        assert!(
            json.ends_with(r#""time":null,"missing":{"time":"late"}}"#),
            "{json}"
        );
    }
}
