//! Servers that die, and what it costs.

use std::time::{Duration, Instant};

use micro::{App, AppArgs, Caller, Connection, Json, Request, RunningService, ServiceBuilder};

use crate::callers::{CALLERS, Callers, Outcome, count};
use crate::node::{Cluster, Node, free_port};
use crate::process::{example, output, run, text};
use crate::raw;

async fn serve(urls: &str) -> RunningService {
    ServiceBuilder::new("tough", "1.0.0")
        .endpoint("tough.work", async |request: Request| {
            tokio::task::yield_now().await;
            Json(request.context().instance_id().to_owned())
        })
        .start(Connection::connect(urls).await.unwrap())
        .await
        .unwrap()
}

/// The service is found by its id, and its endpoint answers.
async fn is_back(client: &async_nats::Client, service: &RunningService) {
    let ping = format!("$SRV.PING.tough.{}", service.id());
    // What was sent to the node that is gone is never answered: ask again soon.
    let answers = async |subject: &str| {
        let request = async_nats::Request::new().timeout(Some(Duration::from_millis(500)));
        let answer = client.send_request(subject.to_owned(), request);
        answer.await.is_ok()
    };
    raw::until("the service back", async || {
        answers(&ping).await && answers("tough.work").await
    })
    .await;
    let all = raw::gather(client, "$SRV.PING", 1).await;
    assert_eq!(all.len(), 1);
    assert_eq!(raw::json(&all[0])["id"], service.id());
    for verb in ["PING", "INFO", "STATS"] {
        let subject = format!("$SRV.{verb}.tough.{}", service.id());
        let answer = raw::json(&raw::request(client, &subject, "").await);
        assert_eq!(answer["id"], service.id());
    }
    let answer = raw::request(client, "tough.work", "").await;
    assert_eq!(raw::json(&answer), service.id());
}

/// The node of the service dies under load from another. What may fail: a call that was begun before
/// the first answer from the service's new node, and of those one a caller at most without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_outlives_its_node_under_load_from_another() {
    let Some(mut cluster) = Cluster::start("").await else {
        return;
    };
    let service = serve(&cluster.nodes[0].url()).await;
    let started = service.stats().started;
    let mut requests_before = 0;
    for round in 0..3 {
        let here = Cluster::node_of(&service.connection().client());
        let there = (here + 1) % 3;
        let client = cluster.nodes[there].client().await;
        raw::until("the service known there", async || {
            raw::try_request(&client, "tough.work", "").await.is_ok()
        })
        .await;
        let load = Callers::start(&client, "tough.work");
        let served = async |more: u64| {
            let enough = service.stats().endpoints[0].num_requests + more;
            raw::until("a load", async || {
                service.stats().endpoints[0].num_requests >= enough
            })
            .await;
        };
        served(2_000).await;

        let cut = Instant::now();
        cluster.nodes[here].kill().await;
        is_back(&client, &service).await;
        let seen = Instant::now();
        assert_ne!(Cluster::node_of(&service.connection().client()), here);
        served(2_000).await;
        let calls = load.end().await;

        // Since when the service has answered again: all callers may be waiting for lost answers.
        let answered_again = calls
            .iter()
            .filter(|call| call.began > cut && call.outcome == Outcome::Answered)
            .map(|call| call.ended);
        let again = answered_again.min().unwrap_or(seen).min(seen);
        let late = calls
            .iter()
            .find(|call| call.began > again && call.outcome != Outcome::Answered);
        assert!(late.is_none(), "{late:?}, and answers since {again:?}");
        let under_way = calls
            .iter()
            .filter(|call| call.began <= cut && call.ended > cut)
            .count();
        let [lost, nobody] = [Outcome::Lost, Outcome::Nobody].map(|kind| count(&calls, kind));
        assert!(lost <= CALLERS, "{lost} calls were lost");
        println!(
            "round {round}: {} calls, {under_way} under way at the cut, {lost} lost, {nobody} told \
             that nobody is there, answers again after {:?}",
            calls.len(),
            again - cut
        );

        let stats = service.stats();
        let answered = count(&calls, Outcome::Answered) as u64;
        assert!(stats.endpoints[0].num_requests >= requests_before + answered);
        assert_eq!(stats.started, started);
        assert_eq!(stats.endpoints[0].num_errors, 0);
        requests_before = stats.endpoints[0].num_requests;

        cluster.nodes[here].begin().await;
        cluster.settled().await;
    }
}

/// A caller of this framework, and a service, each with a list whose first server is dead.
#[tokio::test]
async fn the_next_call_succeeds_when_the_node_of_a_caller_dies() {
    let Some(mut cluster) = Cluster::start("").await else {
        return;
    };
    let list = format!("nats://127.0.0.1:{},{}", free_port(), cluster.urls());
    let connection = Connection::connect(&list).await.unwrap();
    let here = Cluster::node_of(&connection.client());
    let elsewhere = cluster.nodes[(here + 1) % 3].url();
    let service = serve(&elsewhere).await;
    let caller = Caller::new(&connection);
    let call = async || -> String {
        let call = caller.call::<_, _, micro::Error>("tough.work", &());
        call.await.unwrap()
    };
    cluster.settled().await;
    assert_eq!(call().await, service.id());
    cluster.nodes[here].kill().await;
    raw::until("the cut seen", async || {
        !connection.is_connected() || Cluster::node_of(&connection.client()) != here
    })
    .await;
    assert_eq!(call().await, service.id());
    assert_ne!(Cluster::node_of(&connection.client()), here);
}

/// The same as programs: one list of three, in a variable.
#[tokio::test]
async fn a_program_with_a_list_of_three_goes_on_when_its_node_dies() {
    let Some(mut cluster) = Cluster::start("").await else {
        return;
    };
    let mut echo = example("echo");
    echo.env("NATS_URL", cluster.urls());
    let mut echo = run(echo).await;
    let mut here = None;
    for (number, node) in cluster.nodes.iter().enumerate() {
        let connections = node.connections().await;
        if connections.iter().any(|one| one["name"] == "EchoService") {
            here = Some(number);
        }
    }
    cluster.nodes[here.unwrap()].kill().await;
    raw::until("the next call answered", async || {
        let mut call = example("echo");
        call.env("NATS_URL", cluster.urls());
        let call = output(call.args(["call", "default", "hi"])).await;
        text(&call.stdout) == "hi\n"
    })
    .await;
    echo.signal("TERM");
    assert_eq!(echo.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_service_outlives_a_restart_of_its_only_server() {
    let Some(mut node) = Node::start("").await else {
        return;
    };
    let service = serve(&node.url()).await;
    let client = node.client().await;
    let started = service.stats().started;
    for _ in 0..100 {
        raw::request(&client, "tough.work", "").await;
    }
    let mut before = service.stats().endpoints[0].num_requests;
    assert_eq!(before, 100);
    for _ in 0..3 {
        node.kill().await;
        raw::until("the cut seen", async || {
            !service.connection().is_connected()
        })
        .await;
        let stats = service.stats();
        assert_eq!(stats.endpoints[0].num_requests, before);
        node.begin().await;
        let client = node.client().await;
        is_back(&client, &service).await;
        let stats = raw::stats(&client, "tough", service.id()).await;
        let requests = stats["endpoints"][0]["num_requests"].as_u64().unwrap();
        assert!(requests > before, "{requests} after {before}");
        assert_eq!(stats["endpoints"][0]["num_errors"], 0);
        before = service.stats().endpoints[0].num_requests;
    }
    assert_eq!(service.stats().started, started);
}

/// A name with several addresses, of which the first may be nobody's.
#[tokio::test]
async fn a_name_with_several_addresses() {
    let Some(node) = Node::start("").await else {
        return;
    };
    let connection = App::with_args(AppArgs::default())
        .nats(format!("nats://localhost:{}", node.port()))
        .connect()
        .await
        .unwrap();
    assert!(connection.is_connected());
}
