//! What the server says to one client: INFO, verbose, headers, errors, and input that is not NATS.

use crate::support::{CONNECT, Numbers, Raw};
use micro_devserver::DevServer;

#[tokio::test]
async fn info_says_what_is_there() {
    let server = DevServer::builder()
        .max_payload(5000)
        .start()
        .await
        .unwrap();
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap();
    let mut text = Vec::new();
    tokio::io::AsyncWriteExt::write_all(
        &mut socket,
        format!("{CONNECT}\r\nPING\r\n-ERR 'bye'\r\n").as_bytes(),
    )
    .await
    .unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut text)
        .await
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let info = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line.strip_prefix("INFO ").unwrap()).unwrap()
    };
    let (first, second) = (info(lines[0]), info(lines[2]));
    assert_eq!(lines[1], "PONG");
    assert_eq!(lines.len(), 3);
    assert_eq!(first["server_name"], "micro-dev-server");
    assert_eq!(first["version"], "2.15.1");
    assert_eq!(first["proto"], 1);
    assert_eq!(first["headers"], true);
    assert_eq!(first["max_payload"], 5000);
    assert_eq!(first["host"], "127.0.0.1");
    assert_eq!(first["port"], server.port());
    assert_eq!(first["client_ip"], "127.0.0.1");
    assert_eq!(first["client_id"], 1);
    assert_eq!(first.get("connect_info"), None);
    assert_eq!(second["connect_info"], true);
    assert_eq!(second["server_id"], first["server_id"]);
}

#[tokio::test]
async fn an_old_client_gets_one_info() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::silent(server.port()).await;
    client
        .send("CONNECT {\"verbose\":false,\"protocol\":0}\r\nPING\r\nPING\r\n")
        .await;
    client.expect("PONG\r\nPONG\r\n").await;
}

#[tokio::test]
async fn verbose_confirms_everything() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::silent(server.port()).await;
    client.send("CONNECT {\"verbose\":true}\r\nSUB verbose 1\r\nPUB verbose 2\r\nhi\r\nUNSUB 1\r\nUNSUB 9\r\nPING\r\n").await;
    client
        .expect("+OK\r\n+OK\r\n+OK\r\nMSG verbose 1 2\r\nhi\r\n+OK\r\n+OK\r\nPONG\r\n")
        .await;
}

#[tokio::test]
async fn packets_of_one_byte_are_a_conversation() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::connect(&server).await;
    let script = "SUB one.* 1\r\nPUB one.byte 5\r\nhe\r\no\r\nHPUB one.byte reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB 1\r\nPING\r\n";
    for byte in script.as_bytes().chunks(1) {
        client.send_bytes(byte).await;
        tokio::task::yield_now().await;
    }
    client
        .expect("MSG one.byte 1 5\r\nhe\r\no\r\nHMSG one.byte 1 reply 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPONG\r\n")
        .await;
}

#[tokio::test]
async fn a_client_without_headers_gets_the_body() {
    let server = DevServer::start().await.unwrap();
    let mut old = Raw::connect_with(&server, "CONNECT {\"verbose\":false}").await;
    old.send("SUB headers 1\r\n").await;
    assert!(old.settle().await.is_empty());
    let mut new = Raw::connect(&server).await;
    new.send("HPUB headers 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n")
        .await;
    assert!(new.settle().await.is_empty());
    old.expect("MSG headers 1 2\r\nhi\r\n").await;
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_its_connection_alone() {
    let server = DevServer::start().await.unwrap();
    let mut bystander = Raw::connect(&server).await;
    bystander.send("SUB calm 1\r\n").await;
    for (input, answer) in [
        (
            "GET / HTTP/1.1\r\n\r\n",
            "-ERR 'Unknown Protocol Operation'\r\n",
        ),
        ("\0\0\0\0", "-ERR 'Unknown Protocol Operation'\r\n"),
        ("SUB\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
        (
            "PUB calm 2\r\nhello\r\n",
            "-ERR 'Unknown Protocol Operation'\r\n",
        ),
        ("PUB calm -1\r\n", ""),
        ("PUB calm\r\n", ""),
        ("HPUB calm 5 3\r\n", ""),
        ("SUB a b c d\r\n", ""),
        ("CONNECT {\r\n", ""),
        (
            "CONNECT {\"protocol\":9}\r\n",
            "-ERR 'invalid client protocol'\r\n",
        ),
        ("-ERR 'no'\r\n", ""),
    ] {
        let mut client = Raw::connect(&server).await;
        client.send(input).await;
        assert_eq!(client.rest().await, answer, "{input:?}");
        bystander.send("PUB calm 2\r\nhi\r\n").await;
        bystander.expect("MSG calm 1 2\r\nhi\r\n").await;
    }
}

#[tokio::test]
async fn noise_hurts_nobody() {
    let server = DevServer::start().await.unwrap();
    let mut bystander = Raw::connect(&server).await;
    bystander.send("SUB calm 1\r\n").await;
    let words = [
        "PUB ", "HPUB ", "SUB ", "UNSUB ", "CONNECT ", "PING", "a.b", "*", ">", ".", " ", "1",
        "99", "\r", "\n", "\r\n", "{", "}", "\"", "\0", "\u{ff}",
    ];
    let mut numbers = Numbers(7);
    for _ in 0..300 {
        let mut client = Raw::connect(&server).await;
        let noise: String = (0..numbers.below(40))
            .map(|_| words[numbers.below(words.len())])
            .collect();
        client.try_send(noise.as_bytes()).await;
        drop(client);
        bystander.send("PUB calm 2\r\nhi\r\n").await;
        while bystander.line().await != "MSG calm 1 2" {}
        bystander.expect("hi\r\n").await;
    }
}
