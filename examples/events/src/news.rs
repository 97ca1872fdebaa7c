//! The news: what a headline is, who publishes them, and a desk that takes them from anybody.

use std::time::Duration;

use micro::prelude::*;
use micro::{Connection, Error, PublisherError};
use serde::{Deserialize, Serialize};

/// Where all of them are published: the topic is one token.
pub(crate) const SUBJECT: &str = "news.{topic}";

/// How long a title may be, in characters. What comes from elsewhere is cut.
pub(crate) const TITLE_MAX_CHARS: usize = 200;

/// How long a topic may be, in bytes.
const TOPIC_MAX_BYTES: usize = 32;

/// A headline, as it is published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Headline {
    pub(crate) title: String,
    /// Who says so.
    #[serde(default)]
    pub(crate) by: String,
}

/// A headline for a topic: what the desk takes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) topic: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) by: String,
}

/// Why a draft is not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("a title has 1 to {TITLE_MAX_CHARS} characters")]
    Title,
    #[error("a topic is one word of at most {TOPIC_MAX_BYTES} letters, digits, `-` and `_`")]
    Topic,
}

impl Draft {
    /// The subject, and what is published there.
    pub(crate) fn checked(self) -> Result<(String, Headline), Refused> {
        let title = self.title.trim();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if title.is_empty() || title.chars().count() > TITLE_MAX_CHARS {
            return Err(Refused::Title);
        }
        if self.topic.is_empty()
            || self.topic.len() > TOPIC_MAX_BYTES
            || !self.topic.bytes().all(is_plain)
        {
            return Err(Refused::Topic);
        }
        let subject = SUBJECT.replace("{topic}", &self.topic.to_lowercase());
        let headline = Headline {
            title: title.to_owned(),
            by: self.by.trim().chars().take(40).collect(),
        };
        Ok((subject, headline))
    }
}

/// Takes headlines, and publishes them.
pub(crate) struct Desk;

#[service(name = "newsdesk", version = "1.0.0")]
impl Desk {
    /// Publishes a headline to whoever is subscribed.
    #[endpoint(group = "newsdesk")]
    async fn announce(&self, ctx: &Context, draft: Draft) -> Result<(), Error> {
        let checked = draft.checked();
        let (subject, headline) = checked.map_err(|refused| Error::new(400, refused))?;
        Ok(ctx.publish(&subject, &headline).await?)
    }
}

/// What the agency knows.
const KNOWN: [(&str, [&str; 4]); 4] = [
    (
        "science",
        [
            "A telescope sees the oldest light so far",
            "Octopus opens jar, closes it again",
            "Probe sends its first picture home",
            "Glacier sings at night, microphones find",
        ],
    ),
    (
        "world",
        [
            "Two cities share one bridge at last",
            "Night trains are back on nine lines",
            "Village votes for a slower clock",
            "Lighthouse keeper retires after 41 years",
        ],
    ),
    (
        "sport",
        [
            "Outsider takes the mountain stage",
            "Goalkeeper scores from his own half",
            "Chess match ends in its ninth draw",
            "Relay team drops the baton, and wins",
        ],
    ),
    (
        "culture",
        [
            "Lost score found in a piano stool",
            "Museum lends its roof to bees",
            "A play of four words fills the house",
            "Library forgives every late book",
        ],
    ),
];

/// Publishes a headline now and then, for ever.
pub(crate) async fn agency(nats: Connection, every: Duration) -> Result<(), PublisherError> {
    let mut desks = Vec::new();
    for (topic, titles) in KNOWN {
        let subject = SUBJECT.replace("{topic}", topic);
        desks.push((nats.publisher::<Headline>(&subject)?, titles));
    }
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0_usize.. {
        clock.tick().await;
        let Some((desk, titles)) = desks.get(number % desks.len()) else {
            break;
        };
        if let Some(title) = titles.get(number / desks.len() % titles.len()) {
            let headline = Headline {
                title: (*title).to_owned(),
                by: "agency".to_owned(),
            };
            desk.publish(&headline).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(topic: &str, title: &str) -> Draft {
        Draft {
            topic: topic.to_owned(),
            title: title.to_owned(),
            by: String::new(),
        }
    }

    #[test]
    fn what_is_no_headline_is_refused() {
        assert!(
            draft("World", " x ")
                .checked()
                .is_ok_and(|(subject, headline)| {
                    subject == "news.world" && headline.title == "x"
                })
        );
        let long = "x".repeat(TITLE_MAX_CHARS + 1);
        for (topic, title) in [
            ("a", ""),
            ("a", " "),
            ("a", &*long),
            ("", "x"),
            ("a.b", "x"),
            (">", "x"),
            ("*", "x"),
            ("a b", "x"),
        ] {
            assert!(draft(topic, title).checked().is_err(), "{topic} {title}");
        }
    }
}
