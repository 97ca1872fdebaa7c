//! The file server by itself.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::mortal::Broker;
use crate::program::Program;
use crate::{Folder, PATIENCE, ask, file_server, http};

#[tokio::test]
async fn a_file_goes_up_and_comes_down() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let (_files, url) = file_server(&broker, &folder).await;
    let missing = http::get(&url, "/notes.txt").await;
    assert_eq!(
        (missing.status, missing.body.as_str()),
        (404, "there is no `notes.txt`\n")
    );
    assert_eq!(http::post(&url, "/notes.txt", b"one").await.status, 201);
    let notes = http::get(&url, "/notes.txt").await;
    assert_eq!((notes.status, notes.body.as_str()), (200, "one"));
    assert_eq!(notes.header("content-length"), Some("3"));
    assert_eq!(http::post(&url, "/notes.txt", b"another").await.status, 201);
    assert_eq!(http::get(&url, "/notes.txt").await.body, "another");
    assert_eq!(http::post(&url, "/empty", b"").await.status, 201);
    assert_eq!(http::get(&url, "/empty").await.body, "");
    let large = vec![b'x'; 3 * 1024 * 1024];
    assert_eq!(http::post(&url, "/large", &large).await.status, 201);
    assert_eq!(http::get(&url, "/large").await.body.len(), large.len());
    assert_eq!(
        http::send(&url, "DELETE", "/large", "", b"").await.status,
        405
    );
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder() {
    let (broker, outer) = (Broker::start().await, Folder::new());
    std::fs::write(outer.path().join("secret"), "of nobody's business").unwrap();
    let path = outer.path().join("files");
    let args = [
        "files",
        "--http",
        "127.0.0.1:0",
        "--folder",
        path.to_str().unwrap(),
    ];
    let mut files = crate::part(&broker, &args);
    let url = files.word_after("files on ").await;
    let absolute = outer
        .path()
        .join("secret")
        .to_str()
        .unwrap()
        .replace('/', "%2f");
    for name in [
        "..%2fsecret",
        "%2e%2e%2Fsecret",
        "..%5csecret",
        ".%2f..%2fsecret",
        "..",
        "%00",
        &absolute,
    ] {
        let path = format!("/{name}");
        let got = http::get(&url, &path).await;
        assert_eq!(got.status, 400, "{name}: {}", got.body);
        assert!(got.body.starts_with("a file's name is"), "{}", got.body);
        assert_eq!(http::post(&url, &path, b"mine").await.status, 400, "{name}");
    }
    for path in ["/../secret", "//secret", "/a/b", "/"] {
        assert_eq!(http::get(&url, path).await.status, 404, "{path}");
    }
    let secret = std::fs::read_to_string(outer.path().join("secret")).unwrap();
    assert_eq!(secret, "of nobody's business");
}

#[tokio::test]
async fn what_the_disk_refuses_is_500_and_what_is_too_large_413() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let path = folder.path().to_str().unwrap();
    let args = [
        "files",
        "--http",
        "127.0.0.1:0",
        "--max-bytes",
        "10",
        "--folder",
        path,
    ];
    let mut files = crate::part(&broker, &args);
    let url = files.word_after("files on ").await;
    // A folder in a file's place can be neither read nor replaced.
    std::fs::create_dir_all(folder.path().join("taken/by")).unwrap();
    let read = http::get(&url, "/taken").await;
    assert_eq!(
        (read.status, read.body.as_str()),
        (500, "cannot read `taken`\n")
    );
    assert_eq!(http::post(&url, "/taken", b"x").await.status, 500);
    files.says("cannot write a file").await;

    assert_eq!(http::post(&url, "/ten", b"0123456789").await.status, 201);
    assert_eq!(
        http::post(&url, "/eleven", b"0123456789a").await.status,
        413
    );
    let chunks = b"8\r\n01234567\r\n3\r\n89a\r\n0\r\n\r\n";
    let unannounced = "Transfer-Encoding: chunked\r\n";
    let sent = http::send(&url, "POST", "/eleven", unannounced, chunks).await;
    assert_eq!(sent.status, 413);
    assert_eq!(http::get(&url, "/eleven").await.status, 404);
    let cut = http::send(&url, "POST", "/cut", unannounced, b"zz\r\n").await;
    assert_eq!(cut.status, 400);
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "nothing half is left: {left:?}");
}

#[tokio::test]
async fn it_is_found_over_nats() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let (_files, url) = file_server(&broker, &folder).await;
    let client = broker.client().await;
    let found = ask(&client, "Discovery.FileServer", &Value::Null).await;
    assert_eq!(found, Ok(json!({ "address": url })));
    let ready = http::get(&url, "/ready").await;
    assert_eq!(ready.status, 200);
    let ready: Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!(
        ready,
        json!({ "status": "ready", "nats": "connected", "http": url })
    );
}

#[tokio::test]
async fn behind_another_address_it_is_found_at_that() {
    let broker = Broker::start().await;
    let args = [
        "files",
        "--http",
        "127.0.0.1:0",
        "--public-url",
        "http://files.example:80",
    ];
    let _files = crate::part(&broker, &args);
    let found = ask(&broker.client().await, "Discovery.FileServer", &Value::Null).await;
    assert_eq!(found, Ok(json!({ "address": "http://files.example:80" })));
}

/// What does not fit on the bus is refused before it is sent, with advice; and following that, it goes.
#[tokio::test]
async fn a_large_file_goes_over_http_and_not_over_the_bus() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let (_files, url) = file_server(&broker, &folder).await;
    let large = vec![b'x'; 3 * 1024 * 1024];
    let nats = micro::Connection::connect(&broker.url()).await.unwrap();
    assert!(large.len() > nats.max_payload());
    let caller = micro::Caller::new(&nats);
    let body = micro::Bytes::from(large.clone());
    let sent = caller
        .call::<_, micro::Bytes, micro::Error>("files.put", body)
        .await;
    let refused = sent.unwrap_err().to_string();
    assert!(
        refused.contains("`files.put`") && refused.contains("send less, or a reference"),
        "{refused}"
    );
    assert_eq!(http::post(&url, "/large", &large).await.status, 201);
}

#[tokio::test]
async fn without_nats_files_are_served_and_found_once_it_is_there() {
    let (mut broker, folder) = (Broker::later(), Folder::new());
    let (mut files, url) = file_server(&broker, &folder).await;
    let readiness = async || {
        let ready = http::get(&url, "/ready").await;
        let body: Value = serde_json::from_str(&ready.body).unwrap();
        (ready.status, body["status"].clone(), body["nats"].clone())
    };
    assert_eq!(
        readiness().await,
        (503, json!("degraded"), json!("not found yet"))
    );
    assert_eq!(http::post(&url, "/early", b"bird").await.status, 201);
    assert_eq!(http::get(&url, "/early").await.body, "bird");

    broker.begin().await;
    files.says("Ctrl-C").await;
    let client = broker.client().await;
    let found = ask(&client, "Discovery.FileServer", &Value::Null).await;
    assert_eq!(found, Ok(json!({ "address": url })));
    assert_eq!(readiness().await, (200, json!("ready"), json!("connected")));

    broker.kill().await;
    let noticed = async {
        while readiness().await != (503, json!("degraded"), json!("away")) {
            tokio::time::sleep(crate::LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.unwrap();
    assert_eq!(http::get(&url, "/early").await.body, "bird");
    assert_eq!(files.terminate().await, Some(0));
}

/// Whatever is said in its place, a worker tries again and does not fall over; and so it does when the
/// real one is there again.
#[tokio::test]
async fn a_file_server_that_talks_nonsense_is_tried_again() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (files, before) = file_server(&broker, &folder).await;
    let _master = crate::master(&broker, &client, &[]).await;
    assert_eq!(files.terminate().await, Some(0));
    let sick = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [
        json!({ "address": "" }),
        json!({ "address": "no address\u{1b}[2J" }),
        json!({ "address": "file:///etc" }),
        json!({ "address": before }),
        json!({ "address": format!("http://{}", sick.local_addr().unwrap()) }),
        json!("http://127.0.0.1"),
    ];
    let mut asked = client.subscribe("Discovery.FileServer").await.unwrap();
    let serving = tokio::spawn(async move {
        let answers: [&[u8]; 3] = [
            b"",
            b"nonsense\r\n",
            b"HTTP/1.1 500 Sorry\r\ncontent-length: 0\r\n\r\n",
        ];
        for answer in answers.iter().cycle() {
            let (mut socket, _) = sick.accept().await.unwrap();
            let _ = socket.write_all(answer).await;
        }
    });
    let mut worker = crate::part(&broker, &["worker", "--takes", "0s"]);
    for address in addresses.iter().cycle().take(5 * addresses.len()) {
        let question = tokio::time::timeout(PATIENCE, asked.next()).await;
        let reply = question.unwrap().unwrap().reply.unwrap();
        client
            .publish(reply, address.to_string().into())
            .await
            .unwrap();
    }
    serving.abort();
    asked.unsubscribe().await.unwrap();
    let (_files, url) = file_server(&broker, &folder).await;
    crate::all_finished(&client, &url).await;
    worker.says("over: files do not come or do not go").await;
    assert_eq!(worker.count("WARN"), 1, "{}", worker.said());
    assert_eq!(worker.count("panicked"), 0);
    assert!(!worker.said().contains("no address\u{1b}"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_the_flag() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let (_files, url) = file_server(&broker, &folder).await;
    let address = url.trim_start_matches("http://");
    let mut second = Program::start(crate::WORKERS, &["files", "--http", address]);
    assert_eq!(second.ended().await, Some(1));
    second.says("name another address with `--http`").await;
}
