//! A client library, unchanged.

use std::time::Duration;

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures_util::StreamExt;
use micro_devserver::DevServer;

async fn connect(server: &DevServer) -> Client {
    async_nats::connect(server.url()).await.unwrap()
}

/// Everything that this client sent before is processed when it returns.
async fn settle(client: &Client) {
    let answer = client.request("settle.nobody", Bytes::new()).await;
    assert_eq!(
        answer.unwrap_err().kind(),
        async_nats::RequestErrorKind::NoResponders
    );
}

#[tokio::test]
async fn a_request_gets_its_reply() {
    let server = DevServer::start().await.unwrap();
    let (service, caller) = (connect(&server).await, connect(&server).await);
    assert_eq!(caller.server_info().server_name, "micro-dev-server");
    let mut requests = service.subscribe("svc.echo").await.unwrap();
    settle(&service).await;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            service
                .publish(request.reply.unwrap(), request.payload)
                .await
                .unwrap();
        }
    });
    for size in [0, 1, 100, 70_000, 1024 * 1024] {
        let body = Bytes::from(vec![b'x'; size]);
        assert_eq!(
            caller
                .request("svc.echo", body.clone())
                .await
                .unwrap()
                .payload,
            body
        );
    }
}

#[tokio::test]
async fn headers_arrive() {
    let server = DevServer::start().await.unwrap();
    let client = connect(&server).await;
    let mut messages = client.subscribe("with.headers").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("X-One", "1");
    headers.append("X-Two", "a");
    headers.append("X-Two", "b");
    client
        .publish_with_headers("with.headers", headers.clone(), "body".into())
        .await
        .unwrap();
    let message = messages.next().await.unwrap();
    assert_eq!(message.headers, Some(headers));
    assert_eq!(message.payload, "body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_group_shares_requests() {
    const REQUESTS: usize = 200;
    let server = DevServer::start().await.unwrap();
    for name in ["one", "two"] {
        let service = connect(&server).await;
        let mut requests = service
            .queue_subscribe("svc.who", "q".into())
            .await
            .unwrap();
        settle(&service).await;
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                service
                    .publish(request.reply.unwrap(), name.into())
                    .await
                    .unwrap();
            }
        });
    }
    let caller = connect(&server).await;
    let replies: Vec<_> = futures_util::stream::iter(0..REQUESTS)
        .map(|_| caller.request("svc.who", Bytes::new()))
        .buffer_unordered(20)
        .map(|reply| reply.unwrap().payload)
        .collect()
        .await;
    let ones = replies.iter().filter(|reply| **reply == "one").count();
    assert!(
        (REQUESTS / 10..REQUESTS * 9 / 10).contains(&ones),
        "{ones} of {REQUESTS} by one member"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_arrive_in_order() {
    const MESSAGES: usize = 20_000;
    let server = DevServer::start().await.unwrap();
    let (sender, receiver) = (connect(&server).await, connect(&server).await);
    let messages = receiver.subscribe("many").await.unwrap();
    settle(&receiver).await;
    for number in 0..MESSAGES {
        sender
            .publish("many", number.to_string().into())
            .await
            .unwrap();
    }
    sender.flush().await.unwrap();
    let mut messages = messages.enumerate().take(MESSAGES);
    while let Some((number, message)) = messages.next().await {
        assert_eq!(message.payload, number.to_string());
    }
}

#[tokio::test]
async fn a_limited_subscription_ends() {
    let server = DevServer::start().await.unwrap();
    let client = connect(&server).await;
    let mut messages = client.subscribe("limited").await.unwrap();
    messages.unsubscribe_after(2).await.unwrap();
    for body in ["1", "2", "3"] {
        client.publish("limited", body.into()).await.unwrap();
    }
    let bodies: Vec<_> = messages.map(|message| message.payload).collect().await;
    assert_eq!(bodies, ["1", "2"]);
}

/// How `micro` leaves without a loss: the server takes the huge limit for "now", the client for
/// "not yet".
#[tokio::test]
async fn a_huge_limit_ends_the_interest_and_keeps_the_stream() {
    let server = DevServer::start().await.unwrap();
    let (client, other) = (connect(&server).await, connect(&server).await);
    let mut messages = client.subscribe("leave").await.unwrap();
    client.publish("leave", "before".into()).await.unwrap();
    messages.unsubscribe_after(u64::MAX).await.unwrap();
    settle(&client).await;
    let answer = other.request("leave", "after".into()).await;
    assert_eq!(
        answer.unwrap_err().kind(),
        async_nats::RequestErrorKind::NoResponders
    );
    messages.unsubscribe().await.unwrap();
    let bodies: Vec<_> = messages.map(|message| message.payload).collect().await;
    assert_eq!(bodies, ["before"]);
}

#[tokio::test]
async fn a_client_comes_back_after_a_restart() {
    let server = DevServer::start().await.unwrap();
    let port = server.port();
    let client = async_nats::ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(10))
        .connect(server.url())
        .await
        .unwrap();
    let mut requests = client.subscribe("back").await.unwrap();
    settle(&client).await;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            client
                .publish(request.reply.unwrap(), request.payload)
                .await
                .unwrap();
        }
    });
    server.stop().await;
    let server = DevServer::builder().port(port).start().await.unwrap();
    let caller = connect(&server).await;
    // Until the client is back, nobody is there.
    let reply = loop {
        if let Ok(reply) = caller.request("back", "hello".into()).await {
            break reply;
        }
    };
    assert_eq!(reply.payload, "hello");
}
