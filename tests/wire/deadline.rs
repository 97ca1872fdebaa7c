//! How long a caller waits, as the handler can know it.

use std::time::Duration;

use async_nats::HeaderMap;
use micro::{Caller, Connection, Error, Request, ServiceBuilder};

use crate::broker::Broker;
use crate::raw;

/// The remaining time in whole seconds, rounded up, as text.
async fn remaining(request: Request) -> String {
    match request.context().remaining() {
        Some(left) => left.as_millis().div_ceil(1_000).to_string(),
        None => "for ever".to_owned(),
    }
}

#[tokio::test]
async fn a_handler_knows_how_long_its_caller_waits() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let _service = ServiceBuilder::new("patient", "1.0.0")
        .endpoint("remaining", remaining)
        .start(&connection)
        .await
        .unwrap();
    let text = |bytes: micro::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let caller = Caller::new(&connection);
    let call = || caller.call::<_, micro::Bytes, Error>("remaining", ());
    assert_eq!(text(call().await.unwrap()), "for ever");
    let hour = Duration::from_hours(1);
    assert_eq!(text(call().timeout(hour).await.unwrap()), "3600");
    let shorter = call().timeout(hour).timeout(hour / 2);
    assert_eq!(text(shorter.await.unwrap()), "1800");
    let caller = Caller::new(&connection).timeout(hour * 2);
    let call = || caller.call::<_, micro::Bytes, Error>("remaining", ());
    assert_eq!(text(call().await.unwrap()), "7200");
    assert_eq!(text(call().timeout(hour).await.unwrap()), "3600");
}

#[tokio::test]
async fn a_gather_tells_how_long_it_gathers() {
    let broker = Broker::start().await;
    let connection = Connection::connect(broker.url()).await.unwrap();
    let _service = ServiceBuilder::new("patient", "1.0.0")
        .endpoint("remaining", remaining)
        .start(&connection)
        .await
        .unwrap();
    let hour = Duration::from_hours(1);
    let plain = Caller::new(&connection);
    let bounded = Caller::new(&connection).timeout(hour * 2);
    let gather = |caller: &Caller, within: Option<Duration>| {
        let caller = caller.clone();
        async move {
            let call = caller.call::<_, micro::Bytes, Error>("remaining", ());
            let gather = call.gather().at_most(1);
            let gather = match within {
                Some(within) => gather.within(within),
                None => gather,
            };
            let values = gather.await.unwrap().into_values();
            String::from_utf8(values[0].to_vec()).unwrap()
        }
    };
    assert_eq!(gather(&plain, None).await, "for ever");
    assert_eq!(gather(&plain, Some(hour)).await, "3600");
    assert_eq!(gather(&bounded, None).await, "7200");
    assert_eq!(gather(&bounded, Some(hour * 3)).await, "10800");
}

#[tokio::test]
async fn what_is_no_time_is_no_deadline() {
    let broker = Broker::start().await;
    let client = broker.client().await;
    let _service = ServiceBuilder::new("patient", "1.0.0")
        .endpoint("remaining", remaining)
        .start(&client)
        .await
        .unwrap();
    for (value, expected) in [
        ("60000", "60"),
        ("0", "0"),
        ("", "for ever"),
        ("-1", "for ever"),
        ("1e3", "for ever"),
        ("soon", "for ever"),
        ("18446744073709551615", "for ever"),
        ("99999999999999999999999999", "for ever"),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("Micro-Timeout", value);
        let reply = client
            .request_with_headers("remaining", headers, "".into())
            .await
            .unwrap();
        let saw = raw::text(&reply);
        // The largest number of milliseconds may or may not be more than a clock can tell.
        assert!(
            saw == expected || value.starts_with("18446") && saw.len() > 10,
            "{value:?}: {saw}"
        );
    }
}
