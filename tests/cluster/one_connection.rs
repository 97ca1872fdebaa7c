//! One process, one connection.

use micro::{App, AppArgs, Request, ServiceBuilder};
use tokio::sync::mpsc;

use crate::node::Node;
use crate::raw;

#[tokio::test]
async fn services_subscribers_and_calls_of_one_program_share_one_connection() {
    let Some(node) = Node::start("").await else {
        return;
    };
    let (heard, mut calls) = mpsc::unbounded_channel();
    let service = |name: &str, subject: &str| {
        let heard = heard.clone();
        let hear = move |event: Request| {
            let _ = heard.send(event.context().service().to_owned());
            async {}
        };
        let service = ServiceBuilder::new(name, "1.0.0").subscriber("happened", hear);
        service.endpoint(subject, async |request: Request| {
            let connection = request.context().connection();
            let caller = micro::Caller::new(connection);
            let sum: i64 = caller
                .call::<_, _, micro::Error>("leaf", &())
                .await
                .map_err(|error| micro::Error::new(502, error))?;
            Ok::<_, micro::Error>(micro::Json(sum))
        })
    };
    let leaf = ServiceBuilder::new("leaf", "1.0.0")
        .endpoint("leaf", async |_: Request| micro::Json(1_i64));
    let app = App::with_args(AppArgs::default())
        .nats(node.url())
        .builder(leaf)
        .builder(service("one", "one"))
        .builder(service("two", "two"))
        .start()
        .await
        .unwrap();
    let caller = micro::Caller::new(app.connection());
    for subject in ["one", "two"] {
        let sum: i64 = caller
            .call::<_, _, micro::Error>(subject, &())
            .await
            .unwrap();
        assert_eq!(sum, 1);
    }
    let found = app.connection().discovery().ping().await.unwrap();
    assert_eq!(found.seen.len(), 3);
    let client = app.connection().client();
    client.publish("happened", "".into()).await.unwrap();
    let mut heard = [raw::soon(calls.recv()).await, raw::soon(calls.recv()).await];
    heard.sort();
    assert_eq!(heard, [Some("one".to_owned()), Some("two".to_owned())]);
    let connections = node.connections().await;
    assert_eq!(connections.len(), 1, "{connections:#?}");
    app.stop().await;
    raw::until("the subscriptions gone", async || {
        let connections = node.connections().await;
        connections[0]["subscriptions"].as_u64().unwrap() <= 1
    })
    .await;
}
