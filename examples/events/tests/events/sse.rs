//! As much of server-sent events as a browser knows, over plain TCP.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::soon;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// Somebody who looks.
pub(crate) struct Stream {
    lines: BufReader<TcpStream>,
}

impl Stream {
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_with(url, "").await
    }

    /// Comes back, and knows what it has seen.
    pub(crate) async fn open_after(url: &str, id: &str) -> Self {
        Self::open_with(url, &format!("Last-Event-ID: {id}\r\n")).await
    }

    async fn open_with(url: &str, headers: &str) -> Self {
        let host = url.trim_start_matches("http://");
        let mut socket = TcpStream::connect(host).await.unwrap();
        // Of this version, so that the body comes as it is.
        let head = format!("GET /events HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self {
            lines: BufReader::new(socket),
        };
        let status = stream.line().await.unwrap();
        assert!(status.contains(" 200 "), "{status}");
        let mut is_stream = false;
        loop {
            match stream.line().await.unwrap().as_str() {
                "" => break,
                line => is_stream |= line.to_lowercase() == "content-type: text/event-stream",
            }
        }
        assert!(is_stream);
        stream
    }

    /// One that sees what is published from now on.
    pub(crate) async fn live(url: &str) -> Self {
        let mut stream = Self::open(url).await;
        stream.is("nats", "connected").await;
        stream
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match soon(self.lines.read_line(&mut line)).await {
            Ok(1..) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            _ => None,
        }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Sent> {
        let mut sent = Sent::default();
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("event", kind)) => kind.clone_into(&mut sent.kind),
                Some(("id", id)) => sent.id = Some(id.to_owned()),
                Some(("data", data)) => sent.data.push_str(data),
                _ if line.is_empty() && !sent.kind.is_empty() => return Some(sent),
                _ => {}
            }
        }
    }

    pub(crate) async fn is(&mut self, kind: &str, data: &str) {
        let sent = self.next().await.unwrap();
        assert_eq!((sent.kind.as_str(), sent.data.as_str()), (kind, data));
    }

    /// The next headline, and its id.
    pub(crate) async fn headline(&mut self) -> (String, String) {
        let sent = self.next().await.unwrap();
        assert_eq!(sent.kind, "news", "{sent:?}");
        (crate::title(&sent.data), sent.id.unwrap())
    }
}
