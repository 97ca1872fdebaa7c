//! One who never reads, and a publisher that sends more than fits.

use futures_util::StreamExt;
use micro_devserver::DevServer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const MAX_PENDING: usize = 16 * 1024 * 1024;
const MESSAGE: usize = 64 * 1024;
const BATCH: usize = 16;
/// Three hundred megabytes in all.
const BATCHES: usize = 300;

#[test]
fn one_that_never_reads_costs_its_bound_and_the_others_get_everything() {
    let _alone = crate::alone();
    tokio::runtime::Runtime::new().unwrap().block_on(flood());
}

async fn flood() {
    let server = DevServer::builder().max_pending(MAX_PENDING);
    let server = server.start().await.unwrap();
    let mut deaf = TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap();
    deaf.write_all(b"SUB flood 1\r\n").await.unwrap();
    let reader = async_nats::connect(server.url()).await.unwrap();
    let mut messages = reader.subscribe("flood").await.unwrap();
    reader.flush().await.unwrap();
    while server.stats().subscriptions < 2 {
        tokio::task::yield_now().await;
    }

    let publisher = async_nats::connect(server.url()).await.unwrap();
    let mut most = 0;
    for batch in 0..BATCHES {
        for number in batch * BATCH..(batch + 1) * BATCH {
            let mut body = vec![0; MESSAGE];
            body[..8].copy_from_slice(&number.to_be_bytes());
            publisher.publish("flood", body.into()).await.unwrap();
        }
        // The publisher waits for the reader, so that only one is slow.
        for number in batch * BATCH..(batch + 1) * BATCH {
            let message = messages.next().await.unwrap();
            assert_eq!(message.payload[..8], number.to_be_bytes());
            most = most.max(server.stats().pending_bytes);
        }
    }
    // What the deaf one may have, and a batch for the reader.
    let bound = MAX_PENDING + 2 * BATCH * MESSAGE;
    assert!(most <= bound, "{most} bytes were pending");
    assert!(most > MAX_PENDING / 2, "nobody was slow: {most} bytes");
    let stats = server.stats();
    assert_eq!((stats.slow_consumers, stats.connections), (1, 2));
    println!("at most {most} bytes pending");
}
