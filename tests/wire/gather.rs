//! One request, many replies: when a gather ends, what it keeps, and that it leaves nothing behind.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, Message};
use futures_util::{FutureExt as _, StreamExt as _};
use micro::{
    Bytes, CallError, Caller, ConnectOptions, Connection, Ended, Error, GatherError, Gathered,
    PublishError, Request, RunningService, ServiceBuilder,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::broker::Broker;
use crate::raw;

/// Far longer than a test may take: what ends before it was ended by something else.
const FOR_EVER: Duration = Duration::from_hours(24);

async fn whoami(request: Request) -> micro::Json<String> {
    micro::Json(request.context().instance_id().to_owned())
}

/// Five instances in five queue groups: each request has five replies.
async fn five(broker: &Broker) -> Vec<RunningService> {
    let mut services = Vec::new();
    for number in 0..5 {
        let service = ServiceBuilder::new("five", "1.0.0")
            .queue_group(format!("q-{number}"))
            .endpoint("who", whoami)
            .start(&broker.client().await)
            .await
            .unwrap();
        services.push(service);
    }
    services
}

async fn caller(broker: &Broker) -> Caller {
    Caller::new(broker.client().await)
}

fn instances<R, E>(gathered: &Gathered<R, E>) -> HashSet<&str> {
    let answers = gathered.answers.iter();
    answers
        .map(|answer| answer.instance.as_deref().unwrap())
        .collect()
}

async fn in_time<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(raw::PATIENCE, future).await.unwrap()
}

/// Waits until nobody is subscribed to `inbox`: the server answers "no responders".
async fn nobody_listens(client: &Client, inbox: &str) {
    let asked = async {
        loop {
            let request = async_nats::Request::new()
                .payload("late".into())
                .timeout(Some(Duration::from_millis(20)));
            match client.send_request(inbox.to_owned(), request).await {
                Err(error) if error.kind() == async_nats::RequestErrorKind::NoResponders => return,
                _ => {}
            }
        }
    };
    in_time(asked).await;
}

#[tokio::test]
async fn it_ends_by_the_silence_with_every_reply() {
    let broker = Broker::start().await;
    let services = five(&broker).await;
    let caller = caller(&broker).await;
    let gather = caller
        .call::<_, String, Error>("who", ())
        .gather()
        .silence(Duration::from_secs(2))
        .within(FOR_EVER);
    let gathered = in_time(gather).await.unwrap();
    assert_eq!(gathered.ended, Ended::Silence);
    assert_eq!(gathered.answers.len(), 5);
    let ids: HashSet<_> = services.iter().map(RunningService::id).collect();
    assert_eq!(instances(&gathered), ids);
    for answer in &gathered.answers {
        assert_eq!(answer.instance.as_deref(), Some(answer.value.as_str()));
    }
    // A loop by hand over an inbox has the same.
    let by_hand = raw::gather(&broker.client().await, "who", 5).await;
    let by_hand: HashSet<_> = by_hand.iter().map(raw::json).collect();
    assert_eq!(
        by_hand,
        ids.into_iter().map(serde_json::Value::from).collect()
    );
}

#[tokio::test]
async fn it_ends_with_the_number_that_was_asked_for() {
    let broker = Broker::start().await;
    let _services = five(&broker).await;
    let caller = caller(&broker).await;
    for number in [1, 3, 5] {
        let call = caller.call::<_, String, Error>("who", ());
        let gather = call.timeout(FOR_EVER).gather().at_most(number);
        let gathered = in_time(gather).await.unwrap();
        assert_eq!(gathered.ended, Ended::AtMost);
        assert_eq!(gathered.into_values().len(), number);
    }
    let call = caller.call::<_, String, Error>("who", ());
    let none = call.gather().at_most(0).await.unwrap_err();
    assert!(matches!(none, CallError::Request { .. }), "{none}");
}

/// nats-server reads a limit of more than nine digits as "now", and would send nothing.
#[tokio::test]
async fn a_number_beyond_all_bounds_gathers_all() {
    let broker = Broker::start().await;
    let _services = five(&broker).await;
    let caller = caller(&broker).await;
    let gathers = [999_999_999, 1_000_000_000, usize::MAX].map(|number| {
        let call = caller.call::<_, String, Error>("who", ());
        let gather = call.gather().at_most(number).within(FOR_EVER);
        gather.silence(Duration::from_secs(2)).into_future()
    });
    for gathered in in_time(futures_util::future::join_all(gathers)).await {
        let gathered = gathered.unwrap();
        assert_eq!(gathered.answers.len(), 5);
        assert_eq!(gathered.ended, Ended::Silence);
    }
}

#[tokio::test]
async fn the_silence_counts_from_the_first_reply_and_the_whole_time_ends_it_all() {
    let broker = Broker::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let _service = ServiceBuilder::new("slow", "1.0.0")
        .endpoint("slow", move |_: Request| {
            let gate = Arc::clone(&held);
            async move {
                let _pass = gate.acquire().await;
                "1"
            }
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let caller = caller(&broker).await;
    let gather = || caller.call::<_, u8, Error>("slow", ()).gather();

    let after = Duration::from_millis(100);
    let nothing = in_time(gather().within(after)).await.unwrap_err();
    assert_eq!(nothing.to_string(), "no reply from `slow` within 100ms");

    let patient = gather().silence(Duration::from_millis(1)).within(FOR_EVER);
    let open = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        gate.add_permits(1_000);
    };
    let (gathered, ()) = in_time(async { tokio::join!(patient.into_future(), open) }).await;
    assert_eq!(gathered.unwrap().into_values(), [1]);

    let all = in_time(gather().within(Duration::from_secs(2)))
        .await
        .unwrap();
    assert_eq!((all.ended, all.answers.len()), (Ended::Within, 1));
}

#[tokio::test]
async fn failures_are_kept_apart_from_answers() {
    let broker = Broker::start().await;
    for (number, code) in [0, 0, 409, 500].into_iter().enumerate() {
        ServiceBuilder::new("mixed", "1.0.0")
            .no_queue_group()
            .endpoint("mixed", move |_: Request| async move {
                match code {
                    0 => Ok(format!("{number}")),
                    code => Err(Error::new(code, "no")),
                }
            })
            .start(&broker.client().await)
            .await
            .unwrap();
    }
    ServiceBuilder::new("mixed", "1.0.0")
        .no_queue_group()
        .endpoint("mixed", async |_: Request| "no number")
        .start(&broker.client().await)
        .await
        .unwrap();
    let caller = caller(&broker).await;
    let gather = caller
        .call::<_, u8, Error>("mixed", ())
        .timeout(FOR_EVER)
        .gather()
        .at_most(5);
    let gathered = in_time(gather).await.unwrap();
    let mut values: Vec<_> = gathered.answers.iter().map(|answer| answer.value).collect();
    values.sort_unstable();
    assert_eq!(values, [0, 1]);
    let mut codes: Vec<_> = gathered
        .failures
        .iter()
        .map(|failure| failure.error.code())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [None, Some(409), Some(500)]);
    let instances: HashSet<_> = gathered
        .failures
        .iter()
        .map(|failure| failure.instance.as_deref().unwrap())
        .collect();
    assert_eq!(instances.len(), 3);
}

#[tokio::test]
async fn nobody_to_answer_is_known_at_once() {
    let broker = Broker::start().await;
    let caller = caller(&broker).await;
    let gather = caller
        .call::<_, String, Error>("nobody", ())
        .gather()
        .within(FOR_EVER);
    let error = in_time(gather).await.unwrap_err();
    assert!(matches!(error, CallError::NoResponders { .. }), "{error}");
    let too_large = caller
        .call::<_, String, Error>("nobody", vec![0_u64; 1024 * 1024])
        .gather()
        .within(FOR_EVER);
    let error = in_time(too_large).await.unwrap_err();
    assert!(matches!(error, CallError::Transport { .. }), "{error}");
}

/// A request as it arrives at a service that answers when the test says so.
async fn next_request(requests: &mut async_nats::Subscriber) -> Message {
    in_time(requests.next()).await.unwrap()
}

/// Polls a gather until its request has arrived, and gives the inbox.
async fn until_sent<T>(
    gather: &mut (impl Future<Output = T> + Unpin),
    requests: &mut async_nats::Subscriber,
) -> async_nats::Subject {
    let sent = async {
        loop {
            assert!(Pin::new(&mut *gather).now_or_never().is_none());
            if let Some(request) = requests.next().now_or_never() {
                return request.unwrap().reply.unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(sent).await
}

#[tokio::test]
async fn nothing_stays_subscribed() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;

    // Dropped midway: after the request was sent, and after a reply to it has come.
    for replies in [0, 1] {
        let gather = caller.call::<_, u8, Error>("held", ()).gather();
        let mut gather = gather.within(FOR_EVER).into_future();
        let inbox = until_sent(&mut gather, &mut requests).await;
        for _ in 0..replies {
            service.publish(inbox.clone(), "1".into()).await.unwrap();
        }
        raw::round_trip(&service).await;
        assert!(gather.as_mut().now_or_never().is_none());
        drop(gather);
        nobody_listens(&service, &inbox).await;
    }

    // Ended by the time, by the number, and by the silence.
    let gather = || caller.call::<_, u8, Error>("held", ()).gather();
    for gather in [
        gather().within(Duration::from_millis(50)),
        gather().within(FOR_EVER).at_most(1),
        gather().within(FOR_EVER).silence(Duration::from_millis(10)),
    ] {
        let ended = gather.into_future();
        let answer = async {
            let inbox = next_request(&mut requests).await.reply.unwrap();
            service.publish(inbox.clone(), "1".into()).await.unwrap();
            inbox
        };
        let (_, inbox) = in_time(async { tokio::join!(ended, answer) }).await;
        nobody_listens(&service, &inbox).await;
    }
}

#[tokio::test]
async fn a_thousand_replies_are_kept_at_most() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("flood").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;
    let gather = caller
        .call::<_, u32, Error>("flood", ())
        .gather()
        .within(FOR_EVER);
    let flood = async {
        let inbox = next_request(&mut requests).await.reply.unwrap();
        for number in 0..5_000 {
            let reply = number.to_string().into();
            service.publish(inbox.clone(), reply).await.unwrap();
        }
    };
    let (gathered, ()) = in_time(async { tokio::join!(gather.into_future(), flood) }).await;
    let gathered = gathered.unwrap();
    assert_eq!(gathered.ended, Ended::AtMost);
    assert_eq!(gathered.into_values(), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn replies_beyond_the_limit_are_not_sent_to_the_caller() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;
    let call = caller.call::<_, u8, Error>("held", ());
    let mut gather = call.gather().within(FOR_EVER).at_most(1).into_future();
    let inbox = until_sent(&mut gather, &mut requests).await;
    // The gather is not polled meanwhile: it is the server that keeps the second reply back.
    service.publish(inbox.clone(), "1".into()).await.unwrap();
    let second = raw::try_request(&service, &inbox, "2").await;
    assert_eq!(
        second.unwrap_err(),
        async_nats::RequestErrorKind::NoResponders
    );
    assert_eq!(in_time(gather).await.unwrap().into_values(), [1]);
}

/// A raw service that answers each request with what `answers` says, as often as it says.
async fn raw_service(
    broker: &Broker,
    subject: &'static str,
    answers: impl Fn(usize) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Client {
    let client = broker.client().await;
    let mut requests = client.subscribe(subject).await.unwrap();
    raw::round_trip(&client).await;
    let answering = client.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let inbox = request.reply.unwrap();
            for body in (0..).map_while(&answers) {
                answering.publish(inbox.clone(), body.into()).await.unwrap();
            }
        }
    });
    client
}

#[tokio::test]
async fn a_stream_gives_replies_as_they_come() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;
    let call = caller.call::<_, u8, Error>("held", ());
    let mut stream = call.gather().within(FOR_EVER).at_most(3).stream();
    let inbox = until_sent(&mut Box::pin(stream.next()), &mut requests).await;
    for number in 1..=3_u8 {
        // The next is sent when this one has been seen.
        let sent = service.publish(inbox.clone(), number.to_string().into());
        sent.await.unwrap();
        let answer = in_time(stream.next()).await.unwrap().unwrap();
        assert_eq!((answer.value, stream.ended()), (number, None));
    }
    assert!(in_time(stream.next()).await.is_none());
    assert_eq!(stream.ended(), Some(Ended::AtMost));
    assert!(in_time(stream.next()).await.is_none());
    nobody_listens(&service, &inbox).await;
}

#[tokio::test]
async fn a_stream_keeps_failures_apart() {
    let broker = Broker::start().await;
    let bodies = ["1", "no number", "", "\u{0}\u{1b}[2J", "[[[[", "2"];
    raw_service(&broker, "mixed", move |number| {
        bodies.get(number).map(|body| body.as_bytes().to_vec())
    })
    .await;
    let caller = caller(&broker).await;
    let call = caller.call::<_, u8, Error>("mixed", ());
    let stream = call.gather().within(FOR_EVER).at_most(bodies.len());
    let replies: Vec<_> = in_time(stream.stream().collect()).await;
    let values = replies.iter().map(|reply| match reply {
        Ok(answer) => Some(answer.value),
        Err(GatherError::Reply(failure)) => {
            let is_decode = matches!(failure.error, CallError::Decode { .. });
            assert!(is_decode, "{}", failure.error);
            assert!(!failure.error.to_string().contains(char::is_control));
            None
        }
        Err(error) => panic!("it goes on: {error}"),
    });
    let values: Vec<_> = values.collect();
    assert_eq!(values, [Some(1), None, None, None, None, Some(2)]);
}

#[tokio::test]
async fn a_stream_of_nothing_says_why() {
    let broker = Broker::start().await;
    let caller = caller(&broker).await;
    let none = async |subject: &str, payload: &[u64]| {
        let call = caller.call::<_, u8, Error>(subject, payload.to_vec());
        let gather = call.gather().within(Duration::from_millis(50));
        let mut stream = gather.stream();
        let GatherError::Over(error) = in_time(stream.next()).await.unwrap().unwrap_err() else {
            panic!("nobody's failure");
        };
        assert!(in_time(stream.next()).await.is_none());
        (error, stream.ended())
    };
    let (error, ended) = none("nobody", &[]).await;
    assert!(matches!(error, CallError::NoResponders { .. }), "{error}");
    assert_eq!(ended, Some(Ended::NoResponders));

    let (error, ended) = none("nobody", &vec![0; 1024 * 1024]).await;
    assert!(matches!(error, CallError::Transport { .. }), "{error}");
    assert_eq!(ended, None);

    let service = broker.client().await;
    let _silent = service.subscribe("silent").await.unwrap();
    raw::round_trip(&service).await;
    let (error, ended) = none("silent", &[]).await;
    assert!(matches!(error, CallError::Timeout { .. }), "{error}");
    assert_eq!(ended, Some(Ended::Within));
}

/// Whatever ends it, and however far it has come: nothing is subscribed for a stream that is gone,
/// or that nobody polls any more.
#[tokio::test]
async fn nothing_stays_subscribed_for_a_stream() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;
    let gather = || caller.call::<_, u8, Error>("held", ()).gather();

    // The first has the connection's own tasks started.
    for replies in [0, 1, 5, 0] {
        let tasks = tokio::runtime::Handle::current().metrics();
        let before = tasks.num_alive_tasks();
        let mut stream = gather().within(FOR_EVER).stream();
        let inbox = until_sent(&mut Box::pin(stream.next()), &mut requests).await;
        for _ in 0..replies {
            service.publish(inbox.clone(), "1".into()).await.unwrap();
        }
        if replies > 0 {
            in_time(stream.next()).await.unwrap().unwrap();
        }
        drop(stream);
        // What reads ends of itself, and not only with the next reply.
        raw::until("the end of the reading task", async || {
            tasks.num_alive_tasks() <= before
        })
        .await;
        nobody_listens(&service, &inbox).await;
    }

    for gather in [
        gather().within(Duration::from_millis(50)),
        gather().within(FOR_EVER).silence(Duration::from_millis(10)),
        gather().within(FOR_EVER).at_most(1),
        gather().within(FOR_EVER).at_most_bytes(100).at_most(2),
    ] {
        let mut stream = gather.stream();
        let inbox = until_sent(&mut Box::pin(stream.next()), &mut requests).await;
        for _ in 0..2 {
            service.publish(inbox.clone(), "1".into()).await.unwrap();
        }
        // Not polled any more.
        nobody_listens(&service, &inbox).await;
        in_time(stream.by_ref().for_each(|_| std::future::ready(()))).await;
        assert_ne!(stream.ended(), None);
    }
}

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn the_memory_for_replies_is_bounded() {
    const EACH: usize = MIB / 4;
    const ALL: usize = 100 * MIB / EACH;
    let broker = Broker::start().await;
    // 100 MiB, in 400 replies.
    raw_service(&broker, "flood", |number| {
        (number < ALL).then(|| vec![b'x'; EACH])
    })
    .await;
    let caller = caller(&broker).await;
    let gather = || {
        let call = caller.call::<_, Bytes, Error>("flood", ());
        call.gather().at_most(ALL).within(FOR_EVER)
    };

    let limited = gather().at_most_bytes(10 * MIB);
    let gathered = in_time(limited).await.unwrap();
    assert_eq!(gathered.ended, Ended::AtMost);
    // Not the fortieth: each has a subject as well. Those that do not fit in are failures.
    assert_eq!(gathered.answers.len(), 10 * MIB / EACH - 1);
    assert_eq!(gathered.failures.len(), ALL - gathered.answers.len());
    for failure in &gathered.failures {
        let is_too_large = matches!(
            failure.error,
            CallError::ReplyTooLarge { bytes, limit_bytes, .. } if bytes > EACH && limit_bytes == 10 * MIB
        );
        assert!(is_too_large, "{}", failure.error);
    }

    let gathered = in_time(gather()).await.unwrap();
    assert_eq!(gathered.answers.len(), 64 * MIB / EACH - 1);

    let gathered = in_time(gather().at_most_bytes(1_000)).await.unwrap();
    assert_eq!((gathered.answers.len(), gathered.failures.len()), (0, ALL));
    let text = gathered.failures[0].error.to_string();
    let text = text.replace(|c: char| c.is_ascii_digit(), "");
    assert_eq!(
        text,
        "a reply from `flood` takes  bytes, which is more than was left of the  for all"
    );
    let none = in_time(gather().at_most_bytes(0)).await.unwrap_err();
    assert!(matches!(none, CallError::Request { .. }), "{none}");
}

/// What nobody takes is bounded; what is taken makes room.
#[tokio::test]
async fn a_stream_bounds_what_has_not_been_taken() {
    const EACH: usize = MIB / 4;
    const ALL: usize = 100;
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;
    let stream = || {
        let call = caller.call::<_, Bytes, Error>("held", ());
        let gather = call.gather().at_most(ALL).at_most_bytes(3 * MIB);
        gather.within(FOR_EVER).stream()
    };
    let reply = || vec![b'x'; EACH].into();

    // Taken one after the other: 25 MiB through 3.
    let mut taken = stream();
    let inbox = until_sent(&mut Box::pin(taken.next()), &mut requests).await;
    for _ in 0..ALL {
        service.publish(inbox.clone(), reply()).await.unwrap();
        in_time(taken.next()).await.unwrap().unwrap();
    }
    assert!(in_time(taken.next()).await.is_none());

    // Not taken until all have come.
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let mut left = stream();
    let inbox = until_sent(&mut Box::pin(left.next()), &mut requests).await;
    for _ in 0..ALL {
        service.publish(inbox.clone(), reply()).await.unwrap();
    }
    raw::until("the end of the reading task", async || {
        tasks.num_alive_tasks() <= before
    })
    .await;
    let replies: Vec<_> = in_time(left.by_ref().collect()).await;
    let (answers, failures): (Vec<_>, Vec<_>) = replies.into_iter().partition(Result::is_ok);
    assert_eq!(answers.len(), 3 * MIB / EACH - 1);
    assert_eq!(failures.len(), ALL - answers.len());
    for failure in failures {
        let Err(GatherError::Reply(failure)) = failure else {
            panic!("it goes on");
        };
        assert!(matches!(failure.error, CallError::ReplyTooLarge { .. }));
    }
    assert_eq!(left.ended(), Some(Ended::AtMost));
}

/// What has come without a body is in memory as well: nothing more is read until it is taken.
#[tokio::test]
async fn a_stream_bounds_what_it_had_no_room_for_too() {
    const ALL: usize = 10_000;
    /// What the client holds for one subscription, of which it drops the rest.
    const HELD: usize = 1024;
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let options = async_nats::ConnectOptions::new().subscription_capacity(HELD);
    let client = options.connect(broker.url()).await.unwrap();
    let caller = Caller::new(client.clone());
    let stream = |within| {
        let call = caller.call::<_, Bytes, Error>("held", ());
        let gather = call.gather().at_most(usize::MAX).at_most_bytes(1_000);
        gather.within(within).stream()
    };
    let flood = async |inbox: &async_nats::Subject| {
        let large = Bytes::from(vec![b'x'; 1_000]);
        for number in 0..ALL {
            let sent = service.publish(inbox.clone(), large.clone());
            sent.await.unwrap();
            if number % 128 == 0 {
                raw::round_trip(&service).await;
                raw::round_trip(&client).await;
            }
        }
    };

    let mut left = stream(FOR_EVER);
    let inbox = until_sent(&mut Box::pin(left.next()), &mut requests).await;
    flood(&inbox).await;
    let mut told = 0;
    let last = in_time(async {
        loop {
            tokio::select! {
                biased;
                reply = left.next() => match reply.unwrap() {
                    Ok(answer) => return answer.value,
                    Err(_) => told += 1,
                },
                // The first may have come when there was no room.
                () = tokio::time::sleep(Duration::from_millis(20)) => {
                    service.publish(inbox.clone(), "read on".into()).await.unwrap();
                }
            }
        }
    })
    .await;
    assert_eq!(last, "read on");
    assert!((HELD..ALL / 2).contains(&told), "{told}");
    // None of them is in the client, which drops what it has no room for.
    let missed = usize::try_from(left.missed()).unwrap();
    assert!(told + missed >= ALL, "{told} and {missed}");

    // The time ends it all the same.
    let mut left = stream(Duration::from_secs(1));
    let inbox = until_sent(&mut Box::pin(left.next()), &mut requests).await;
    flood(&inbox).await;
    nobody_listens(&service, &inbox).await;
    in_time(left.by_ref().for_each(|_| std::future::ready(()))).await;
    assert_eq!(left.ended(), Some(Ended::Within));
    assert!(left.missed() > 0);
}

/// Each takes more than its bytes, and keeps nothing but its own.
#[tokio::test]
async fn small_replies_weigh_what_they_take() {
    const ALL: usize = 500;
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;
    let mut fitting = Vec::new();
    for lines in [0, 1, 50] {
        let call = caller.call::<_, Bytes, Error>("held", ());
        let gather = call.gather().at_most(ALL).within(FOR_EVER);
        let gather = gather.at_most_bytes(ALL * 500).into_future();
        let mut headers = async_nats::HeaderMap::new();
        for line in 0..lines {
            headers.insert(format!("X-{line}"), "");
        }
        let flood = async {
            let inbox = next_request(&mut requests).await.reply.unwrap();
            for _ in 0..ALL {
                let sent = service.publish_with_headers(inbox.clone(), headers.clone(), "x".into());
                sent.await.unwrap();
            }
        };
        let (gathered, ()) = in_time(async { tokio::join!(gather, flood) }).await;
        let gathered = gathered.unwrap();
        // No slice of what was read with it.
        assert!(gathered.answers.iter().all(|one| one.value.is_unique()));
        fitting.push(gathered.answers.len());
    }
    assert!(fitting[0] < ALL && fitting[0] > ALL / 2, "{fitting:?}");
    assert!(fitting[1] < fitting[0], "{fitting:?}");
    assert!(fitting[2] < ALL / 20, "{fitting:?}");
}

/// Sends what async-nats does not: a reply with a status line.
pub(crate) async fn reply_with_status(broker: &Broker, inbox: &str, headers: &str, body: &str) {
    let headers = format!("NATS/1.0 {headers}\r\n\r\n");
    let (size, all) = (headers.len(), headers.len() + body.len());
    let hello = "CONNECT {\"verbose\":false,\"headers\":true}\r\n";
    let sent = format!("{hello}HPUB {inbox} {size} {all}\r\n{headers}{body}\r\nPING\r\n");
    let address = broker.url().trim_start_matches("nats://");
    let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
    socket.write_all(sent.as_bytes()).await.unwrap();
    let mut line = String::new();
    while line != "PONG\r\n" {
        line.clear();
        assert_ne!(in_time(socket.read_line(&mut line)).await.unwrap(), 0);
    }
}

/// It is for the server to say that nobody is there, and instead of replies.
#[tokio::test]
async fn who_claims_to_be_the_server_ends_nothing_and_has_no_value() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = caller(&broker).await;
    let call = || {
        caller
            .call::<_, Option<u8>, Error>("held", ())
            .timeout(FOR_EVER)
    };

    let gather = call().gather().at_most(4).into_future();
    let answers = async {
        let inbox = next_request(&mut requests).await.reply.unwrap();
        reply_with_status(&broker, &inbox, "503", "all gone").await;
        // As the server says it, but not first.
        reply_with_status(&broker, &inbox, "503", "").await;
        reply_with_status(&broker, &inbox, "200 Fine\r\nMicro-Instance: A1", "7").await;
        service.publish(inbox.clone(), "1".into()).await.unwrap();
    };
    let (gathered, ()) = in_time(async { tokio::join!(gather, answers) }).await;
    let gathered = gathered.unwrap();
    assert_eq!(
        (gathered.answers.len(), gathered.answers[0].value),
        (1, Some(1))
    );
    let texts: Vec<_> = gathered
        .failures
        .iter()
        .map(|failure| failure.error.to_string())
        .collect();
    let text = |status: u16| {
        format!("cannot decode the reply from `held`: it has the status {status} of a NATS server")
    };
    assert_eq!(texts, [text(503), text(503), text(200)]);
    assert_eq!(gathered.failures[2].instance.as_deref(), Some("A1"));

    for headers in ["503\r\nX: y", "100"] {
        let first = call().first().into_future();
        let answers = async {
            let inbox = next_request(&mut requests).await.reply.unwrap();
            reply_with_status(&broker, &inbox, headers, "").await;
            service.publish(inbox.clone(), "1".into()).await.unwrap();
        };
        let (first, ()) = in_time(async { tokio::join!(first, answers) }).await;
        assert_eq!(first.unwrap().value, Some(1));
        let one = call().into_future();
        let answer = async {
            let inbox = next_request(&mut requests).await.reply.unwrap();
            reply_with_status(&broker, &inbox, headers, "").await;
        };
        let (one, ()) = in_time(async { tokio::join!(one, answer) }).await;
        assert!(matches!(one, Err(CallError::Decode { .. })), "{one:?}");
    }
}

/// Has the connection of `caller` ask before anything else that it sends.
async fn gone_already(client: &Client, inbox: &str) {
    let late = raw::try_request(client, inbox, "late").await;
    assert_eq!(
        late.unwrap_err(),
        async_nats::RequestErrorKind::NoResponders
    );
}

/// Not some time later, when a task is told.
#[tokio::test]
async fn the_subscription_is_gone_at_once() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let client = broker.client().await;
    let caller = Caller::new(&client);
    let gather = || {
        caller
            .call::<_, u8, Error>("held", ())
            .gather()
            .within(FOR_EVER)
    };

    let mut gathering = gather().into_future();
    let inbox = until_sent(&mut gathering, &mut requests).await;
    drop(gathering);
    gone_already(&client, &inbox).await;

    let mut first = gather().first().into_future();
    let inbox = until_sent(&mut first, &mut requests).await;
    service.publish(inbox.clone(), "1".into()).await.unwrap();
    in_time(first).await.unwrap();
    gone_already(&client, &inbox).await;

    for replies in [0, 1] {
        let mut stream = gather().stream();
        let inbox = until_sent(&mut Box::pin(stream.next()), &mut requests).await;
        if replies > 0 {
            service.publish(inbox.clone(), "1".into()).await.unwrap();
            in_time(stream.next()).await.unwrap().unwrap();
        }
        drop(stream);
        gone_already(&client, &inbox).await;
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_as_it_opens_asks_nothing() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let client = broker.client().await;
    let caller = Caller::new(&client);
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let mut stream = caller.call::<_, u8, Error>("held", ()).gather().stream();
    assert!(Box::pin(stream.next()).now_or_never().is_none());
    drop(stream);
    raw::until("the end of the reading task", async || {
        tasks.num_alive_tasks() <= before
    })
    .await;
    client.publish("held", "after".into()).await.unwrap();
    assert_eq!(next_request(&mut requests).await.payload, "after");
}

#[tokio::test]
async fn a_connection_that_is_lost_midway_is_told() {
    let broker = Broker::start().await;
    let service = broker.client().await;
    let mut requests = service.subscribe("held").await.unwrap();
    raw::round_trip(&service).await;
    let caller = Caller::new(Connection::connect(broker.url()).await.unwrap());
    let gather = || {
        caller
            .call::<_, u8, Error>("held", ())
            .gather()
            .within(FOR_EVER)
    };
    let is_lost = |error: &CallError<Error>| {
        let lost = matches!(
            error,
            CallError::Transport {
                source: PublishError::Lost,
                ..
            }
        );
        assert!(lost, "{error}");
    };

    let mut stream = gather().stream();
    let inbox = until_sent(&mut Box::pin(stream.next()), &mut requests).await;
    service.publish(inbox.clone(), "1".into()).await.unwrap();
    in_time(stream.next()).await.unwrap().unwrap();
    raw::poison(broker.url(), &inbox).await;
    match in_time(stream.next()).await.unwrap().unwrap_err() {
        GatherError::Over(error) => is_lost(&error),
        failure => panic!("nobody's failure: {failure}"),
    }
    assert!(in_time(stream.next()).await.is_none());
    assert_eq!(stream.ended(), Some(Ended::Closed));

    let gathering = gather().into_future();
    let poisoned = async {
        let inbox = next_request(&mut requests).await.reply.unwrap();
        raw::poison(broker.url(), &inbox).await;
    };
    let (nothing, ()) = in_time(async { tokio::join!(gathering, poisoned) }).await;
    is_lost(&nothing.unwrap_err());
}

/// A type whose value panics as it is read, for some texts.
#[derive(Debug, PartialEq)]
struct Picky(u8);

impl<'de> serde::Deserialize<'de> for Picky {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        assert_ne!(number, 2, "not this one");
        Ok(Self(number))
    }
}

#[tokio::test]
async fn a_reply_that_panics_as_it_is_read_is_a_failure() {
    let broker = Broker::start().await;
    raw_service(&broker, "picky", |number| {
        ["1", "2", "3"]
            .get(number)
            .map(|body| body.as_bytes().to_vec())
    })
    .await;
    let caller = caller(&broker).await;
    let gather = || {
        let call = caller.call::<_, Picky, Error>("picky", ());
        call.gather().at_most(3).within(FOR_EVER)
    };
    let gathered = in_time(gather()).await.unwrap();
    assert_eq!(gathered.failures.len(), 1);
    let text = gathered.failures[0].error.to_string();
    assert!(
        text.contains("reading it panicked") && text.contains("not this one"),
        "{text}"
    );
    assert_eq!(gathered.into_values(), [Picky(1), Picky(3)]);
    let replies: Vec<_> = in_time(gather().stream().collect()).await;
    let good: Vec<_> = replies.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true]);
}

/// A flood that never ends, and nothing to end it but the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_does_not_outrun_the_time() {
    let broker = Broker::start().await;
    // One at a time: the other would take the broker's time.
    let [one_is_over, two_is_over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    for (subject, is_over) in [("flood.one", &one_is_over), ("flood.two", &two_is_over)] {
        let is_over = Arc::clone(is_over);
        raw_service(&broker, subject, move |_| {
            (!is_over.load(Ordering::Relaxed)).then(|| b"1".to_vec())
        })
        .await;
    }
    let caller = caller(&broker).await;
    // A busy machine may send nothing of a flood for as long as that.
    raw::until("replies of the first", async || {
        one_is_over.store(false, Ordering::Relaxed);
        let call = caller.call::<_, u8, Error>("flood.one", ());
        let gather = call.gather().within(Duration::from_millis(100));
        let gather = gather.at_most(usize::MAX).at_most_bytes(usize::MAX);
        let gathered = in_time(gather).await;
        one_is_over.store(true, Ordering::Relaxed);
        gathered.is_ok_and(|gathered| gathered.ended == Ended::Within)
    })
    .await;
    raw::until("replies of the second", async || {
        two_is_over.store(false, Ordering::Relaxed);
        let call = caller.call::<_, String, Error>("flood.two", ());
        let gather = call.gather().within(Duration::from_millis(100));
        let error = in_time(gather.at_most(usize::MAX).first()).await;
        two_is_over.store(true, Ordering::Relaxed);
        matches!(error, Err(CallError::Decode { .. }))
    })
    .await;
}

/// On a connection with a thread of its own, what blocks that thread blocks no gather.
#[tokio::test]
async fn the_time_is_kept_while_a_handler_blocks_the_connection() {
    let broker = Broker::start().await;
    let options = ConnectOptions::new().urls(broker.url()).own_thread(true);
    let connection = Connection::connect_with(&options).await.unwrap();
    let (entered, mut has_entered) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let service =
        ServiceBuilder::new("blocks", "1.0.0").endpoint("blocks", move |request: Request| {
            let (entered, released) = (entered.clone(), Arc::clone(&released));
            async move {
                // Elsewhere it would block the test.
                let is_apart = std::thread::current().name() == Some("nats");
                if is_apart && request.payload() == "block" {
                    let _ = entered.send(());
                    let _ = released.lock().unwrap().recv();
                }
                micro::Json(is_apart)
            }
        });
    let _service = service.start(&connection).await.unwrap();
    let client = broker.client().await;
    // The first calls of an endpoint are not run there, and on a busy machine some others.
    loop {
        tokio::select! {
            _ = has_entered.recv() => break,
            _ = raw::request(&client, "blocks", "block") => {}
        }
    }

    let caller = Caller::new(&connection);
    let gather = || {
        let call = caller.call::<_, u8, Error>("blocks", ());
        call.gather().within(Duration::from_millis(50))
    };
    let error = in_time(gather()).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error}");
    let error = in_time(gather().first()).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error}");
    let over = in_time(gather().stream().next()).await.unwrap();
    assert!(matches!(
        over,
        Err(GatherError::Over(CallError::Timeout { .. }))
    ));
    let asked = connection.discovery().within(Duration::from_millis(50));
    assert_eq!(in_time(asked.ping()).await.unwrap().ended, Ended::Within);
    release.send(()).unwrap();
    // And it serves again, here or elsewhere: it has been seen to take long.
    let served = raw::request(&client, "blocks", "").await;
    assert_eq!(raw::error_of(&served), None);
}

/// One value calls, gathers and asks who is there.
#[tokio::test]
async fn one_client_does_it_all() {
    let broker = Broker::start().await;
    let services = five(&broker).await;
    let caller = caller(&broker).await;
    let call = || caller.call::<_, String, Error>("who", ());
    let ids: HashSet<_> = services
        .iter()
        .map(|service| service.id().to_owned())
        .collect();
    assert!(ids.contains(&call().await.unwrap()));
    let stream = call().gather().at_most(5).within(FOR_EVER).stream();
    let streamed = stream.map(|reply| reply.unwrap().value).collect();
    assert_eq!(in_time::<HashSet<_>>(streamed).await, ids);
    let found = caller.discovery().of("five").at_most(5).ping().await;
    let found = found.unwrap();
    let found = found.documents().map(|ping| ping.id.clone());
    assert_eq!(found.collect::<HashSet<_>>(), ids);
}
