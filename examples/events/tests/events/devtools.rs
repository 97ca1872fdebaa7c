//! A browser, told what to do over its own protocol (Chrome DevTools): a WebSocket with JSON on it, of
//! which this is as little as tests need.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::soon;

/// Whether the tests fail where there is no browser.
const REQUIRED: &str = "MICRO_TEST_CHROMIUM";

/// Of a frame of a WebSocket: that there is a mask, and that its length has two bytes, or eight.
const MASKED: u8 = 0x80;
const WIDE: u8 = 0x7e;
const WIDEST: u8 = 0x7f;

/// A browser without a window. It goes with its test, and so does what it keeps.
pub(crate) struct Browser {
    /// Where it is asked for pages.
    address: String,
    folder: PathBuf,
    _process: Child,
}

impl Browser {
    /// A browser, or nothing and a word where there is none.
    pub(crate) async fn start() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("micro-browser-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let spawned = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", folder.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut process = match spawned {
            Ok(process) => process,
            Err(error) => {
                let required = std::env::var_os(REQUIRED).is_some_and(|value| value == "required");
                assert!(!required, "chromium: {error}");
                println!("not run in a browser: chromium: {error}");
                return None;
            }
        };
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = soon(log.next_line())
                .await
                .unwrap()
                .expect("the browser has ended");
            if let Some((_, address)) = line.split_once("DevTools listening on ws://") {
                let (address, _) = address.split_once('/').unwrap();
                break address.to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Some(Self {
            address,
            folder,
            _process: process,
        })
    }

    /// Opens a page.
    pub(crate) async fn open(&self, page: &str) -> Page {
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "PUT /json/new?{page} HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.address
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut socket = BufReader::new(socket);
        let length = head_of(&mut socket).await;
        let mut body = vec![0; length];
        soon(socket.read_exact(&mut body)).await.unwrap();
        let target: Value = serde_json::from_slice(&body).unwrap();
        Page::connect(target["webSocketDebuggerUrl"].as_str().unwrap()).await
    }
}

/// Reads the head of an answer, after which the browser goes on listening, and gives its body's length.
async fn head_of(socket: &mut BufReader<TcpStream>) -> usize {
    let mut length = 0;
    loop {
        let mut line = String::new();
        soon(socket.read_line(&mut line)).await.unwrap();
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            return length;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may still be writing there.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A page in it.
pub(crate) struct Page {
    socket: BufReader<TcpStream>,
    asked: u64,
}

impl Page {
    async fn connect(url: &str) -> Self {
        let (host, path) = url.trim_start_matches("ws://").split_once('/').unwrap();
        let mut socket = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut socket = BufReader::new(socket);
        head_of(&mut socket).await;
        Self { socket, asked: 0 }
    }

    /// What a promise in the page comes to.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.tell("Runtime.evaluate", &params).await;
        match (&answer["error"], &answer["result"]["exceptionDetails"]) {
            (Value::Null, Value::Null) => Ok(answer["result"]["result"]["value"].clone()),
            (Value::Null, thrown) => Err(thrown.to_string()),
            (error, _) => Err(error.to_string()),
        }
    }

    /// Waits until something is so in the page, by its own word whenever it changes, and gives a value.
    pub(crate) async fn until(&mut self, is_so: &str, value: &str) -> Value {
        let waiting = format!(
            "new Promise((done) => {{
                const look = () => {{ if ({is_so}) {{ changes.disconnect(); done({value}); }} }};
                const changes = new MutationObserver(look);
                changes.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                look();
            }})"
        );
        let waited = async {
            loop {
                match self.evaluate(&waiting).await {
                    Ok(value) => return value,
                    // It was still on its way to the page.
                    Err(error) if error.contains("navigated") || error.contains("context") => {}
                    Err(error) => panic!("{error}"),
                }
            }
        };
        soon(waited).await
    }

    async fn tell(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let command = json!({"id": self.asked, "method": method, "params": params});
        self.write(command.to_string().as_bytes()).await;
        loop {
            let said: Value = serde_json::from_slice(&self.read().await).unwrap();
            if said["id"] == self.asked {
                return said;
            }
        }
    }

    /// One frame of text, with a mask of nothing.
    async fn write(&mut self, text: &[u8]) {
        let mut frame = vec![0x81];
        match u16::try_from(text.len()).unwrap() {
            length @ ..126 => frame.push(MASKED | u8::try_from(length).unwrap()),
            length => {
                frame.push(MASKED | WIDE);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text);
        self.socket.write_all(&frame).await.unwrap();
    }

    /// The text of the next message.
    async fn read(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        loop {
            let [first, length] = [self.byte().await, self.byte().await];
            let wide = match length & !MASKED {
                WIDE => 2,
                WIDEST => 8,
                _ => 0,
            };
            let mut size = u64::from(length & !MASKED);
            if wide > 0 {
                size = 0;
                for _ in 0..wide {
                    size = size << 8 | u64::from(self.byte().await);
                }
            }
            let from = text.len();
            text.resize(from + usize::try_from(size).unwrap(), 0);
            soon(self.socket.read_exact(&mut text[from..]))
                .await
                .unwrap();
            // The last part of it.
            if first & 0x80 != 0 {
                return text;
            }
        }
    }

    async fn byte(&mut self) -> u8 {
        soon(self.socket.read_u8()).await.unwrap()
    }
}
