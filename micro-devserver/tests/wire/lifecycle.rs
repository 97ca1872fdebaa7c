//! Starting and ending.

use crate::support::Raw;
use micro_devserver::{DevServer, StartError};
use tokio::net::TcpStream;

#[tokio::test]
async fn the_url_is_where_it_listens() {
    let server = DevServer::start().await.unwrap();
    assert_ne!(server.port(), 0);
    assert_eq!(server.url(), format!("nats://127.0.0.1:{}", server.port()));
    Raw::connect(&server).await;
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let server = DevServer::start().await.unwrap();
    let port = server.port();
    let error = DevServer::builder().port(port).start().await.unwrap_err();
    assert!(
        matches!(error, StartError::PortTaken { port: taken, .. } if taken == port),
        "{error:?}"
    );
    assert!(error.to_string().contains(&format!("`{port}`")), "{error}");
    // The server that has it does not notice.
    Raw::connect(&server).await;
}

#[tokio::test]
async fn dropped_it_closes_everything() {
    let server = DevServer::start().await.unwrap();
    let port = server.port();
    let mut clients = [Raw::silent(port).await, Raw::connect(&server).await];
    drop(server);
    for client in &mut clients {
        assert_eq!(client.rest().await, "");
    }
    // The listener goes before the connections.
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_it_is_down_and_the_port_free() {
    let server = DevServer::start().await.unwrap();
    let port = server.port();
    for _ in 0..10 {
        let server = DevServer::builder().port(port).start().await;
        assert!(server.is_err(), "the port is in use");
    }
    let mut client = Raw::connect(&server).await;
    server.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    assert_eq!(client.rest().await, "");
    let server = DevServer::builder().port(port).start().await.unwrap();
    Raw::connect(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn many_servers_do_not_know_each_other() {
    let (one, two) = (
        DevServer::start().await.unwrap(),
        DevServer::start().await.unwrap(),
    );
    let (mut first, mut second) = (Raw::connect(&one).await, Raw::connect(&two).await);
    second.send("SUB apart 1\r\n").await;
    assert!(second.settle().await.is_empty());
    first.send("PUB apart 0\r\n\r\n").await;
    assert!(first.settle().await.is_empty());
    assert!(second.settle().await.is_empty());
}

#[tokio::test]
async fn who_leaves_is_forgotten() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::connect(&server).await;
    client.send("SUB gone.reply 1\r\n").await;
    let mut leaving = Raw::connect(&server).await;
    leaving.send("SUB gone 1\r\nSUB gone q 2\r\n").await;
    assert!(leaving.settle().await.is_empty());
    drop(leaving);
    loop {
        client.send("PUB gone gone.reply 0\r\n\r\n").await;
        if client
            .settle()
            .await
            .first()
            .is_some_and(|line| line.starts_with("HMSG gone.reply 1 "))
        {
            break;
        }
    }
}
