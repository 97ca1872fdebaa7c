//! Input from those who mean no good, or speak something else. None of it panics, and two clients
//! that talk meanwhile do not notice.

use std::net::Shutdown;

use crate::answers::serves;
use crate::panics::Panics;
use crate::support::{Numbers, Raw};
use micro_devserver::DevServer;
use tokio::net::TcpStream;

/// Two clients that talk: each message must arrive, and nothing else.
struct Bystanders {
    speaker: Raw,
    listener: Raw,
    count: usize,
}

impl Bystanders {
    async fn new(server: &DevServer) -> Self {
        let (speaker, mut listener) = (Raw::connect(server).await, Raw::connect(server).await);
        listener.send("SUB calm.talk 1\r\n").await;
        assert!(listener.settle().await.is_empty());
        let count = 0;
        Self {
            speaker,
            listener,
            count,
        }
    }

    async fn talk(&mut self) {
        self.count += 1;
        let text = format!("{:08}", self.count);
        self.speaker
            .send(&format!("PUB calm.talk 8\r\n{text}\r\n"))
            .await;
        self.listener
            .expect(&format!("MSG calm.talk 1 8\r\n{text}\r\n"))
            .await;
    }
}

/// Sends each input on a connection of its own, then closes it in one of three ways.
async fn suffer(server: &DevServer, inputs: impl IntoIterator<Item = Vec<u8>>) {
    let panics = Panics::watch();
    let mut bystanders = Bystanders::new(server).await;
    for (number, input) in inputs.into_iter().enumerate() {
        let mut client = Raw::silent(server.port()).await;
        client.try_send(&input).await;
        match number % 3 {
            0 => drop(client),
            1 => client.finish().await,
            _ => {
                client.finish().await;
                client.rest_bytes().await;
            }
        }
        bystanders.talk().await;
        panics.none(&input[..input.len().min(200)].escape_ascii().to_string());
    }
    serves(server).await;
    // Everything that was abused is gone.
    drop(bystanders);
    gone(server).await;
    panics.none("after all");
}

async fn gone(server: &DevServer) {
    while server.stats().connections > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.stats().subscriptions, 0);
    assert_eq!(server.stats().pending_bytes, 0);
}

#[tokio::test]
async fn binary_garbage() {
    let server = DevServer::start().await.unwrap();
    let mut numbers = Numbers(11);
    let garbage: Vec<Vec<u8>> = (0..200)
        .map(|_| {
            let length = numbers.below(600);
            (0..length)
                .map(|_| numbers.below(256).try_into().unwrap())
                .collect()
        })
        .collect();
    suffer(&server, garbage).await;
}

#[tokio::test]
async fn half_frames() {
    let server = DevServer::start().await.unwrap();
    let whole = b"CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB half.> q 1\r\nHPUB half.a half.b 12 20\r\nNATS/1.0\r\n\r\nhalf\r\n hi\r\nUNSUB 1 5\r\nPING\r\n";
    suffer(&server, (0..whole.len()).map(|end| whole[..end].to_vec())).await;
}

#[tokio::test]
async fn giant_lines() {
    let server = DevServer::start().await.unwrap();
    let giant = vec![b'x'; 1024 * 1024];
    let starts = [
        "PUB ",
        "SUB ",
        "CONNECT {\"name\":\"",
        "PING",
        "UNSUB ",
        "INFO ",
        "-ERR ",
        "+OK",
        "x",
        "PUB a 99999999999",
    ];
    let lines = starts
        .iter()
        .map(|start| [start.as_bytes(), &giant].concat());
    let blanks = ["PUB", "CONNECT", "PING"]
        .iter()
        .map(|start| [start.as_bytes(), &vec![b' '; 1024 * 1024]].concat());
    suffer(&server, lines.chain(blanks)).await;
}

#[tokio::test]
async fn bombs_of_headers_and_tokens() {
    let server = DevServer::start().await.unwrap();
    let hello = "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB bomb.> 1\r\n";
    let lines = format!("NATS/1.0\r\n{}\r\n", "A: b\r\n".repeat(100_000));
    let long = format!("NATS/1.0\r\nA: {}\r\n\r\n", "b".repeat(1_000_000));
    let bombs = [lines, long, "\r\n".repeat(500_000), "\0".repeat(1_048_576)].map(|headers| {
        format!(
            "{hello}HPUB bomb.x {0} {0}\r\n{headers}\r\nPING\r\n",
            headers.len()
        )
    });
    let deep = format!("{}x", "a.".repeat(2000));
    let tokens = [
        format!(
            "SUB {deep} 1\r\nSUB {} 2\r\nPUB {deep} 0\r\n\r\n",
            deep.replace('a', "*")
        ),
        (0..5000)
            .map(|sid| format!("SUB *.{sid}.> {sid}\r\n"))
            .collect::<Vec<_>>()
            .concat(),
        format!("CONNECT {}{}\r\n", "[".repeat(4000), "]".repeat(80)),
        format!(
            "CONNECT {{\"x\":{}1{}}}\r\n",
            "[".repeat(2000),
            "]".repeat(2000)
        ),
    ];
    suffer(
        &server,
        bombs.into_iter().chain(tokens).map(String::into_bytes),
    )
    .await;
}

#[tokio::test]
async fn five_hundred_who_say_nothing() {
    let server = DevServer::start().await.unwrap();
    let panics = Panics::watch();
    let mut bystanders = Bystanders::new(&server).await;
    let mut silent = Vec::new();
    for number in 0..500 {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port()))
            .await
            .unwrap();
        // Some begin a handshake and do not go on; none reads.
        if number % 2 == 0 {
            tokio::io::AsyncWriteExt::write_all(&mut socket, b"CONNECT {\"verb")
                .await
                .unwrap();
        }
        silent.push(socket);
        if number % 10 == 0 {
            bystanders.talk().await;
        }
    }
    while server.stats().connections < 502 {
        bystanders.talk().await;
    }
    for (number, socket) in silent.into_iter().enumerate() {
        if number % 3 == 0 {
            socket.into_std().unwrap().shutdown(Shutdown::Both).unwrap();
        }
    }
    while server.stats().connections > 2 {
        bystanders.talk().await;
    }
    serves(&server).await;
    panics.none("silence");
}
