//! What a client may not do, and that only it bears the consequence.

use std::time::Duration;

use crate::support::{CONNECT, HANG, Raw};
use micro_devserver::DevServer;

#[tokio::test]
async fn a_payload_over_the_limit_ends_the_connection_and_one_at_it_does_not() {
    let server = DevServer::builder()
        .max_payload(1000)
        .start()
        .await
        .unwrap();
    let mut client = Raw::connect(&server).await;
    let body = "x".repeat(1000);
    client
        .send(&format!("SUB big 1\r\nPUB big 1000\r\n{body}\r\n"))
        .await;
    client
        .expect(&format!("MSG big 1 1000\r\n{body}\r\n"))
        .await;
    // Headers count.
    client
        .send(&format!("HPUB big 12 1001\r\nNATS/1.0\r\n\r\n{body}\r\n"))
        .await;
    assert_eq!(client.rest().await, "-ERR 'Maximum Payload Violation'\r\n");
}

#[tokio::test]
async fn a_refusal_is_read_although_the_payload_was_sent() {
    let server = DevServer::start().await.unwrap();
    for _ in 0..5 {
        let mut client = Raw::connect(&server).await;
        // More than the sockets hold: it can only be sent if the server reads on.
        let body = vec![b'x'; 16 * 1024 * 1024];
        client.send(&format!("PUB big {}\r\n", body.len())).await;
        client.send_bytes(&body).await;
        assert_eq!(client.rest().await, "-ERR 'Maximum Payload Violation'\r\n");
    }
}

#[tokio::test]
async fn a_control_line_has_a_limit() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::connect(&server).await;
    let longest = "s".repeat(4096 - 2);
    client
        .send(&format!("SUB {longest} 1\r\nPUB {longest} 0\r\n\r\n"))
        .await;
    client.expect(&format!("MSG {longest} 1 0\r\n\r\n")).await;
    client.send(&format!("SUB {longest}s 1\r\n")).await;
    assert_eq!(
        client.rest().await,
        "-ERR 'maximum control line exceeded'\r\n"
    );
}

#[tokio::test]
async fn a_silent_client_is_asked_and_then_left() {
    let server = DevServer::builder()
        .ping_interval(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let mut client = Raw::silent(server.port()).await;
    assert_eq!(
        client.rest().await,
        "PING\r\nPING\r\n-ERR 'Stale Connection'\r\n"
    );
}

#[tokio::test]
async fn a_client_that_answers_stays() {
    let server = DevServer::builder()
        .ping_interval(Duration::from_millis(200))
        .start()
        .await
        .unwrap();
    let mut client = Raw::connect(&server).await;
    for _ in 0..3 {
        client.expect("PING\r\n").await;
        client.send("PONG\r\n").await;
    }
    // Another PING may have come by now, and nothing else.
    assert!(client.settle().await.iter().all(|line| line == "PING"));
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_for_its_bytes() {
    let server = DevServer::builder()
        .max_pending(1024 * 1024)
        .write_deadline(Duration::from_hours(1))
        .start();
    flood_one_that_does_not_read(&server.await.unwrap()).await;
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_for_its_time() {
    let server = DevServer::builder()
        .write_deadline(Duration::from_millis(50))
        .start();
    flood_one_that_does_not_read(&server.await.unwrap()).await;
}

/// Sends requests to one that never reads, until a 503 says that it is gone; meanwhile others talk
/// undisturbed.
async fn flood_one_that_does_not_read(server: &DevServer) {
    let mut deaf = Raw::connect(server).await;
    deaf.send("SUB flood 1\r\n").await;
    assert!(deaf.settle().await.is_empty());
    let mut bystander = Raw::connect(server).await;
    bystander.send("SUB calm 1\r\n").await;
    assert!(bystander.settle().await.is_empty());

    let mut publisher = Raw::connect(server).await;
    publisher.send("SUB gone 1\r\n").await;
    // First as much as fills the sockets, far from the default bound; then little, for as long as
    // it takes.
    let large = format!("PUB flood gone 65536\r\n{}\r\n", "x".repeat(65536));
    let floods = (0..256)
        .map(|_| &large[..])
        .chain(std::iter::repeat("PUB flood gone 0\r\n\r\n"));
    let flooding = async {
        for flood in floods {
            publisher.send(flood).await;
            publisher.send("PUB calm 2\r\nhi\r\n").await;
            bystander.expect("MSG calm 1 2\r\nhi\r\n").await;
            if !publisher.settle().await.is_empty() {
                break;
            }
        }
    };
    tokio::time::timeout(HANG, flooding)
        .await
        .expect("it is never cut off");
    // What the sockets held still arrives, and then the end.
    assert!(deaf.rest().await.starts_with("MSG flood 1 gone 65536\r\n"));
}

#[tokio::test]
async fn a_client_may_flood_itself() {
    // Publishing crowds the publisher's own buffer: it is slowed, not cut off, as long as it reads.
    let server = DevServer::builder()
        .max_pending(4 * 1024 * 1024)
        .start()
        .await
        .unwrap();
    let mut client = Raw::connect_with(&server, CONNECT).await;
    client.send("SUB self 1\r\n").await;
    let message = format!("PUB self 65536\r\n{}\r\n", "x".repeat(65536));
    for _ in 0..200 {
        client.send(&message).await;
        client.expect("MSG self 1 65536\r\n").await;
        client.expect(&format!("{}\r\n", "x".repeat(65536))).await;
    }
}
