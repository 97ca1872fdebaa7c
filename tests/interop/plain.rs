//! Plain NATS between clients of another language, no service of ours in it: the broker of the
//! tests, which may be the dev server, is one for anybody.

use serde_json::json;

use crate::broker::Broker;
use crate::peer;

#[tokio::test]
async fn wildcards_headers_queue_groups_and_drains() {
    let broker = Broker::start().await;
    for mut peer in peer::each(&broker).await {
        let plain = peer.tell("plain", json!({})).await;
        assert_eq!(
            plain["matched"],
            json!([["plain.a.b.c", "1", {"K": "v"}], ["plain.z.z", "end", null]])
        );
        let served: Vec<u64> = serde_json::from_value(plain["served"].clone()).unwrap();
        assert_eq!(served.iter().sum::<u64>(), 100);
        assert!(served.iter().all(|&count| count > 0), "{served:?}");
        assert_eq!(plain["after"], json!({"error": "no responders"}));
    }
}
