//! One process, one connection.

use micro::{App, AppArgs, Request, ServiceBuilder};

use crate::node::Node;
use crate::raw;

#[tokio::test]
async fn services_and_calls_of_one_program_share_one_connection() {
    let Some(node) = Node::start("").await else {
        return;
    };
    let service = |name: &str, subject: &str| {
        ServiceBuilder::new(name, "1.0.0").endpoint(subject, async |request: Request| {
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
    let connections = node.connections().await;
    assert_eq!(connections.len(), 1, "{connections:#?}");
    app.stop().await;
    raw::until("the subscriptions gone", async || {
        let connections = node.connections().await;
        connections[0]["subscriptions"].as_u64().unwrap() <= 1
    })
    .await;
}
