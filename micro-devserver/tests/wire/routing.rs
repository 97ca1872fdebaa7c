//! Who gets what: wildcards, queue groups, limits of subscriptions, echo, no responders, and the
//! order of things.

use crate::support::{CONNECT, Raw};
use micro_devserver::DevServer;

#[tokio::test]
async fn wildcards_take_one_token_or_the_rest() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::connect(&server).await;
    for (pattern, subject, reaches) in [
        ("w.a", "w.a", true),
        ("w.a", "w.A", false),
        ("w.*", "w.a", true),
        ("w.*", "w.a.b", false),
        ("w.*", "w", false),
        ("w.>", "w.a", true),
        ("w.>", "w.a.b", true),
        ("w.>", "w", false),
        ("*.*.c", "w.b.c", true),
        ("*.*.c", "w.b.d", false),
        ("w.*.>", "w.a.b.c", true),
        ("w.*.>", "w.a", false),
        (">", "w", true),
        ("w.a*", "w.ab", false),
        ("w.a*", "w.a*", true),
    ] {
        client
            .send(&format!(
                "SUB {pattern} 1\r\nPUB {subject} 0\r\n\r\nUNSUB 1\r\n"
            ))
            .await;
        let expected: &[_] = if reaches {
            &[format!("MSG {subject} 1 0"), String::new()]
        } else {
            &[]
        };
        assert_eq!(client.settle().await, expected, "{pattern} {subject}");
    }
}

#[tokio::test]
async fn a_queue_group_shares() {
    const MESSAGES: usize = 300;
    let server = DevServer::start().await.unwrap();
    let mut members = Vec::new();
    for subject in ["shared.work", "shared.*", "shared.>"] {
        let mut member = Raw::connect(&server).await;
        member.send(&format!("SUB {subject} workers 1\r\n")).await;
        assert!(member.settle().await.is_empty());
        members.push(member);
    }
    let mut observer = Raw::connect(&server).await;
    observer
        .send("SUB shared.work observers 1\r\nSUB shared.work 2\r\n")
        .await;
    assert!(observer.settle().await.is_empty());

    let mut publisher = Raw::connect(&server).await;
    for number in 0..MESSAGES {
        let body = format!("{number:03}");
        publisher
            .send(&format!("PUB shared.work 3\r\n{body}\r\n"))
            .await;
    }
    assert!(publisher.settle().await.is_empty());

    let mut all = Vec::new();
    for member in &mut members {
        let lines = member.settle().await;
        let mine: Vec<_> = lines.iter().skip(1).step_by(2).cloned().collect();
        assert!(
            mine.len() > MESSAGES / 10,
            "one member got {} of {MESSAGES}",
            mine.len()
        );
        assert!(mine.is_sorted(), "out of order");
        all.extend(mine);
    }
    all.sort();
    assert_eq!(
        all,
        (0..MESSAGES)
            .map(|number| format!("{number:03}"))
            .collect::<Vec<_>>()
    );
    let watched = observer.settle().await;
    assert_eq!(
        watched
            .iter()
            .filter(|line| line.starts_with("MSG shared.work 1 "))
            .count(),
        MESSAGES
    );
    assert_eq!(
        watched
            .iter()
            .filter(|line| line.starts_with("MSG shared.work 2 "))
            .count(),
        MESSAGES
    );
}

#[tokio::test]
async fn unsubscribe_counts_from_the_beginning() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::connect(&server).await;
    for (script, deliveries) in [
        ("P P U P P", 2),
        ("U2 P P P", 2),
        ("P U3 P P P", 3),
        // As many as there were: over now.
        ("P P U2 P", 2),
        ("P P U1 P", 2),
        // Zero, more than nine digits, and what is no number mean now.
        ("U0 P", 0),
        ("P U1234567890 P", 1),
        ("P U18446744073709551615 P", 1),
        ("Ux P", 0),
        ("U999999999 P P P", 3),
        // The last word counts.
        ("U1 U3 P P P P", 3),
        ("U3 U P P", 0),
        ("U2 U18446744073709551615 P", 0),
    ] {
        client.send("SUB counted 1\r\n").await;
        for step in script.split(' ') {
            match step.strip_prefix('U') {
                None => client.send("PUB counted 0\r\n\r\n").await,
                Some(max) => client.send(&format!("UNSUB 1 {max}\r\n")).await,
            }
        }
        assert_eq!(client.settle().await.len(), deliveries * 2, "{script}");
        client.send("UNSUB 1\r\n").await;
    }
}

#[tokio::test]
async fn a_sid_in_use_stays_what_it_is() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::connect(&server).await;
    client
        .send("SUB first 1\r\nSUB second 1\r\nPUB second 0\r\n\r\nPUB first 0\r\n\r\n")
        .await;
    assert_eq!(client.settle().await, ["MSG first 1 0", ""]);
}

#[tokio::test]
async fn no_responders_is_told_to_those_who_ask() {
    let server = DevServer::start().await.unwrap();
    let answer = "HMSG _INBOX.x.1 7 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n";
    let request = "PUB nobody _INBOX.x.1 0\r\n\r\n";

    let mut client = Raw::connect(&server).await;
    client.send(&format!("SUB _INBOX.x.* 7\r\n{request}")).await;
    client.expect(answer).await;
    // It is not a delivery: the limit of one is still open.
    client
        .send(&format!(
            "UNSUB 7 1\r\n{request}{request}PUB _INBOX.x.2 0\r\n\r\n{request}"
        ))
        .await;
    client.expect(&answer.repeat(2)).await;
    assert_eq!(client.settle().await, ["MSG _INBOX.x.2 7 0", ""]);

    let mut indifferent = Raw::connect_with(
        &server,
        r#"CONNECT {"verbose":false,"protocol":1,"headers":true}"#,
    )
    .await;
    indifferent
        .send(&format!("SUB _INBOX.x.* 7\r\n{request}"))
        .await;
    assert!(indifferent.settle().await.is_empty());

    // With somebody there, no status; with a limit reached, a status again.
    let mut responder = Raw::connect(&server).await;
    responder.send("SUB nobody 1\r\nUNSUB 1 1\r\n").await;
    assert!(responder.settle().await.is_empty());
    let mut client = Raw::connect(&server).await;
    client.send(&format!("SUB _INBOX.x.* 7\r\n{request}")).await;
    assert!(client.settle().await.is_empty());
    client.send(request).await;
    client.expect(answer).await;
}

#[tokio::test]
async fn without_echo_a_client_does_not_hear_itself() {
    let server = DevServer::start().await.unwrap();
    let quiet = CONNECT.replace("false,\"protocol\"", "false,\"echo\":false,\"protocol\"");
    let mut client = Raw::connect_with(&server, &quiet).await;
    client
        .send("SUB echo 1\r\nSUB echo q 2\r\nSUB reply 3\r\nPUB echo reply 0\r\n\r\n")
        .await;
    client
        .expect("HMSG reply 3 36 36\r\nNATS/1.0 503\r\nNats-Subject: echo\r\n\r\n\r\n")
        .await;

    // The other member of the group gets all, because the publisher is passed over.
    let mut other = Raw::connect(&server).await;
    other.send("SUB echo q 1\r\n").await;
    assert!(other.settle().await.is_empty());
    client.send(&"PUB echo reply 0\r\n\r\n".repeat(50)).await;
    assert!(client.settle().await.is_empty());
    assert_eq!(other.settle().await.len(), 100);
}

#[tokio::test]
async fn a_second_connect_starts_again() {
    let server = DevServer::start().await.unwrap();
    let mut client = Raw::connect(&server).await;
    client
        .send("SUB again 1\r\nCONNECT {\"verbose\":false}\r\nPUB again 0\r\n\r\n")
        .await;
    assert!(client.settle().await.is_empty());
}

/// Others publish as fast as they can on other threads; a subscriber leaves and sends itself a
/// message. Nothing for the subscription it left may come after that message.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_to_oneself_is_a_barrier() {
    const ROUNDS: usize = 60;
    let server = DevServer::start().await.unwrap();
    let mut publishers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let mut publisher = Raw::connect(&server).await;
        publishers.spawn(async move {
            loop {
                publisher.send(&"PUB load 2\r\nhi\r\n".repeat(20)).await;
                publisher.settle().await;
            }
        });
    }
    let mut client = Raw::connect(&server).await;
    client.send("SUB barrier b\r\n").await;
    for round in 0..ROUNDS {
        let unsubscribe = ["UNSUB s", "UNSUB s 18446744073709551615"][round % 2];
        client.send("SUB load q s\r\n").await;
        for _ in 0..100 {
            assert_eq!(client.line().await, "MSG load s 2");
            client.expect("hi\r\n").await;
        }
        client
            .send(&format!("{unsubscribe}\r\nPUB barrier 0\r\n\r\n"))
            .await;
        while client.line().await != "MSG barrier b 0" {}
        client.expect("\r\n").await;
        for _ in 0..5 {
            assert_eq!(
                client.settle().await,
                Vec::<String>::new(),
                "after the barrier of round {round}"
            );
        }
    }
    publishers.shutdown().await;
}
