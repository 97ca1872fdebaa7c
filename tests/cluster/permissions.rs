//! What a user may not do: at the start, and later.

use micro::{Connection, Incident, Request, RunningService, ServiceBuilder};
use tokio::sync::mpsc;

use crate::node::Node;
use crate::raw;

/// A server with a user `limited`, who has these permissions, and `op`, who may do anything.
fn config(permissions: &str) -> String {
    format!(
        "authorization {{ users: [ {{ user: op, password: o }}, \
         {{ user: limited, password: l, permissions: {{ {permissions} }} }} ] }}"
    )
}

async fn connect(node: &Node) -> Connection {
    let url = node.url().replace("//", "//limited:l@");
    Connection::connect(&url).await.unwrap()
}

async fn operator(node: &Node) -> async_nats::Client {
    let options = async_nats::ConnectOptions::with_user_and_password("op".into(), "o".into());
    options.connect(node.url()).await.unwrap()
}

type Incidents = mpsc::UnboundedReceiver<Incident>;

/// Two endpoints: one that answers, and one that sends a message of its own before it does.
async fn serve(connection: &Connection, name: &str) -> (RunningService, Incidents) {
    let (send, incidents) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new(name, "1.0.0")
        .endpoint(&format!("{name}.answers"), async |_: Request| "yes")
        .endpoint(&format!("{name}.early"), async |request: Request| {
            let _ = request.context().reply("first").await;
            micro::Reply::silence()
        })
        .endpoint(&format!("{name}.tells"), async |request: Request| {
            let client = request.context().connection().client().clone();
            client.publish("news", "".into()).await.unwrap();
            raw::round_trip(&client).await;
            "told"
        })
        .on_error(move |_, incident| send.send(incident.clone()).unwrap())
        .start(connection)
        .await
        .unwrap();
    (service, incidents)
}

async fn ask(client: &async_nats::Client, subject: &str, reply: &str) {
    let sent = client.publish_with_reply(subject.to_owned(), reply.to_owned(), "".into());
    sent.await.unwrap();
    client.flush().await.unwrap();
}

/// A reply that is refused is told with its endpoint, and counts as an error of it; a message of the
/// program's own is told with its subject. Services that had nothing to do with the reply are told
/// that it was none of theirs.
#[tokio::test]
async fn a_message_that_is_not_permitted_is_told_with_its_endpoint() {
    let Some(node) = Node::start(&config(r#"publish: { deny: ["deaf.>", "news"] }"#)).await else {
        return;
    };
    let connection = connect(&node).await;
    let (service, mut incidents) = serve(&connection, "one").await;
    let client = operator(&node).await;
    for (endpoint, errors) in [("answers", 1), ("early", 0)] {
        let reply = format!("deaf.{endpoint}");
        ask(&client, &format!("one.{endpoint}"), &reply).await;
        let incident = raw::soon(incidents.recv()).await.unwrap();
        assert!(
            matches!(&incident, Incident::PublishRefused { subject, .. } if *subject == reply),
            "{incident:?}"
        );
        assert_eq!(
            incident.endpoint(),
            Some(format!("one-{endpoint}").as_str())
        );
        assert!(
            incident
                .to_string()
                .contains(&format!("endpoint `one-{endpoint}`"))
        );
        let stats = service.stats();
        let named = stats.endpoints.iter();
        let mut named = named.filter(|one| one.name == format!("one-{endpoint}"));
        let counted = named.next().unwrap();
        assert_eq!((counted.num_requests, counted.num_errors), (1, errors));
        if errors > 0 {
            assert!(
                counted.last_error.contains(&reply),
                "{}",
                counted.last_error
            );
        }
    }
    // Those that may be answered are.
    let answer = raw::request(&client, "one.answers", "").await;
    assert_eq!(raw::text(&answer), "yes");

    let answer = raw::request(&client, "one.tells", "").await;
    assert_eq!(raw::text(&answer), "told");
    let incident = raw::soon(incidents.recv()).await.unwrap();
    assert_eq!(incident.subject(), Some("news"));
    assert_eq!(incident.endpoint(), None);
    assert!(incidents.try_recv().is_err());
}

/// A service that may not say anything starts: it may be one that only listens. What it is asked
/// shows what it may not.
#[tokio::test]
async fn a_service_that_may_publish_nothing_starts_and_says_what_is_refused() {
    let Some(node) = Node::start(&config(r#"publish: { deny: ">" }"#)).await else {
        return;
    };
    let connection = connect(&node).await;
    let (service, mut incidents) = serve(&connection, "mute").await;
    let client = operator(&node).await;
    ask(&client, "mute.answers", "inbox").await;
    let incident = raw::soon(incidents.recv()).await.unwrap();
    assert_eq!(
        (incident.subject(), incident.endpoint()),
        (Some("inbox"), Some("mute-answers"))
    );
    // An answer of the discovery is of no endpoint, to the same subject as a reply just now too: that
    // was refused already.
    ask(&client, "$SRV.PING", "inbox").await;
    let incident = raw::soon(incidents.recv()).await.unwrap();
    assert_eq!(
        (incident.subject(), incident.endpoint()),
        (Some("inbox"), None)
    );
    ask(&client, "$SRV.PING", "other").await;
    let incident = raw::soon(incidents.recv()).await.unwrap();
    assert_eq!(
        (incident.subject(), incident.endpoint()),
        (Some("other"), None)
    );
    let report = raw::soon(service.stop()).await;
    assert!(report.abandoned.is_empty());
    // Its own questions to the server are refused, and are nobody's concern.
    assert!(incidents.try_recv().is_err());
}

/// A subscription that a new configuration takes away ends the service, and names the endpoint.
#[tokio::test]
async fn a_subscription_that_a_reload_takes_away_is_told_with_its_endpoint() {
    let allowed = config(r#"subscribe: { deny: "nothing" }"#);
    let Some(mut node) = Node::start(&allowed).await else {
        return;
    };
    for (denied, endpoint) in [("two.answers", Some("two-answers")), ("$SRV.PING", None)] {
        node.restart(&allowed).await;
        let connection = connect(&node).await;
        let (service, mut incidents) = serve(&connection, "two").await;
        node.reload(&config(&format!(r#"subscribe: {{ deny: "{denied}" }}"#)))
            .await;
        let incident = raw::soon(incidents.recv()).await.unwrap();
        assert!(
            matches!(&incident, Incident::SubscriptionRefused { subject, .. } if subject == denied),
            "{incident:?}"
        );
        assert_eq!(incident.endpoint(), endpoint);
        let report = raw::soon(service.stopped()).await;
        assert!(report.cause.unwrap().contains(denied));
    }
}

#[tokio::test]
async fn two_services_of_one_connection_know_their_own_replies() {
    let Some(node) = Node::start(&config(r#"publish: { deny: "deaf.>" }"#)).await else {
        return;
    };
    let connection = connect(&node).await;
    let (_one, mut of_one) = serve(&connection, "one").await;
    let (_two, mut of_two) = serve(&connection, "two").await;
    let client = operator(&node).await;
    for number in 0..100 {
        ask(&client, "two.answers", &format!("deaf.{number}")).await;
        let incident = raw::soon(of_two.recv()).await.unwrap();
        assert_eq!(incident.endpoint(), Some("two-answers"));
        let incident = raw::soon(of_one.recv()).await.unwrap();
        assert_eq!(incident.endpoint(), None);
    }
}
