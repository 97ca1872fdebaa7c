//! async-nats 0.51 ends at a carriage return inside the value of a header (nats-io/nats.rs#1612).
//! Whoever may publish to a subject can send one: it costs a service no more than a reconnect.

use std::sync::Arc;

use async_nats::client::RequestErrorKind;
use futures_util::StreamExt as _;
use micro::{
    CallError, Caller, Connection, EndpointOptions, Error, Events, Incident, PublishError, Request,
    RunningService, ServiceBuilder,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::broker::Broker;
use crate::raw;

struct Started {
    service: RunningService,
    incidents: mpsc::UnboundedReceiver<Incident>,
    /// Has one message for each request on `held`.
    begun: mpsc::UnboundedReceiver<()>,
    /// Lets them go on.
    gate: Arc<Semaphore>,
}

async fn start(connection: &Connection) -> Started {
    let (sender, incidents) = mpsc::unbounded_channel();
    let (started, begun) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let service = ServiceBuilder::new("renewed", "1.0.0")
        .endpoint("echo", async |request: Request| request.payload().clone())
        .endpoint_with(
            "all",
            async |request: Request| request.payload().clone(),
            EndpointOptions::no_queue_group,
        )
        .endpoint("held", move |_: Request| {
            let _ = started.send(());
            let held = Arc::clone(&held);
            async move {
                held.acquire().await.unwrap().forget();
                "passed"
            }
        })
        .on_error(move |_, incident| {
            let _ = sender.send(incident.clone());
        })
        .start(connection)
        .await
        .unwrap();
    Started {
        service,
        incidents,
        begun,
        gate,
    }
}

/// Has the client fail, and waits until the service is told.
async fn poison(broker: &Broker, incidents: &mut mpsc::UnboundedReceiver<Incident>) {
    raw::poison(broker.url(), "echo").await;
    let told = raw::soon(incidents.recv()).await.unwrap();
    assert_eq!(told, Incident::ClientFailed);
}

#[tokio::test]
async fn a_service_goes_on_as_itself_when_its_client_fails() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let Started {
        service,
        mut incidents,
        mut begun,
        gate,
    } = start(&connection).await;
    let client = broker.client().await;
    for _ in 0..7 {
        raw::request(&client, "echo", "before").await;
    }
    let mut held = client.subscribe("held.answers").await.unwrap();
    for round in 1..=3 {
        // Begun before, answered after.
        client
            .publish_with_reply("held", "held.answers", "".into())
            .await
            .unwrap();
        raw::soon(begun.recv()).await.unwrap();
        poison(&broker, &mut incidents).await;
        raw::until_answered(&client, "echo", "after").await;
        raw::until_answered(&client, "all", "after").await;
        gate.add_permits(1);
        let answer = raw::soon(held.next()).await.unwrap();
        assert_eq!(answer.payload, "passed");
        let stats = raw::stats(&client, "renewed", service.id()).await;
        assert!(stats["endpoints"][0]["num_requests"].as_u64().unwrap() >= 7 + round);
        assert_eq!(stats["endpoints"][2]["num_requests"], round);
        // Once each: nothing is subscribed twice.
        assert_eq!(raw::gather(&client, "$SRV.PING.renewed", 1).await.len(), 1);
        assert_eq!(raw::gather(&client, "all", 1).await.len(), 1);
    }
    let late = service
        .add_endpoint("late", async |_: Request| "late")
        .await;
    late.unwrap();
    assert_eq!(raw::request(&client, "late", "").await.payload, "late");
    let report = service.stop().await;
    assert_eq!((report.cause, report.abandoned.len()), (None, 0));
    for subject in ["echo", "all", "late", "$SRV.PING.renewed"] {
        let answer = raw::try_request(&client, subject, "").await;
        assert_eq!(answer.unwrap_err(), RequestErrorKind::NoResponders);
    }
}

#[tokio::test]
async fn a_service_outlives_a_row_of_failures() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let Started { service, .. } = start(&connection).await;
    let client = broker.client().await;
    for _ in 0..20 {
        raw::poison(broker.url(), "echo").await;
    }
    raw::until_answered(&client, "echo", "after").await;
    assert_eq!(service.stop().await.cause, None);
}

#[tokio::test]
async fn a_caller_whose_client_fails_is_told_and_calls_again() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let caller = Caller::new(&connection);
    let raw_client = broker.client().await;
    let mut poisonous = raw_client.subscribe("poisonous").await.unwrap();
    raw::round_trip(&raw_client).await;
    let served = ServiceBuilder::new("harmless", "1.0.0")
        .endpoint("harmless", async |_: Request| "7")
        .start(&broker.client().await)
        .await
        .unwrap();
    for _ in 0..3 {
        let call = async { caller.call::<_, u32, Error>("poisonous", ()).await };
        let answer = async {
            let request = raw::soon(poisonous.next()).await.unwrap();
            raw::poison(broker.url(), &request.reply.unwrap()).await;
        };
        let (result, ()) = tokio::join!(call, answer);
        let CallError::Transport { source, .. } = result.unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(source, PublishError::Lost);
        // It waits for the new client instead of failing.
        let result = caller.call::<_, u32, Error>("harmless", ()).await;
        assert_eq!(result.unwrap(), 7);
    }
    assert_eq!(served.stop().await.cause, None);
}

#[tokio::test]
async fn a_stop_while_there_is_no_client_returns() {
    let broker = Broker::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = listener.local_addr().unwrap().to_string();
    let server = broker.url().trim_start_matches("nats://").to_owned();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        // The next client finds nobody.
        drop(listener);
        let mut server = TcpStream::connect(server).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    let connection = Connection::connect(&way).await.unwrap();
    let Started {
        service,
        mut incidents,
        ..
    } = start(&connection).await;
    poison(&broker, &mut incidents).await;
    assert!(!connection.is_connected());
    let report = raw::soon(service.stop()).await;
    assert_eq!((report.cause, report.abandoned.len()), (None, 0));
}

#[tokio::test]
async fn a_client_of_the_users_own_that_fails_ends_the_service_with_a_word() {
    let broker = Broker::start().await;
    let events = Events::new();
    let client = async_nats::ConnectOptions::new()
        .event_callback(events.callback())
        .connect(broker.url())
        .await
        .unwrap();
    let connection = Connection::with_events(client, events);
    let Started {
        service,
        mut incidents,
        ..
    } = start(&connection).await;
    raw::poison(broker.url(), "echo").await;
    let told = raw::soon(incidents.recv()).await.unwrap();
    assert_eq!(told, Incident::ConnectionClosed);
    let report = raw::soon(service.stopped()).await;
    let cause = report.cause.unwrap();
    assert_eq!(cause, "its connection to NATS is closed");
}
