//! What a server answers to bytes, in a form in which two servers can be compared.

use crate::support::{HANG, Raw};
use micro_devserver::DevServer;

/// What a connection that sends these packets reads until its end, and what another one sees of it
/// that is subscribed to everything.
pub(crate) async fn answers(port: u16, packets: &[&[u8]]) -> (Vec<String>, Vec<String>) {
    let mut observer = Raw::silent(port).await;
    observer
        .send("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB > 1\r\n")
        .await;
    assert_eq!(observer.settle().await, [""; 0]);
    let mut client = Raw::silent(port).await;
    for packet in packets {
        if !client.try_send(packet).await {
            break;
        }
        // Not more than a hint that packets should stay apart; the answers do not depend on it.
        tokio::task::yield_now().await;
    }
    client.finish().await;
    let own = frames(&client.rest_bytes().await);
    observer.send("PING\r\n-ERR 'done'\r\n").await;
    (own, frames(&observer.rest_bytes().await))
}

/// The frames in an answer, as text. What nats-server leaves to chance is made one: the order of
/// subscriptions that get the same message, and which of several is told that nobody does.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    let mut order = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let (line, rest) = (&bytes[..end], &bytes[end + 2..]);
        let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
        let is_message = matches!(words[0], b"MSG" | b"HMSG");
        let payload = if is_message {
            let size = String::from_utf8_lossy(words.last().unwrap());
            size.parse::<usize>().unwrap() + 2
        } else {
            0
        };
        let (payload, rest) = rest.split_at(payload.min(rest.len()));
        bytes = rest;
        let mut words: Vec<_> = words
            .iter()
            .map(|word| word.escape_ascii().to_string())
            .collect();
        if payload.starts_with(b"NATS/1.0 503\r\n") {
            words[2] = "any".into();
        }
        if line.starts_with(b"INFO {") {
            words = vec!["INFO".into()];
        }
        let frame = format!("{} | {}", words.join(" "), payload.escape_ascii());
        let complaint = frame.starts_with("-ERR 'Invalid Publish Subject'");
        if complaint && frames.last() == Some(&frame) {
            // Once a publication or once a packet: a known difference.
            continue;
        }
        if is_message {
            words[2].clear();
        }
        let alike = (is_message, words, payload.to_vec());
        // Adjacent copies of one message are sorted as they come.
        let from = order.iter().rposition(|other| *other != alike);
        let from = if is_message {
            from.map_or(0, |at| at + 1)
        } else {
            frames.len()
        };
        let at = from + frames[from..].partition_point(|other| *other <= frame);
        frames.insert(at, frame);
        order.push(alike);
    }
    if !bytes.is_empty() {
        frames.push(bytes.escape_ascii().to_string());
    }
    frames
}

/// That a server still serves: a request gets its answer.
pub(crate) async fn serves(server: &DevServer) {
    let asking = async {
        let mut client = Raw::silent(server.port()).await;
        client
            .send("CONNECT {\"verbose\":false}\r\nSUB still.there 1\r\nPUB still.there 2\r\nhi\r\n")
            .await;
        assert_eq!(client.settle().await, ["MSG still.there 1 2", "hi"]);
    };
    tokio::time::timeout(HANG, asking).await.expect("no answer");
}
