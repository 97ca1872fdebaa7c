//! How many replies a request has: one, none, or several (wire specification, section 9).

use async_nats::Client;
use micro::{
    Caller, Connection, Context, Error, Reply, ReplyError, Request, RunningService, ServiceBuilder,
};
use tokio::sync::mpsc;

use crate::broker::Broker;
use crate::raw;

async fn start(broker: &Broker) -> RunningService {
    ServiceBuilder::new("replies", "1.0.0")
        .endpoint("countdown", async |request: Request| {
            for left in ["3", "2", "1"] {
                request.context().reply(left).await?;
            }
            Ok::<_, Error>("lift-off")
        })
        .endpoint("only", async |request: Request| {
            request.context().set_header("X-Step", "one")?;
            request.context().reply("the only one").await?;
            Ok::<_, Error>(Reply::silence())
        })
        .endpoint("nothing", async |_: Request| Reply::silence())
        .endpoint("half", async |request: Request| {
            let context = request.context();
            context
                .reply(Err::<(), _>(Error::new(409, "not all")))
                .await?;
            Ok::<_, Error>("the rest")
        })
        .endpoint("huge", async |request: Request| {
            let context: &Context = request.context();
            let body = vec![0; context.connection().max_payload() + 1];
            match context.reply(body).await {
                Err(ReplyError::NotSent { source, .. }) => source.to_string(),
                other => format!("{other:?}"),
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap()
}

async fn counters(client: &Client, service: &RunningService, index: usize) -> (u64, u64, String) {
    let stats = raw::stats(client, "replies", service.id()).await;
    let endpoint = &stats["endpoints"][index];
    (
        endpoint["num_requests"].as_u64().unwrap(),
        endpoint["num_errors"].as_u64().unwrap(),
        endpoint["last_error"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn several_replies_come_in_order_and_are_one_request() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let replies = raw::gather(&client, "countdown", 4).await;
    let texts: Vec<_> = replies.iter().map(raw::text).collect();
    assert_eq!(texts, ["3", "2", "1", "lift-off"]);
    assert_eq!(counters(&client, &service, 0).await, (1, 0, String::new()));
}

#[tokio::test]
async fn a_reply_of_the_handlers_own_can_be_the_only_one() {
    let broker = Broker::start().await;
    let _service = start(&broker).await;
    let client = broker.client().await;
    let replies = raw::gather(&client, "only", 1).await;
    assert_eq!(replies.len(), 1);
    assert_eq!(raw::text(&replies[0]), "the only one");
    let headers = replies[0].headers.as_ref().unwrap();
    assert_eq!(headers.get("X-Step").unwrap().as_str(), "one");
}

#[tokio::test]
async fn a_handler_may_answer_nothing_and_is_counted() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.unwrap();
    client
        .publish_with_reply("nothing", inbox.clone(), "".into())
        .await
        .unwrap();
    let counted = async || counters(&client, &service, 2).await.0 == 1;
    raw::until("the request counted", counted).await;
    // What it had answered would be here before this.
    client.publish(inbox, "end".into()).await.unwrap();
    let first = raw::soon(futures_util::StreamExt::next(&mut replies)).await;
    assert_eq!(raw::text(&first.unwrap()), "end");
    assert_eq!(counters(&client, &service, 2).await, (1, 0, String::new()));
}

#[tokio::test]
async fn an_error_among_several_replies_is_one_error() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let replies = raw::gather(&client, "half", 2).await;
    assert_eq!(
        raw::error_of(&replies[0]),
        Some((409, "not all".to_owned()))
    );
    assert_eq!(raw::text(&replies[1]), "the rest");
    assert_eq!(
        counters(&client, &service, 3).await,
        (1, 1, "409:not all".to_owned())
    );
}

#[tokio::test]
async fn a_reply_that_is_too_large_is_the_handlers_error() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let client = broker.client().await;
    let replies = raw::gather(&client, "huge", 1).await;
    assert!(raw::text(&replies[0]).contains("exceed the server's limit"));
    assert_eq!(counters(&client, &service, 4).await.1, 1);
}

#[tokio::test]
async fn a_reply_to_nobody_is_an_error_that_is_counted() {
    let broker = Broker::start().await;
    let (sender, mut results) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("replies", "1.0.0")
        .endpoint("tries", move |request: Request| {
            let sender = sender.clone();
            async move {
                let result = request.context().reply("anybody?").await;
                sender.send(result).unwrap();
                Reply::silence()
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    client.publish("tries", "".into()).await.unwrap();
    let refused = raw::soon(results.recv()).await.unwrap().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the request on `tries` has no reply subject: its caller wants no reply"
    );
    let counted = async || counters(&client, &service, 0).await.0 == 1;
    raw::until("the request counted", counted).await;
    assert_eq!(
        counters(&client, &service, 0).await,
        (1, 1, refused.to_string())
    );
}

#[tokio::test]
async fn a_reply_of_the_handlers_own_tells_its_instance_when_asked() {
    let broker = Broker::start().await;
    let service = start(&broker).await;
    let connection = Connection::from(broker.client().await);
    let caller = Caller::new(&connection);
    let call = caller.call::<_, micro::Bytes, Error>("only", micro::Bytes::new());
    let answer = call.answer().await.unwrap();
    assert_eq!(answer.instance.as_deref(), Some(service.id()));
    assert_eq!(answer.headers.get("X-Step"), Some("one"));
}

#[tokio::test]
async fn a_reply_after_the_handler_has_returned_has_the_headers_that_were_set() {
    let broker = Broker::start().await;
    let (sender, mut late) = mpsc::unbounded_channel();
    let service = ServiceBuilder::new("replies", "1.0.0")
        .endpoint("later", move |request: Request| {
            request.context().set_header("X-Set", "yes").unwrap();
            sender.send(request).unwrap();
            std::future::ready(Reply::silence())
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { raw::request(&client, "later", "").await }
    });
    let request = raw::soon(late.recv()).await.unwrap();
    let counted = async || counters(&client, &service, 0).await.0 == 1;
    raw::until("the handler returned", counted).await;
    request.context().reply("at last").await.unwrap();
    let reply = call.await.unwrap();
    assert_eq!(raw::text(&reply), "at last");
    assert!(reply.headers.unwrap().get("X-Set").is_some());
}
