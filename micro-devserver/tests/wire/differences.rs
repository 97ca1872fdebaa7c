//! What is listed as different and no script can show: see the crate's documentation.

use std::collections::BTreeSet;

use crate::real::RealServer;
use crate::support::Raw;
use micro_devserver::DevServer;
use serde_json::Value;

const CONNECT: &str = r#"CONNECT {"verbose":false,"pedantic":false,"protocol":1,"headers":true,"no_responders":true}"#;

/// The names in both INFOs of a connection.
async fn info_fields(port: u16) -> [BTreeSet<String>; 2] {
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
    let mut client = Raw::over(socket.unwrap());
    client.send(&format!("{CONNECT}\r\nPING\r\n")).await;
    let mut infos = Vec::new();
    while infos.len() < 2 {
        if let Some(info) = client.line().await.strip_prefix("INFO ") {
            let info: Value = serde_json::from_str(info).unwrap();
            infos.push(info.as_object().unwrap().keys().cloned().collect());
        }
    }
    infos.try_into().unwrap()
}

#[tokio::test]
async fn info_has_the_fields_of_nats_server_but_some() {
    let server = DevServer::start().await.unwrap();
    let [first, second] = info_fields(server.port()).await;
    for absent in ["git_commit", "xkey", "api_lvl", "remote_account"] {
        assert!(!first.contains(absent) && !second.contains(absent));
    }
    if let Some(nats) = RealServer::start() {
        let [there_first, there_second] = info_fields(nats.port).await;
        let missing = |there: &BTreeSet<String>, here| -> Vec<String> {
            there.symmetric_difference(here).cloned().collect()
        };
        assert_eq!(
            missing(&there_first, &first),
            ["api_lvl", "git_commit", "xkey"]
        );
        assert_eq!(
            missing(&there_second, &second),
            ["api_lvl", "git_commit", "remote_account", "xkey"]
        );
    }
}

/// The system account answers some requests of every client.
#[tokio::test]
async fn nobody_answers_for_the_system() {
    let request = format!("{CONNECT}\r\nSUB r 1\r\nPUB $SYS.REQ.USER.INFO r 0\r\n\r\n");
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::silent(server.port()).await;
    client.send(&request).await;
    assert_eq!(client.line().await, "HMSG r 1 50 50");
    if let Some(nats) = RealServer::start() {
        let mut client = Raw::silent(nats.port).await;
        client.send(&request).await;
        assert!(client.line().await.starts_with("MSG r 1 "));
    }
}

/// In what order a client's subscriptions get a message that reaches two of them.
async fn orders(port: u16) -> BTreeSet<Vec<String>> {
    let mut client = Raw::silent(port).await;
    let mut orders = BTreeSet::new();
    client.send("CONNECT {\"verbose\":false}\r\n").await;
    for _ in 0..100 {
        client
            .send("SUB order 1\r\nSUB order 2\r\nPUB order 0\r\n\r\nUNSUB 1\r\nUNSUB 2\r\n")
            .await;
        orders.insert(client.settle().await);
    }
    orders
}

#[tokio::test]
async fn the_order_of_subscriptions_is_no_chance() {
    let server = DevServer::start().await.unwrap();
    assert_eq!(orders(server.port()).await.len(), 1);
    if let Some(nats) = RealServer::start() {
        assert_eq!(orders(nats.port).await.len(), 2);
    }
}

#[tokio::test]
async fn nats_server_measures_the_round_trip() {
    if let Some(nats) = RealServer::start() {
        let mut client = Raw::silent(nats.port).await;
        client.send(&format!("{CONNECT}\r\n")).await;
        assert_eq!(client.line().await, "PING");
    }
}
