//! What a call puts on the wire: the subject is all that the routing needs.

use micro::{Caller, Connection, Error, Json, Request, ServiceBuilder};
use serde_json::Value;

use crate::node::Node;
use crate::raw;

/// How many messages the server has had from a connection, and sent to it.
async fn messages(node: &Node, id: u64) -> (u64, u64) {
    let connections = node.connections().await;
    let of_id = |connection: &&Value| connection["cid"] == id;
    let connection = connections.iter().find(of_id).unwrap();
    (
        connection["in_msgs"].as_u64().unwrap(),
        connection["out_msgs"].as_u64().unwrap(),
    )
}

#[tokio::test]
async fn a_call_is_one_round_trip_and_asks_nobody_first() {
    let Some(node) = Node::start("").await else {
        return;
    };
    let service = Connection::connect(&node.url()).await.unwrap();
    let _instances = [
        start(&service).await,
        start(&service).await,
        start(&service).await,
    ];
    let connection = Connection::connect(&node.url()).await.unwrap();
    let id = connection.client().server_info().client_id;
    let caller = Caller::new(&connection);
    let call = async || {
        let sum = caller.call::<_, i64, Error>("sum", &[1, 2, 3]).await;
        assert_eq!(sum.unwrap(), 6);
    };
    let (sent, received) = messages(&node, id).await;
    for calls in 1..=100 {
        call().await;
        // The server counts what it takes in once it has read all there was.
        raw::until("the call counted", async || {
            messages(&node, id).await >= (sent + calls, received + calls)
        })
        .await;
        let now = messages(&node, id).await;
        assert_eq!(now, (sent + calls, received + calls));
    }
}

async fn start(connection: &Connection) -> micro::RunningService {
    ServiceBuilder::new("sums", "1.0.0")
        .endpoint("sum", async |request: Request| {
            let numbers: Vec<i64> = request.json()?;
            Ok::<_, Error>(Json(numbers.iter().sum::<i64>()))
        })
        .start(connection)
        .await
        .unwrap()
}
