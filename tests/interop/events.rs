//! Events go both ways: what we publish is JSON to anybody, and anybody's JSON is a value to us.

use micro::Connection;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::broker::Broker;
use crate::{peer, raw};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u32,
    customer: String,
    total: Option<f64>,
}

fn order(id: u32) -> Order {
    Order {
        id,
        customer: "Zoë \"Z\"\n".to_owned(),
        total: Some(1.5),
    }
}

#[tokio::test]
async fn they_read_our_events_and_we_theirs() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    for mut peer in peer::each(&broker).await {
        peer.tell("listen", json!({"subject": "orders.*"})).await;
        let publisher = connection.publisher("orders.created").unwrap();
        for id in 0..3 {
            let publish = publisher.publish(&order(id));
            publish.header("X-Tenant", "acme").await.unwrap();
        }
        let heard = peer.tell("heard", json!({"number": 3})).await;
        let expected = (0..3).map(|id| {
            let event = json!({"id": id, "customer": "Zoë \"Z\"\n", "total": 1.5});
            json!(["orders.created", event, {"X-Tenant": "acme"}])
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(heard, json!(expected), "{}", peer.language);

        let mut orders = connection.subscribe::<Order>("orders.*").await.unwrap();
        let theirs = json!({"subject": "orders.paid", "events": [order(7), {"id": 8}, order(9)]});
        peer.tell("publish", theirs).await;
        let mut next = async || raw::soon(orders.next()).await.unwrap();
        let event = next().await.unwrap();
        assert_eq!(event.payload, order(7));
        let from = event.header("X-From").map(str::to_owned);
        assert_eq!(from, Some(peer.language.to_string()));
        assert!(next().await.is_err());
        assert_eq!(next().await.unwrap().payload, order(9));
    }
}
