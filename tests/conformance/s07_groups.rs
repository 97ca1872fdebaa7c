//! Section 7: from groups and endpoints to names and subjects.

use micro::{Group, Request, ServiceBuilder};

use crate::broker::Broker;
use crate::documents::{counts, each, echo, info, is_silent, stats};
use crate::raw;

#[tokio::test]
async fn subjects_are_joined_with_dots_and_an_empty_group_adds_nothing() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("joined", "1.0.0")
        .endpoint("root", echo)
        .group("", |empty| {
            empty.endpoint("still-root", echo).group("g1", |g1| {
                g1.endpoint("one", echo)
                    .group("", |same| same.endpoint("foo", echo))
                    .group("g2.g3", |deep| deep.endpoint("bar.baz", echo))
            })
        })
        .group("numbers", |numbers| {
            numbers.endpoint("add", echo).endpoint("multiply", echo)
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let subjects = [
        "root",
        "still-root",
        "g1.one",
        "g1.foo",
        "g1.g2.g3.bar.baz",
        "numbers.add",
        "numbers.multiply",
    ];
    assert_eq!(each(&info(&client, &service).await, "subject"), subjects);
    for subject in subjects {
        let reply = raw::request(&client, subject, subject).await;
        assert_eq!(raw::text(&reply), subject);
    }
    for nobody in ["one", "foo", "bar.baz", "add", "numbers", "g1"] {
        assert!(is_silent(&client, nobody).await, "{nobody}");
    }
}

#[tokio::test]
async fn a_group_never_changes_the_name_of_an_endpoint() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("named", "1.0.0")
        .prefix("tenant.one")
        .group("grp", |group| {
            group
                .endpoint("alpha", echo)
                .endpoint_with("beta", echo, |endpoint| endpoint.name("Beta"))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let document = info(&broker.client().await, &service).await;
    assert_eq!(each(&document, "name"), ["alpha", "Beta"]);
    assert_eq!(
        each(&document, "subject"),
        ["tenant.one.grp.alpha", "tenant.one.grp.beta"]
    );
}

#[tokio::test]
async fn a_name_that_is_not_given_is_the_subject_with_dashes_for_dots() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("default", "1.0.0")
        .endpoint("add", echo)
        .endpoint("svc.sub.one", echo)
        .endpoint("any.*.tail.>", echo)
        .endpoint("users.{user}.get", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let document = info(&broker.client().await, &service).await;
    assert_eq!(
        each(&document, "name"),
        ["add", "svc-sub-one", "any-any-tail-all", "users-user-get"]
    );
    assert_eq!(
        each(&document, "subject"),
        ["add", "svc.sub.one", "any.*.tail.>", "users.*.get"]
    );
}

#[tokio::test]
async fn an_endpoint_is_served_on_its_subject_and_not_on_its_name() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("adder", "1.0.0")
        .endpoint_with("svc.add", echo, |endpoint| endpoint.name("Adder"))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let document = info(&client, &service).await;
    assert_eq!(
        (each(&document, "name"), each(&document, "subject")),
        (vec!["Adder"], vec!["svc.add"])
    );
    assert_eq!(raw::text(&raw::request(&client, "svc.add", "x").await), "x");
    assert!(is_silent(&client, "Adder").await);
}

#[tokio::test]
async fn a_base_endpoint_is_named_default() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("EchoService", "1.0.0")
        .base_endpoint("svc.echo", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let document = info(&client, &service).await;
    assert_eq!(
        (each(&document, "name"), each(&document, "subject")),
        (vec!["default"], vec!["svc.echo"])
    );
    for body in ["hello!", "", &"x".repeat(1024 * 1024)] {
        let reply = raw::request(&client, "svc.echo", body).await;
        assert!(raw::text(&reply) == body, "{} bytes differ", body.len());
        assert_eq!(reply.headers, None);
    }
}

#[tokio::test]
async fn groups_nest_without_limit() {
    fn nest(group: Group, depth: usize) -> Group {
        match depth {
            0 => group.endpoint("end", echo),
            _ => group.group("g", |inner| nest(inner, depth - 1)),
        }
    }
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("nested", "1.0.0")
        .group("g", |group| nest(group, 99))
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    let subject = format!("{}end", "g.".repeat(100));
    assert_eq!(each(&info(&client, &service).await, "subject"), [&subject]);
    assert_eq!(raw::text(&raw::request(&client, &subject, "x").await), "x");
}

#[tokio::test]
async fn endpoints_may_share_a_name_and_are_counted_apart() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("twins", "1.0.0")
        .endpoint_with("first", echo, |endpoint| endpoint.name("twin"))
        .endpoint_with("second", echo, |endpoint| endpoint.name("twin"))
        .group("g", |group| {
            group.endpoint_with("third", echo, |endpoint| endpoint.name("twin"))
        })
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for (subject, times) in [("first", 1), ("second", 2), ("g.third", 3)] {
        for _ in 0..times {
            raw::request(&client, subject, "x").await;
        }
    }
    let document = stats(&client, &service).await;
    assert_eq!(each(&document, "name"), ["twin"; 3]);
    let endpoints = document["endpoints"].as_array().unwrap();
    let seen: Vec<_> = endpoints.iter().map(counts).collect();
    assert_eq!(seen, [(1, 0), (2, 0), (3, 0)]);
}

#[tokio::test]
async fn endpoints_of_one_subject_and_queue_group_answer_each_request_once() {
    let broker = Broker::start().await;
    let service = ServiceBuilder::new("twins", "1.0.0")
        .endpoint("same", echo)
        .endpoint("same", echo)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for _ in 0..20 {
        assert_eq!(raw::gather(&client, "same", 1).await.len(), 1);
    }
    let document = stats(&client, &service).await;
    let endpoints = document["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 2);
    assert_eq!(endpoints.iter().map(|e| counts(e).0).sum::<u64>(), 20);
}

#[tokio::test]
async fn a_wildcard_subject_is_served_whole_and_the_handler_sees_what_was_asked() {
    let broker = Broker::start().await;
    let seen = async |request: Request| request.context().subject().to_owned();
    let user = async |request: Request| {
        let user = request.context().placeholder("user").unwrap_or("nobody");
        user.to_owned()
    };
    let _service = ServiceBuilder::new("wild", "1.0.0")
        .endpoint("one.*.x", seen)
        .endpoint("tail.>", seen)
        .endpoint("users.{user}.get", user)
        .start(&broker.client().await)
        .await
        .unwrap();
    let client = broker.client().await;
    for (subject, answer) in [
        ("one.a.x", "one.a.x"),
        ("tail.a", "tail.a"),
        ("tail.a.b.c", "tail.a.b.c"),
        ("users.ada.get", "ada"),
    ] {
        assert_eq!(raw::text(&raw::request(&client, subject, "").await), answer);
    }
    for nobody in ["one.x", "one.a.b.x", "tail", "users.get", "users.a.b.get"] {
        assert!(is_silent(&client, nobody).await, "{nobody}");
    }
}
