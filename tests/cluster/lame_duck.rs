//! Servers that say that they are about to go: nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::{FutureExt as _, StreamExt as _};
use micro::{Caller, Connection, Json, Request, RunningService, ServiceBuilder};

use crate::callers::{Callers, Outcome, count};
use crate::node::Cluster;
use crate::raw;

async fn serve(url: &str) -> RunningService {
    ServiceBuilder::new("moving", "1.0.0")
        .endpoint("moving.work", async |request: Request| {
            tokio::task::yield_now().await;
            Json(request.context().instance_id().to_owned())
        })
        .start(Connection::connect(url).await.unwrap())
        .await
        .unwrap()
}

/// A client of another node than this, once the service is known there.
async fn beside(cluster: &Cluster, here: usize) -> Client {
    let client = cluster.nodes[(here + 1) % 3].client().await;
    raw::until("the service known there", async || {
        raw::try_request(&client, "moving.work", "").await.is_ok()
    })
    .await;
    client
}

/// Waits until the connection is on another node, and the only one of its process again.
async fn moved(cluster: &Cluster, connection: &Connection, from: usize, connections: usize) {
    raw::until("the move", async || {
        let mut all = 0;
        for node in &cluster.nodes {
            all += node.connections().await.len();
        }
        Cluster::node_of(&connection.client()) != from && all == connections
    })
    .await;
}

/// The requests that the service has had.
fn requests(service: &RunningService) -> u64 {
    service.stats().endpoints[0].num_requests
}

async fn more(service: &RunningService, requests_more: u64) {
    let enough = requests(service) + requests_more;
    raw::until("a load", async || requests(service) >= enough).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_instance_moves_under_load_without_a_failed_call() {
    let Some(mut cluster) = Cluster::start("").await else {
        return;
    };
    let service = serve(&cluster.nodes[0].url()).await;
    let (started, mut before) = (service.stats().started, 0);
    for round in 0..3 {
        let here = Cluster::node_of(&service.connection().client());
        let client = beside(&cluster, here).await;
        let load = Callers::start(&client, "moving.work");
        more(&service, 500).await;
        cluster.nodes[here].lame_duck();
        moved(&cluster, service.connection(), here, 2).await;
        more(&service, 500).await;
        let calls = load.end().await;
        let answered = count(&calls, Outcome::Answered);
        let failed: Vec<_> = calls
            .iter()
            .filter(|call| call.outcome != Outcome::Answered)
            .collect();
        println!(
            "round {round}: {} calls, {} failed",
            calls.len(),
            failed.len()
        );
        assert!(failed.is_empty(), "{failed:?}");
        // Each was handled once.
        let now = requests(&service);
        assert!(now >= before + answered as u64);
        before = now;
        let found = raw::gather(&client, "$SRV.PING.moving", 1).await;
        assert_eq!(found.len(), 1);
        assert_eq!(raw::json(&found[0])["id"], service.id());

        cluster.nodes[here].kill().await;
        cluster.nodes[here].begin().await;
        cluster.settled().await;
    }
    let stats = service.stats();
    assert_eq!((stats.started, stats.endpoints[0].num_errors), (started, 0));
}

/// Without a queue group, the server would send a message both ways while the connection changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_instance_gets_is_got_once() {
    let Some(cluster) = Cluster::start("").await else {
        return;
    };
    let seen = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&seen);
    let connection = Connection::connect(&cluster.nodes[0].url()).await.unwrap();
    let service = ServiceBuilder::new("moving", "1.0.0")
        .endpoint("moving.work", async |_: Request| "here")
        .endpoint_with(
            "moving.told",
            move |_: Request| {
                counts.fetch_add(1, Ordering::Relaxed);
                std::future::ready(())
            },
            |options| options.queue_group(micro::QueueGroup::Disabled),
        )
        .start(&connection)
        .await
        .unwrap();
    let client = beside(&cluster, 0).await;
    let end = Arc::new(AtomicBool::new(false));
    let telling = tokio::spawn({
        let (client, end) = (client.clone(), Arc::clone(&end));
        async move {
            let mut told = 0_usize;
            while !end.load(Ordering::Relaxed) {
                let message = told.to_string();
                client.publish("moving.told", message.into()).await.unwrap();
                told += 1;
                if told.is_multiple_of(16) {
                    raw::round_trip(&client).await;
                }
            }
            told
        }
    });
    let asking = tokio::spawn({
        let (client, end) = (cluster.nodes[2].client().await, Arc::clone(&end));
        async move {
            let mut asked = 0;
            while !end.load(Ordering::Relaxed) {
                let found = raw::gather(&client, "$SRV.PING", 1).await;
                assert_eq!(found.len(), 1, "after {asked} questions");
                asked += 1;
            }
            asked
        }
    });
    raw::until("some told", async || seen.load(Ordering::Relaxed) > 500).await;
    cluster.nodes[0].lame_duck();
    moved(&cluster, &connection, 0, 3).await;
    let enough = seen.load(Ordering::Relaxed) + 500;
    raw::until("more told", async || seen.load(Ordering::Relaxed) > enough).await;
    end.store(true, Ordering::Relaxed);
    let (told, asked) = (telling.await.unwrap(), asking.await.unwrap());
    raw::until("all told", async || seen.load(Ordering::Relaxed) >= told).await;
    raw::round_trip(&client).await;
    raw::stats(&client, "moving", service.id()).await;
    assert_eq!(seen.load(Ordering::Relaxed), told);
    println!("{told} messages, each read once; {asked} questions, each answered once");
}

/// The other side: who calls over a connection whose server is about to go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_moves_without_a_failed_call() {
    let Some(cluster) = Cluster::start("").await else {
        return;
    };
    let service = serve(&cluster.nodes[1].url()).await;
    let connection = Connection::connect(&cluster.nodes[0].url()).await.unwrap();
    let end = Arc::new(AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    raw::until("the service known there", async || {
        let caller = Caller::new(&connection);
        let call = caller.call::<_, String, micro::Error>("moving.work", &());
        call.await.is_ok()
    })
    .await;
    for _ in 0..32 {
        let (caller, end) = (Caller::new(&connection), Arc::clone(&end));
        callers.spawn(async move {
            let mut calls = 0_usize;
            while !end.load(Ordering::Relaxed) {
                let call = caller.call::<_, String, micro::Error>("moving.work", &());
                call.await.unwrap();
                calls += 1;
            }
            calls
        });
    }
    more(&service, 500).await;
    cluster.nodes[0].lame_duck();
    moved(&cluster, &connection, 0, 2).await;
    more(&service, 500).await;
    end.store(true, Ordering::Relaxed);
    let calls: usize = callers.join_all().await.iter().sum();
    println!("{calls} calls, 0 failed");
}

/// Replies that come for a while: the connection stays where they are sent until all have come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gather_has_its_replies_before_its_connection_moves() {
    const END: u32 = u32::MAX;
    /// Longer than a move takes that waits for nobody, and shorter than one waits.
    const REPLYING: Duration = Duration::from_millis(1_500);
    let Some(mut cluster) = Cluster::start("").await else {
        return;
    };
    let service = cluster.nodes[1].client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let connection = Connection::connect(&cluster.nodes[0].url()).await.unwrap();
    let client = connection.client();
    raw::until("the subscription known there", async || {
        client.publish("held", "known".into()).await.unwrap();
        requests.next().now_or_never().is_some()
    })
    .await;
    let caller = Caller::new(&connection);
    let call = caller.call::<_, u32, micro::Error>("held", ());
    let gather = call.gather().within(Duration::from_hours(1));
    let mut replies = gather.at_most(usize::MAX).stream();
    let reading = tokio::spawn(async move {
        let mut numbers = Vec::new();
        while let Some(reply) = replies.next().await {
            match reply.unwrap().value {
                END => break,
                number => numbers.push(number),
            }
        }
        numbers
    });
    let inbox = loop {
        let request = raw::soon(requests.next()).await.unwrap();
        if let Some(inbox) = request.reply {
            break inbox;
        }
    };
    cluster.nodes[0].lame_duck();
    cluster.nodes[0].says("Entering lame duck mode").await;
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < REPLYING {
        let number = sent.to_string();
        service.publish(inbox.clone(), number.into()).await.unwrap();
        sent += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let end = END.to_string();
    service.publish(inbox, end.into()).await.unwrap();
    let numbers = raw::soon(reading).await.unwrap();
    assert_eq!(numbers, (0..sent).collect::<Vec<_>>());
    moved(&cluster, &connection, 0, 2).await;
}

/// Two that want the same connection: the move waits for the stop, or the stop for the move.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_its_connection_moves_loses_no_request() {
    for in_the_midst in [false, true] {
        let Some(cluster) = Cluster::start("").await else {
            return;
        };
        let _stays = serve(&cluster.nodes[1].url()).await;
        let leaves = serve(&cluster.nodes[0].url()).await;
        let connection = leaves.connection().clone();
        let client = beside(&cluster, 0).await;
        let load = Callers::start(&client, "moving.work");
        more(&leaves, 200).await;
        cluster.nodes[0].lame_duck();
        if in_the_midst {
            raw::until("the second connection", async || {
                let [one, two] = [&cluster.nodes[1], &cluster.nodes[2]];
                one.connections().await.len() + two.connections().await.len() > 2
            })
            .await;
        }
        let report = raw::soon(leaves.stop()).await;
        assert!(report.abandoned.is_empty(), "{report:?}");
        moved(&cluster, &connection, 0, 3).await;
        let calls = load.end().await;
        let failed = calls.len() - count(&calls, Outcome::Answered);
        println!("{} calls, {failed} failed", calls.len());
        assert_eq!(failed, 0);
    }
}

/// A user who may say nothing but answers: over the connection that got the question, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_may_only_answer_moves_without_a_failed_call() {
    let config = "
        no_auth_user: op
        authorization { users: [
            { user: op, password: o },
            { user: answers, password: a, permissions: {
                subscribe: \">\", publish: { allow: \"nothing\" }, allow_responses: true } } ] }";
    let Some(cluster) = Cluster::start(config).await else {
        return;
    };
    let url = cluster.nodes[0].url().replace("//", "//answers:a@");
    let service = serve(&url).await;
    let client = beside(&cluster, 0).await;
    let load = Callers::start(&client, "moving.work");
    more(&service, 500).await;
    cluster.nodes[0].lame_duck();
    moved(&cluster, service.connection(), 0, 2).await;
    more(&service, 500).await;
    let calls = load.end().await;
    let failed = calls.len() - count(&calls, Outcome::Answered);
    println!("{} calls, {failed} failed", calls.len());
    assert_eq!((failed, service.stats().endpoints[0].num_errors), (0, 0));
}

/// One server is nowhere to move from: what is served is served until it goes.
#[tokio::test]
async fn the_only_server_there_is_serves_until_it_goes() {
    let Some(mut node) = crate::node::Node::start("").await else {
        return;
    };
    let service = serve(&node.url()).await;
    let client = node.client().await;
    raw::request(&client, "moving.work", "").await;
    node.lame_duck();
    node.says("Entering lame duck mode").await;
    for _ in 0..100 {
        raw::request(&client, "moving.work", "").await;
    }
    node.kill().await;
    node.begin().await;
    let client = node.client().await;
    raw::until("the service back", async || {
        raw::try_request(&client, "moving.work", "").await.is_ok()
    })
    .await;
    assert!(requests(&service) >= 102);
}

/// Publishes events that name a reply subject, each another, while a connection moves; it has to be the
/// only one of its process again long before answers are no longer waited for.
async fn moves_with_events(cluster: &Cluster, connection: &Connection, seen: &Arc<AtomicUsize>) {
    let client = cluster.nodes[1].client().await;
    let telling = tokio::spawn({
        let client = client.clone();
        async move {
            for number in 0_u64.. {
                let reply = format!("replies.{number}");
                let sent = client.publish_with_reply("told", reply, number.to_string().into());
                sent.await.unwrap();
                if number % 16 == 0 {
                    raw::round_trip(&client).await;
                }
            }
        }
    });
    raw::until("some told", async || seen.load(Ordering::Relaxed) > 500).await;
    cluster.nodes[0].lame_duck();
    raw::until("the second connection gone", async || {
        let mut all = 0;
        for node in &cluster.nodes[1..] {
            all += node.connections().await.len();
        }
        Cluster::node_of(&connection.client()) != 0 && all == 2
    })
    .await;
    telling.abort();
}

/// Nobody answers an event, whatever it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_to_events_owes_no_answer() {
    let Some(cluster) = Cluster::start("").await else {
        return;
    };
    let connection = Connection::connect(&cluster.nodes[0].url()).await.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    for group in ["a", "b"] {
        let events = connection.subscribe::<u64>("told").queue_group(group);
        let mut events = events.await.unwrap();
        let counts = Arc::clone(&seen);
        tokio::spawn(async move {
            while events.next().await.is_some() {
                counts.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    moves_with_events(&cluster, &connection, &seen).await;
}

/// Nor do those that come by the second connection while it is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_owes_no_answer_to_what_comes_late() {
    let Some(cluster) = Cluster::start("").await else {
        return;
    };
    let connection = Connection::connect(&cluster.nodes[0].url()).await.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&seen);
    let _service = ServiceBuilder::new("told", "1.0.0")
        .subscriber_with(
            "told",
            move |_: Request| {
                counts.fetch_add(1, Ordering::Relaxed);
                std::future::ready(())
            },
            // Such a one is read from both for a while.
            |told| told.queue_group(micro::QueueGroup::Disabled),
        )
        .start(&connection)
        .await
        .unwrap();
    moves_with_events(&cluster, &connection, &seen).await;
}

/// A move waits some seconds for what is open then, and subscribers wait for the move.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_subscribes_while_a_stream_holds_up_the_move_waits_for_it() {
    let Some(cluster) = Cluster::start("").await else {
        return;
    };
    let silent = cluster.nodes[1].client().await;
    let mut requests = silent.subscribe("held").await.unwrap();
    cluster.settled().await;
    let connection = Connection::connect(&cluster.nodes[0].url()).await.unwrap();
    let caller = Caller::new(&connection);
    let call = caller.call::<_, u32, micro::Error>("held", ());
    let mut replies = call.gather().within(Duration::from_hours(1)).stream();
    let open = tokio::spawn(async move { replies.next().await.is_some() });
    raw::soon(requests.next()).await.unwrap();
    cluster.nodes[0].lame_duck();
    let mut subscribing = tokio::task::JoinSet::new();
    raw::until("the move", async || {
        let asked = connection.subscribe::<u8>("during").into_future();
        subscribing.spawn(asked);
        tokio::time::sleep(Duration::from_millis(50)).await;
        Cluster::node_of(&connection.client()) != 0
    })
    .await;
    while let Some(asked) = raw::soon(subscribing.join_next()).await {
        let asked = asked.unwrap();
        assert!(asked.is_ok(), "{}", asked.unwrap_err());
    }
    open.abort();
}
