//! One request after another, handed to an endpoint without a network: what `.ci/instructions` counts
//! the instructions of.
//!
//! `.ci/instructions` builds this with `--cfg fuzzing`, which opens the door that the requests go
//! through, and runs it under callgrind, which counts what happens within [`counted`]: from a request
//! that was read to a reply in the client's queue. `raw` is the echo by hand. Alone it does nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot go on has failed"
)]

#[cfg(not(fuzzing))]
fn main() {
    println!("instructions: counted by `.ci/instructions`");
}

#[cfg(fuzzing)]
fn main() {
    let kind = std::env::args().nth(1).expect("the name of a request");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(counting::run(&kind));
}

#[cfg(fuzzing)]
mod counting {
    use async_nats::client::traits::Publisher as _;
    use async_nats::message::OutboundMessage;
    use async_nats::{Client, HeaderMap, Message, Subject};
    use futures_util::FutureExt as _;
    use micro::prelude::*;
    use micro::{Bytes, Connection, DevServer, Request};
    use micro_core::fuzzing::Intake;
    use serde::{Deserialize, Serialize};

    /// How many requests are counted, after so many that do what is done once.
    const REQUESTS: usize = 100;
    const WARM: usize = 10;

    #[derive(Serialize, Deserialize)]
    struct Operands {
        a: f64,
        b: f64,
    }

    #[derive(Debug, thiserror::Error, ServiceError)]
    #[service_error(code = 422)]
    enum MathError {
        #[error("cannot divide {dividend} by zero")]
        DivideByZero { dividend: f64 },
    }

    struct Numbers;

    #[service(name = "numbers", version = "1.0.0")]
    impl Numbers {
        #[endpoint]
        async fn add(&self, operands: Operands) -> f64 {
            operands.a + operands.b
        }

        #[endpoint(timeout = "2s")]
        async fn divide(&self, operands: Operands) -> Result<f64, MathError> {
            match operands.b {
                0.0 => Err(MathError::DivideByZero {
                    dividend: operands.a,
                }),
                divisor => Ok(operands.a / divisor),
            }
        }
    }

    /// One kind of request: its endpoint, its body, and how many of it end in an error.
    struct Kind {
        endpoint: usize,
        headers: bool,
        body: &'static [u8],
        errors: u64,
        busy: bool,
    }

    const PLAIN: Kind = Kind {
        endpoint: 0,
        headers: false,
        body: br#"{"a":1,"b":2}"#,
        errors: 0,
        busy: false,
    };

    fn kind(name: &str) -> Kind {
        match name {
            "add" => PLAIN,
            "divide" => Kind {
                endpoint: 1,
                ..PLAIN
            },
            "error" => Kind {
                endpoint: 1,
                body: br#"{"a":1,"b":0}"#,
                errors: 1,
                ..PLAIN
            },
            "undecodable" => Kind {
                body: br#"{"a":1,"b":"x"}"#,
                errors: 1,
                ..PLAIN
            },
            "echo" => Kind {
                endpoint: 2,
                ..PLAIN
            },
            "echo-headers" => Kind {
                endpoint: 2,
                headers: true,
                ..PLAIN
            },
            "refused" => Kind {
                endpoint: 3,
                errors: 1,
                busy: true,
                ..PLAIN
            },
            other => panic!("there is no request `{other}`"),
        }
    }

    fn service() -> ServiceBuilder {
        ServiceBuilder::of(Numbers)
            .endpoint("echo", async |request: Request| request.payload().clone())
            .endpoint_with(
                "busy",
                async |_: Request| std::future::pending::<()>().await,
                |endpoint| endpoint.concurrency(1).pending(0),
            )
    }

    fn message(kind: &Kind) -> Message {
        let mut headers = HeaderMap::new();
        headers.insert("X-One", "1");
        headers.insert("X-Two", "2");
        // Parts of one buffer, as the client has them.
        let (subject, reply) = (
            "numbers.of.a.length",
            "_INBOX.GsYCCPIYjCPnTBRvzmmVzJ.KkWcV3Jf",
        );
        let read = Bytes::from([subject.as_bytes(), reply.as_bytes(), kind.body].concat());
        let (to, body) = (subject.len(), subject.len() + reply.len());
        Message {
            subject: Subject::from_utf8(read.slice(..to)).unwrap(),
            reply: Some(Subject::from_utf8(read.slice(to..body)).unwrap()),
            payload: read.slice(body..),
            headers: kind.headers.then_some(headers),
            status: None,
            description: None,
            length: 100,
        }
    }

    /// What is counted. It has a name that callgrind finds.
    #[inline(never)]
    fn counted(request: impl FnOnce() -> bool) -> bool {
        request()
    }

    /// An echo by hand, for comparison.
    fn raw(client: &Client, request: Message) -> bool {
        let Some(subject) = request.reply else {
            return false;
        };
        let reply = OutboundMessage {
            subject,
            reply: None,
            headers: None,
            payload: request.payload,
        };
        let sent = client.publish_message(reply);
        sent.now_or_never().is_some_and(|sent| sent.is_ok())
    }

    pub(super) async fn run(name: &str) {
        let server = DevServer::start().await.unwrap();
        let connection = Connection::connect(&server.url()).await.unwrap();
        let client = connection.client();
        if name == "raw" {
            for number in 0..WARM + REQUESTS {
                let request = message(&PLAIN);
                let done = if number < WARM {
                    raw(&client, request)
                } else {
                    counted(|| raw(&client, request))
                };
                assert!(done);
                client.flush().await.unwrap();
            }
            println!("{REQUESTS}");
            return;
        }
        let kind = kind(name);
        let mut endpoints = Intake::of(service(), &connection).unwrap();
        let mut intake = endpoints.swap_remove(kind.endpoint);
        let mut before = 0;
        if kind.busy {
            // One that is served for ever.
            assert!(intake.hand_over(message(&kind)));
        }
        for number in 0..WARM + REQUESTS {
            let request = message(&kind);
            let done = if number < WARM {
                intake.hand_over(request)
            } else {
                counted(|| intake.hand_over(request))
            };
            assert!(done);
            before += 1;
            assert_eq!(intake.counted(), (before, before * kind.errors), "{name}");
            // The client's queue is emptied.
            client.flush().await.unwrap();
        }
        println!("{REQUESTS}");
    }
}
