//! A client that sends and reads bytes. Every read waits for what must come; the one timeout only
//! turns a test that would hang into one that fails.

use std::time::Duration;

use micro_devserver::DevServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Past this a test counts as hanging.
pub(crate) const HANG: Duration = Duration::from_mins(1);

/// What a modern client library asks for.
pub(crate) const CONNECT: &str = r#"CONNECT {"verbose":false,"pedantic":false,"protocol":1,"headers":true,"no_responders":true}"#;

pub(crate) struct Raw {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Raw {
    /// A connection that has its INFO before it.
    pub(crate) fn over(socket: TcpStream) -> Self {
        let unread = Vec::new();
        Self { socket, unread }
    }

    /// A connection that read its INFO and said nothing.
    pub(crate) async fn silent(port: u16) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut raw = Self::over(socket);
        let info = raw.line().await;
        assert!(info.starts_with("INFO {"), "{info}");
        raw
    }

    /// A connection that introduced itself and has the second INFO behind it.
    pub(crate) async fn connect(server: &DevServer) -> Self {
        Self::connect_with(server, CONNECT).await
    }

    pub(crate) async fn connect_with(server: &DevServer, connect: &str) -> Self {
        let mut raw = Self::silent(server.port()).await;
        raw.send(&format!("{connect}\r\nPING\r\n")).await;
        while raw.line().await != "PONG" {}
        if connect.contains(r#""protocol":1"#) {
            assert!(raw.line().await.starts_with("INFO {"));
        }
        raw
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Sends to a server that may have closed the connection.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok()
    }

    /// The next line without its end.
    pub(crate) async fn line(&mut self) -> String {
        let line = self.next_line().await;
        let line = line
            .unwrap_or_else(|| panic!("closed after {:?}", String::from_utf8_lossy(&self.unread)));
        String::from_utf8_lossy(&line).into_owned()
    }

    /// The next line without its end, or `None` at the end of the connection.
    pub(crate) async fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let line = self.unread[..end].to_vec();
                self.unread.drain(..end + 2);
                return Some(line);
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// Reads exactly these bytes.
    pub(crate) async fn expect(&mut self, text: &str) {
        while self.unread.len() < text.len() {
            assert!(
                self.read().await,
                "closed after {:?}",
                String::from_utf8_lossy(&self.unread)
            );
        }
        let read: Vec<u8> = self.unread.drain(..text.len()).collect();
        assert_eq!(String::from_utf8_lossy(&read), text);
    }

    /// What came before the answer to a PING sent now: everything that earlier commands of this
    /// connection caused.
    pub(crate) async fn settle(&mut self) -> Vec<String> {
        self.send("PING\r\n").await;
        let mut lines = Vec::new();
        loop {
            match self.line().await {
                line if line == "PONG" => return lines,
                line => lines.push(line),
            }
        }
    }

    /// The text up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        String::from_utf8_lossy(&self.rest_bytes().await).into_owned()
    }

    /// The bytes up to the end of the connection.
    pub(crate) async fn rest_bytes(&mut self) -> Vec<u8> {
        while self.read().await {}
        std::mem::take(&mut self.unread)
    }

    /// Sends no more; what was sent is carried out, and then the server ends the connection too.
    pub(crate) async fn finish(&mut self) {
        // Where the server was faster, there is nothing to end.
        let _ = self.socket.shutdown().await;
    }

    /// Reads more. `false` at the end, be it orderly or not.
    async fn read(&mut self) -> bool {
        let read = tokio::time::timeout(HANG, self.socket.read_buf(&mut self.unread)).await;
        matches!(read.expect("the server is silent"), Ok(1..))
    }
}

/// Numbers that look random and are the same every time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}
