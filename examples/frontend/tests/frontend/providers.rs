//! The two providers by themselves.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use crate::mortal::Broker;
use crate::{ask, code_of, running};

fn value(message: &async_nats::Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

#[tokio::test]
async fn users_have_names_and_nobody_else_has() {
    let broker = Broker::start().await;
    let _users = running(&broker, &["users"]).await;
    let client = broker.client().await;
    for (id, name) in [(1, "Bob"), (2, "John"), (3, "Dan"), (4, "Kate")] {
        let user = ask(&client, "UserNameById", &json!({ "id": id }).to_string()).await;
        assert_eq!(value(&user), json!({ "id": id, "name": name }));
    }
    let nobody = ask(&client, "UserNameById", r#"{"id":5}"#).await;
    assert_eq!(code_of(&nobody), Some(404));
    assert_eq!(
        value(&nobody),
        json!({ "kind": "NotFound", "data": { "id": 5 } })
    );
    for body in ["", "x", "{}", r#"{"id":-1}"#] {
        assert_eq!(
            code_of(&ask(&client, "UserNameById", body).await),
            Some(400)
        );
    }
    let info = value(&ask(&client, "$SRV.INFO.UserNameById", "").await);
    assert_eq!(info["endpoints"][0]["queue_group"], "userNameByIdProviders");
}

#[tokio::test]
async fn the_time_is_told_to_a_request_without_a_body() {
    let broker = Broker::start().await;
    let _time = running(&broker, &["time"]).await;
    let client = broker.client().await;
    let time = value(&ask(&client, "TimeTeller", "").await);
    let time = humantime::parse_rfc3339(time["time"].as_str().unwrap()).unwrap();
    let off = time.elapsed().unwrap_or_default();
    assert!(off < crate::PATIENCE, "{off:?} ago");
    let info = value(&ask(&client, "$SRV.INFO.TimeTeller", "").await);
    assert_eq!(info["endpoints"][0]["queue_group"], "TimeTellers");
}

#[tokio::test]
async fn of_ten_instances_one_handles_each_request() {
    let broker = Broker::start().await;
    let mut instances = Vec::new();
    for _ in 0..10 {
        instances.push(running(&broker, &["users"]).await);
    }
    let client = broker.client().await;
    stream::iter(0..1_000)
        .for_each_concurrent(50, async |_| {
            let user = ask(&client, "UserNameById", r#"{"id":1}"#).await;
            assert_eq!(value(&user)["name"], "Bob");
        })
        .await;
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    let question = "$SRV.STATS.UserNameById";
    client
        .publish_with_reply(question, inbox, "".into())
        .await
        .unwrap();
    let mut handled = HashMap::new();
    while handled.len() < 10 {
        let stats = tokio::time::timeout(crate::PATIENCE, answers.next()).await;
        let stats = value(&stats.unwrap().unwrap());
        let count = stats["endpoints"][0]["num_requests"].as_u64().unwrap();
        handled.insert(stats["id"].as_str().unwrap().to_owned(), count);
    }
    assert_eq!(handled.values().sum::<u64>(), 1_000, "{handled:?}");
    assert!(handled.values().all(|count| *count > 0), "{handled:?}");
}

#[tokio::test]
async fn a_message_that_wants_no_reply_harms_nobody() {
    let broker = Broker::start().await;
    let logs = ["--log", "frontend=debug"];
    let mut users = running(&broker, &[&["users"][..], &logs].concat()).await;
    let _time = running(&broker, &["time"]).await;
    let client = broker.client().await;
    for subject in ["UserNameById", "TimeTeller"] {
        client.publish(subject, r#"{"id":1}"#.into()).await.unwrap();
        client.publish(subject, "".into()).await.unwrap();
    }
    // The inbox is ours, and the reply comes to it.
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    let body = r#"{"id":4}"#.into();
    client
        .publish_with_reply("UserNameById", inbox.clone(), body)
        .await
        .unwrap();
    let reply = tokio::time::timeout(crate::PATIENCE, replies.next()).await;
    assert_eq!(value(&reply.unwrap().unwrap())["name"], "Kate");
    users
        .says(&format!("replying to id=4 reply=\"{inbox}\""))
        .await;
    assert!(value(&ask(&client, "TimeTeller", "").await)["time"].is_string());
    let stats = value(&ask(&client, "$SRV.STATS.UserNameById", "").await);
    assert_eq!(stats["endpoints"][0]["num_requests"], 3);
}
