//! Connecting through websockets, with and without TLS.
//!
//! ```text
//! MICRO_TEST_NATS_SERVER=nats-server cargo test -p micro-rs --features websockets -- websockets
//! ```

use crate::broker::Broker;
use crate::connecting::{SECRET, fails, works};
use crate::identities::{Ca, Folder};

#[tokio::test]
async fn websockets_without_tls() {
    let config = format!(
        "websocket {{ host: 127.0.0.1, port: -1, no_tls: true }}
        authorization {{ user: ada, password: {SECRET} }}"
    );
    let Some(broker) = Broker::start_real(&config).await else {
        return;
    };
    let url = broker.websocket_url().unwrap();
    assert!(url.starts_with("ws://"), "{url}");
    works(
        &["--nats", url, "--user", "ada", "--password", SECRET],
        &[],
        &[SECRET],
    )
    .await;
    let in_url = url.replace("//", &format!("//ada:{SECRET}@"));
    works(&[], &[("NATS_URL", &in_url)], &[SECRET]).await;

    let refused = format!("the NATS server at {url} refused user `ada` with this password: ");
    let wrong = ["--nats", url, "--user", "ada", "--password", "wrong"];
    fails(&wrong, &[], 1, &refused, &[SECRET]).await;
    let folder = Folder::new();
    let ca = Ca::new(&folder, "ours");
    let no_tls = "TLS was asked for, and a `ws://` URL has none: write `wss://`";
    fails(
        &["--nats", url, "--tls-ca", &ca.file],
        &[],
        2,
        no_tls,
        &[SECRET],
    )
    .await;
    // A list is not to be as weak as its weakest.
    let list = format!("wss://127.0.0.1:1,{url}");
    fails(&["--nats", &list], &[], 2, no_tls, &[SECRET]).await;
    let mixed = "a list names websockets or other NATS servers, and not both";
    for other in ["tls://127.0.0.1:1", "nats://127.0.0.1:1"] {
        let list = format!("{other},{url}");
        fails(&["--nats", &list], &[], 2, mixed, &[SECRET]).await;
    }
    let nobody = "no NATS server at ws://127.0.0.1:1: ";
    fails(&["--nats", "ws://127.0.0.1:1"], &[], 1, nobody, &[SECRET]).await;
}

#[tokio::test]
async fn websockets_with_tls() {
    let folder = Folder::new();
    let (ca, other) = (Ca::new(&folder, "ours"), Ca::new(&folder, "others"));
    let server = ca.sign(&folder, "server", &["127.0.0.1"]);
    let config = format!(
        "websocket {{
            host: 127.0.0.1, port: -1
            tls {{ cert_file: {:?}, key_file: {:?} }}
        }}",
        server.cert, server.key
    );
    let Some(broker) = Broker::start_real(&config).await else {
        return;
    };
    let url = broker.websocket_url().unwrap();
    assert!(url.starts_with("wss://"), "{url}");
    works(&["--nats", url, "--tls-ca", &ca.file], &[], &[]).await;
    let unknown = "give the certificate of the CA that signed the server's (`--tls-ca`";
    fails(
        &["--nats", url, "--tls-ca", &other.file],
        &[],
        1,
        unknown,
        &[],
    )
    .await;
    let plain = url.replace("wss://", "ws://");
    fails(&["--nats", &plain], &[], 1, &plain, &[]).await;
}
