//! The grammar of names against the server. What we accept, it must accept, and carry unchanged;
//! what it refuses, we must. What we refuse although it would take it is by design, and has a reason
//! with a name here.
//!
//! The strings are all short combinations of what matters to somebody (`PIECES`), and longer random
//! ones: `MICRO_TEST_SEED` starts those elsewhere, and a failure shows the string.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use micro::{
    CallError, Caller, Error, Headers, Outgoing, PublishError, Reply, Request, ServiceBuilder,
};
use micro_names::{
    Problem, Subject, Wildcards, check_group, check_header_name, check_name, check_queue_group,
    check_token, join,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::broker::Broker;
use crate::raw;

/// What subjects and names are put together from, the weightiest first. No verb of the protocol is among them and no
/// digit, so that a line that is taken apart elsewhere than meant cannot ask for an answer more.
const PIECES: [&str; 18] = [
    "a", ".", "*", ">", "$", " ", "{id}", "{", "\u{a0}", "}", "B-_", "\t", "\r\n", "\n", "é", "\0",
    "\u{7f}", ":",
];

/// Strings that are something special to nats-server, or to nobody.
const SPECIAL: [&str; 26] = [
    "",
    "_INBOX.a",
    "_R_.a",
    "_GR_",
    "_GR_.a.b",
    "_GR_a",
    "_sys_",
    "q",
    "$SRV.PING",
    "$SYS.REQ.USER.INFO",
    "$JS.API.INFO",
    "$NRG.a",
    "$KV.a",
    "$G",
    "a.$SRV",
    "$a",
    "a.{id}.b.{other}",
    "{id}.{id}",
    "{fn}",
    "user-{id}",
    "a\u{85}b",
    "a\u{2028}b",
    "日本.語",
    "a'b\"c\\d",
    "*.*.*.>",
    "a,b;c/d@e#f",
];

/// Random strings beside the systematic ones.
const RANDOM: usize = 2000;

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn new() -> Self {
        let seed = std::env::var("MICRO_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
        Self(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Every string there is to judge, each once.
fn strings() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = SPECIAL.iter().map(ToString::to_string).collect();
    for one in PIECES {
        all.insert(one.to_owned());
        for two in PIECES {
            all.insert(format!("{one}{two}"));
            for three in &PIECES[..9] {
                all.insert(format!("{one}{two}{three}"));
            }
        }
    }
    let mut numbers = Numbers::new();
    for _ in 0..RANDOM {
        let pieces = 1 + numbers.below(12);
        // Mostly dots and letters, or next to nothing would be a subject.
        let text: String = (0..pieces)
            .map(|_| match numbers.below(8) {
                0..3 => "a",
                3..6 => ".",
                _ => numbers.one(&PIECES),
            })
            .collect();
        all.insert(text);
    }
    // Around our bounds and the server's.
    for length in [512, 513, 3000, 3072, 3073, 4000, 4096, 5000] {
        all.insert("x".repeat(length));
        all.insert("x.".repeat(length / 2) + "y");
        all.insert(format!("{{{}}}", "x".repeat(length)));
    }
    all
}

/// What the server does with a string in the place of a subject or of a queue group.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// A message that is sent there arrives there.
    Carried,
    /// It says so, or ends the connection.
    Refused,
    /// It reads something else from the line.
    Misread,
}

/// A connection to the server, byte for byte.
struct Line<'b> {
    broker: &'b Broker,
    socket: TcpStream,
    unread: Vec<u8>,
}

/// What came before a PONG.
#[derive(Debug, Default)]
struct Came {
    /// Whether it came: otherwise the server has ended the connection.
    pong: bool,
    errors: Vec<String>,
    messages: Vec<Arrived>,
}

#[derive(Debug)]
struct Arrived {
    sid: String,
    subject: String,
    /// With the line that they begin with.
    headers: Vec<u8>,
    body: Vec<u8>,
}

impl<'b> Line<'b> {
    async fn open(broker: &'b Broker) -> Self {
        let address = broker.url().strip_prefix("nats://").unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut line = Self {
            broker,
            socket,
            unread: Vec::new(),
        };
        line.say(
            r#"CONNECT {"verbose":false,"pedantic":true,"headers":true,"no_responders":true}"#,
        )
        .await;
        line
    }

    /// Begins anew: what was said before may have left subscriptions, or ended the connection.
    async fn reopen(&mut self) {
        *self = Self::open(self.broker).await;
    }

    async fn send(&mut self, text: &str) {
        // The server may have closed the connection while we speak.
        let _ = self.socket.write_all(text.as_bytes()).await;
    }

    /// Sends lines and a PING, and reads until it is answered.
    async fn say(&mut self, lines: &str) -> Came {
        self.send(&format!("{lines}\r\nPING\r\n")).await;
        self.read(|came| came.pong).await
    }

    /// The next message.
    async fn message(&mut self) -> Arrived {
        let mut came = self.read(|came| !came.messages.is_empty()).await;
        came.messages.pop().expect("the connection has ended")
    }

    /// Reads until it is enough, or until the server ends the connection.
    async fn read(&mut self, is_enough: fn(&Came) -> bool) -> Came {
        let mut came = Came::default();
        while !is_enough(&came) {
            let Some(line) = raw::soon(self.line()).await else {
                break;
            };
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["PONG"] => came.pong = true,
                // Asked of connections that are a few seconds old.
                ["PING"] => self.socket.write_all(b"PONG\r\n").await.unwrap(),
                [verb @ ("MSG" | "HMSG"), subject, sid, .., sizes, size] => {
                    let mut headers = raw::soon(self.bytes(size.parse().unwrap())).await;
                    let body = match *verb {
                        "MSG" => std::mem::take(&mut headers),
                        _ => headers.split_off(sizes.parse().unwrap()),
                    };
                    came.messages.push(Arrived {
                        sid: (*sid).to_owned(),
                        subject: (*subject).to_owned(),
                        headers,
                        body,
                    });
                }
                ["MSG", subject, sid, size] => {
                    let body = raw::soon(self.bytes(size.parse().unwrap())).await;
                    came.messages.push(Arrived {
                        sid: (*sid).to_owned(),
                        subject: (*subject).to_owned(),
                        headers: Vec::new(),
                        body,
                    });
                }
                ["-ERR", ..] => came.errors.push(line),
                _ => assert!(line.starts_with("INFO "), "{line:?}"),
            }
        }
        came
    }

    /// The next line without its end, or nothing at the end of the connection.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let line = self.unread.drain(..end + 2).collect::<Vec<_>>();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !matches!(self.socket.read_buf(&mut self.unread).await, Ok(1..)) {
                return None;
            }
        }
    }

    /// So many bytes, and the end of line behind them.
    async fn bytes(&mut self, size: usize) -> Vec<u8> {
        while self.unread.len() < size + 2 {
            assert!(matches!(
                self.socket.read_buf(&mut self.unread).await,
                Ok(1..)
            ));
        }
        let mut bytes: Vec<u8> = self.unread.drain(..size + 2).collect();
        bytes.truncate(size);
        bytes
    }

    /// What becomes of a string as the subject of a subscription, and of a message to `concrete`,
    /// which it should match.
    async fn subject(&mut self, subject: &str, concrete: &str) -> Verdict {
        let subscribed = self.say(&format!("SUB {subject} 7")).await;
        let verdict = if !subscribed.pong || !subscribed.errors.is_empty() {
            Verdict::Refused
        } else {
            let published = self.say(&format!("PUB {concrete} _r 2\r\nhi")).await;
            let messages = published.messages.iter();
            let messages: Vec<_> = messages
                .map(|message| (message.sid.as_str(), message.subject.as_str()))
                .collect();
            if !published.pong || !published.errors.is_empty() {
                Verdict::Refused
            } else if messages == [("7", concrete)] {
                Verdict::Carried
            } else {
                Verdict::Misread
            }
        };
        self.leave(subject, verdict).await
    }

    /// What becomes of a string as a queue group: of two of its subscriptions one gets the message.
    async fn queue_group(&mut self, group: &str) -> Verdict {
        let lines = format!("SUB shared {group} 7\r\nSUB shared {group} 8\r\nPUB shared 2\r\nhi");
        let came = self.say(&lines).await;
        let verdict = if !came.pong || !came.errors.is_empty() {
            Verdict::Refused
        } else if came.messages.len() == 1 {
            Verdict::Carried
        } else {
            Verdict::Misread
        };
        let verdict = self.leave(group, verdict).await;
        if verdict == Verdict::Carried {
            self.say("UNSUB 8").await;
        }
        verdict
    }

    /// Leaves nothing behind for the next string.
    async fn leave(&mut self, text: &str, verdict: Verdict) -> Verdict {
        let is_line = !text.contains(|c: char| c.is_ascii_control() || c == ' ');
        if verdict == Verdict::Carried && is_line {
            self.say("UNSUB 7").await;
        } else {
            self.reopen().await;
        }
        verdict
    }

    /// Whether the server takes it as the subject of one message.
    async fn is_publishable(&mut self, subject: &str) -> bool {
        let came = self.say(&format!("PUB {subject} 2\r\nhi")).await;
        let taken = came.pong && came.errors.is_empty();
        if !came.pong {
            self.reopen().await;
        }
        taken
    }
}

/// A subject that a pattern matches: itself, if it has no wildcards.
fn concrete(pattern: &str) -> String {
    let mut tokens: Vec<&str> = pattern.split('.').collect();
    let last = tokens.len() - 1;
    for (index, token) in tokens.iter_mut().enumerate() {
        match *token {
            "*" => *token = "x",
            ">" if index == last => *token = "x.y",
            _ => {}
        }
    }
    tokens.join(".")
}

/// A reason why we refuse what the server takes: who it applies to, and words of the message.
struct Reason {
    name: &'static str,
    applies: fn(&str) -> bool,
    says: &'static str,
}

/// The reasons by which something was refused that the server takes. Each has to come up.
struct Refusals {
    reasons: Vec<Reason>,
    seen: BTreeMap<&'static str, usize>,
}

impl Refusals {
    fn new(reasons: Vec<Reason>) -> Self {
        let seen = BTreeMap::new();
        Self { reasons, seen }
    }

    fn explain(&mut self, text: &str, problem: &Problem) {
        let reason = self
            .reasons
            .iter()
            .find(|reason| (reason.applies)(text) && problem.message.contains(reason.says));
        let reason =
            reason.unwrap_or_else(|| panic!("the server takes {text:?}, and we say: {problem}"));
        *self.seen.entry(reason.name).or_default() += 1;
    }

    fn finish(self) {
        for reason in self.reasons {
            let seen = self.seen.get(reason.name);
            assert!(seen.is_some(), "nothing is refused for: {}", reason.name);
            println!("{:5} for: {}", seen.unwrap(), reason.name);
        }
    }
}

fn has_white_space(text: &str) -> bool {
    text.contains(char::is_whitespace)
}

fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

fn has_braces(text: &str) -> bool {
    text.contains(['{', '}'])
}

fn subject_reasons() -> Vec<Reason> {
    vec![
        Reason {
            name: "`$` is for the server and for discovery",
            applies: |text| text.starts_with('$'),
            says: "reserved",
        },
        Reason {
            name: "`_GR_` is for gateways, with or without a token behind it",
            applies: |text| text.starts_with("_GR_"),
            says: "reserved",
        },
        Reason {
            name: "white space: what separates the words of a line, and what looks like it",
            applies: has_white_space,
            says: "white space",
        },
        Reason {
            name: "control characters, which no log shows",
            applies: has_control,
            says: "control characters",
        },
        Reason {
            name: "braces are placeholders: they do not pair up",
            applies: has_braces,
            says: "un",
        },
        Reason {
            name: "braces are placeholders: not a name",
            applies: has_braces,
            says: "placeholder",
        },
        Reason {
            name: "braces are placeholders: not a parameter",
            applies: has_braces,
            says: "cannot be the name of a parameter",
        },
        Reason {
            name: "`>` inside: a literal to the server, a mistake of a person",
            applies: |text| text.contains('>'),
            says: "`>` must be the last character",
        },
        Reason {
            name: "a line has more than a subject",
            applies: |text| text.len() > 3072,
            says: "at most 3072 are allowed",
        },
    ]
}

#[tokio::test]
async fn subjects_are_those_of_the_server() {
    let broker = Broker::start().await;
    let mut line = Line::open(&broker).await;
    let mut refusals = Refusals::new(subject_reasons());
    let mut accepted = 0;
    for text in strings() {
        match Subject::parse(&text, Wildcards::Allowed) {
            Ok(subject) => {
                accepted += 1;
                let wire = subject.wire();
                let verdict = line.subject(&wire, &concrete(&wire)).await;
                assert_eq!(verdict, Verdict::Carried, "{text:?}");
                let publishable = line.is_publishable(&wire).await;
                assert_eq!(publishable, !subject.has_wildcards(), "{text:?}");
            }
            Err(problem) => match line.subject(&text, &concrete(&text)).await {
                Verdict::Carried => refusals.explain(&text, &problem),
                Verdict::Refused | Verdict::Misread => {}
            },
        }
    }
    assert!(accepted > 200, "{accepted}");
    refusals.finish();
}

/// Groups are prefixes: with a token behind them they are subjects, and nothing else is.
#[tokio::test]
async fn groups_are_the_prefixes_of_subjects() {
    let broker = Broker::start().await;
    let mut line = Line::open(&broker).await;
    for text in strings() {
        let joined = join([text.as_str(), "x"]);
        let subject = Subject::parse(&joined, Wildcards::Allowed);
        match (check_group(&text, Wildcards::Allowed), subject) {
            (Ok(()), Ok(subject)) => {
                let wire = subject.wire();
                let verdict = line.subject(&wire, &concrete(&wire)).await;
                assert_eq!(verdict, Verdict::Carried, "{text:?}");
            }
            // A byte or two over, with what is behind it: told when both are known.
            (Ok(()), Err(problem)) => {
                assert!(text.len() > 3070, "{text:?}: {problem}");
            }
            // `a>` is a token to the server, and a group of no sense.
            (Err(problem), Ok(_)) => {
                assert!(problem.message.contains('>'), "{text:?}: {problem}");
            }
            (Err(_), Err(_)) => {}
        }
    }
}

#[tokio::test]
async fn queue_groups_are_those_of_the_server() {
    let broker = Broker::start().await;
    let mut line = Line::open(&broker).await;
    let mut refusals = Refusals::new(vec![
        Reason {
            name: "`>` is no name",
            applies: |text| text.contains('>'),
            says: "white space or `>`",
        },
        Reason {
            name: "white space: what separates the words of a line, and what looks like it",
            applies: has_white_space,
            says: "white space or `>`",
        },
        Reason {
            name: "control characters, which no log shows",
            applies: has_control,
            says: "control characters",
        },
        Reason {
            name: "a line has more than a queue group",
            applies: |text| text.len() > 512,
            says: "at most 512 are allowed",
        },
    ]);
    for text in strings() {
        let verdict = line.queue_group(&text).await;
        match check_queue_group(&text) {
            Ok(()) => assert_eq!(verdict, Verdict::Carried, "{text:?}"),
            // nats-server keeps it for itself; the dev server has nothing to keep it for.
            Err(_) if text == "_sys_" => {}
            Err(problem) if verdict == Verdict::Carried => refusals.explain(&text, &problem),
            Err(_) => {}
        }
    }
    refusals.finish();
}

/// A name is a token of the subjects of discovery, and so is what fills a placeholder.
#[tokio::test]
async fn names_and_tokens_are_tokens_of_the_server() {
    let broker = Broker::start().await;
    let mut line = Line::open(&broker).await;
    let mut refusals = Refusals::new(vec![
        Reason {
            name: "what other implementations do not take (ADR-32)",
            applies: |text| {
                text.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))
            },
            says: "must match",
        },
        Reason {
            name: "a line has more than a name",
            applies: |text| text.len() > 512,
            says: "at most 512 are allowed",
        },
    ]);
    for text in strings() {
        let subject = format!("$SRV.PING.{text}.id");
        let verdict = line.subject(&subject, &subject).await;
        if check_name("name", &text).is_ok() {
            assert_eq!(check_token(&text), Ok(()), "{text:?}");
        }
        // A longer one is refused with the rest of its subject, where that is known.
        if check_token(&text).is_ok() && text.len() <= 4000 {
            assert_eq!(verdict, Verdict::Carried, "{text:?}");
        }
        match check_name("name", &text) {
            Err(problem) if verdict == Verdict::Carried => refusals.explain(&text, &problem),
            _ => {}
        }
    }
    refusals.finish();
}

/// What is accepted is also served: requests arrive with the subject that was asked for.
#[tokio::test]
async fn requests_arrive_with_their_subjects() {
    let broker = Broker::start().await;
    let accepted = |text: &String| {
        let subject = Subject::parse(text, Wildcards::Allowed);
        subject.is_ok_and(|subject| !subject.has_wildcards())
    };
    let subjects: Vec<String> = strings().into_iter().filter(accepted).collect();
    assert!(subjects.len() > 150, "{}", subjects.len());
    let mut builder = ServiceBuilder::new("grammar", "1.0.0");
    for subject in &subjects {
        let echo = async |request: Request| request.context().subject().to_owned();
        builder = builder.endpoint_with(subject, echo, |endpoint| endpoint.name("echo"));
    }
    let _service = builder.start(&broker.client().await).await.unwrap();
    let client = broker.client().await;
    for subject in &subjects {
        let reply = raw::request(&client, subject, "").await;
        assert_eq!(raw::text(&reply), subject);
    }
}

/// `overlaps` against a matcher that is too simple to be wrong, and that against the server.
#[tokio::test]
async fn subjects_overlap_where_the_server_delivers_to_both() {
    let broker = Broker::start().await;
    let mut line = Line::open(&broker).await;
    let mut numbers = Numbers::new();
    let mut patterns: BTreeSet<String> = BTreeSet::new();
    while patterns.len() < 300 {
        let tokens = 1 + numbers.below(4);
        let mut pattern: Vec<&str> = (0..tokens)
            .map(|_| numbers.one(&["a", "b", "a", "b", "*", "*", "a*"]))
            .collect();
        match numbers.below(4) {
            0 => pattern.push(">"),
            1 => pattern.push("b>"),
            _ => {}
        }
        patterns.insert(pattern.join("."));
    }
    // Every subject of up to five tokens: no pattern tells longer ones apart.
    let mut subjects: Vec<String> = vec![String::new()];
    let mut all: Vec<String> = Vec::new();
    for _ in 0..5 {
        let longer = subjects.iter().flat_map(|subject| {
            ["a", "b", "c", "a*", "b>"].map(|token| join([subject.as_str(), token]))
        });
        subjects = longer.collect();
        all.extend(subjects.iter().cloned());
    }

    let patterns: Vec<String> = patterns.into_iter().collect();
    for (sid, pattern) in patterns.iter().enumerate() {
        let came = line.say(&format!("SUB {pattern} {sid}")).await;
        assert!(came.pong && came.errors.is_empty(), "{pattern}: {came:?}");
    }
    for subject in all.iter().filter(|_| numbers.below(8) == 0) {
        let came = line.say(&format!("PUB {subject} 0\r\n")).await;
        let mut to = vec![false; patterns.len()];
        for message in &came.messages {
            to[message.sid.parse::<usize>().unwrap()] = true;
        }
        for (pattern, arrived) in patterns.iter().zip(&to) {
            assert_eq!(matches(pattern, subject), *arrived, "{pattern} {subject}");
        }
    }

    let matched: Vec<BTreeSet<usize>> = patterns
        .iter()
        .map(|pattern| {
            let subjects = all.iter().enumerate();
            let matched = subjects.filter(|(_, subject)| matches(pattern, subject));
            matched.map(|(index, _)| index).collect()
        })
        .collect();
    // With placeholders for some of the stars, which are the same.
    let parsed: Vec<Subject> = patterns
        .iter()
        .map(|pattern| {
            let named = match numbers.below(2) {
                0 if pattern.starts_with("*.") => pattern.replacen('*', "{id}", 1),
                _ => pattern.clone(),
            };
            Subject::parse(&named, Wildcards::Allowed).unwrap()
        })
        .collect();
    let mut overlapping = 0;
    for (one, ours) in parsed.iter().zip(&matched) {
        for (other, theirs) in parsed.iter().zip(&matched) {
            let meet = !ours.is_disjoint(theirs);
            overlapping += usize::from(meet);
            let (left, right) = (one.wire(), other.wire());
            assert_eq!(one.overlaps(other), meet, "{left} and {right}");
        }
    }
    let pairs = patterns.len() * patterns.len();
    assert!(
        overlapping > pairs / 20 && overlapping < pairs / 2,
        "{overlapping} of {pairs}"
    );
}

/// Whether a pattern of the server's matches a subject, token by token.
fn matches(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (None, None) | (Some(">"), Some(_)) => return true,
            (Some("*"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[tokio::test]
async fn headers_arrive_with_their_names() {
    let broker = Broker::start().await;
    // Answers with what it read under the name that the body says, and under that name.
    let _service = ServiceBuilder::new("headers", "1.0.0")
        .endpoint("echo", async |request: Request| {
            let name = std::str::from_utf8(request.payload()).unwrap().to_owned();
            let value = request.context().header(&name).unwrap_or("missing");
            Ok::<_, Error>(Reply::bytes(value.to_owned()).with_header(&name, "out")?)
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let caller = Caller::new(broker.client().await);
    let mut line = Line::open(&broker).await;
    line.say("SUB answers 7").await;
    let mut accepted = 0;
    for text in strings() {
        if let Err(problem) = check_header_name(&text) {
            // ADR-4 allows no more; the server does not look.
            let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b':';
            assert!(text.is_empty() || !text.bytes().all(allowed), "{problem}");
            assert!(Headers::new().insert(&text, "in").is_err(), "{text:?}");
            let call = caller.call::<_, (), Error>("echo", ());
            let refused = call.header(&text, "in").await;
            assert!(
                matches!(refused, Err(CallError::Request { .. })),
                "{text:?}"
            );
            continue;
        }
        accepted += 1;
        let block = format!("NATS/1.0\r\n{text}: in\r\n\r\n");
        let (headers, all) = (block.len(), block.len() + text.len());
        let request = format!("HPUB echo answers {headers} {all}\r\n{block}{text}\r\n");
        line.send(&request).await;
        let arrived = line.message().await;
        let block = format!("NATS/1.0\r\n{text}: out\r\n\r\n");
        assert_eq!(String::from_utf8_lossy(&arrived.headers), block, "{text:?}");
        assert_eq!(arrived.body, b"in", "{text:?}");
    }
    assert!(accepted > 20, "{accepted}");
}

/// A line that is too long would end the connection, and with it whatever else goes over it.
#[tokio::test]
async fn nothing_that_is_sent_makes_a_line_too_long() {
    let broker = Broker::start().await;
    let (serving, calling) = (broker.client().await, broker.client().await);
    let service = ServiceBuilder::new("long", "1.0.0")
        .endpoint("long.>", async |_: Request| {
            let value = "x".repeat(1000);
            Ok::<_, Error>(Reply::bytes(value.clone()).with_header("X-Long", &value)?)
        })
        .start(&serving)
        .await
        .unwrap();
    let caller = Caller::new(calling.clone());
    let mut line = Line::open(&broker).await;
    let mut arrived = 0;
    // From what is taken by all to what is taken by none.
    for length in 3900..4150 {
        let token = "x".repeat(length);
        // What a user of a client says in a placeholder.
        let call = Outgoing::new(&caller, "long.{token}")
            .placeholder("token", &token)
            .call::<(), Error>();
        match call.await {
            // The reply is no JSON.
            Err(CallError::Decode { .. }) => arrived += 1,
            Err(CallError::Transport { source, .. }) => {
                assert!(matches!(source, PublishError::SubjectTooLong { .. }));
                assert!(length > 3950, "{length}");
            }
            other => panic!("{length}: {other:?}"),
        }
        // What a stranger names for the reply: the answer to it has the longer line.
        let came = line.say(&format!("PUB long.x {token} 0\r\n")).await;
        if came.pong {
            arrived += 1;
        } else {
            line.reopen().await;
        }
    }
    raw::until("every request", async || {
        service.stats().endpoints[0].num_requests == arrived
    })
    .await;
    for client in [&serving, &calling] {
        raw::round_trip(client).await;
        assert_eq!(client.statistics().connects.load(Ordering::Relaxed), 1);
    }
}
