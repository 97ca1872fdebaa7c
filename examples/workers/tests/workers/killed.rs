//! The table of README.md: what becomes of the work when one of them is killed.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::mortal::Broker;
use crate::start::is_quiet;
use crate::{Folder, all_finished, file_server, master, part, report, tasks_of, until, uploaded};

/// Slow enough to be killed in the middle.
const SLOW: [&str; 5] = ["worker", "--takes", "300ms", "--loops", "2"];

/// The same, and patient: a loaded machine is not what is tested.
const PATIENT: [&str; 7] = [
    "worker", "--takes", "300ms", "--loops", "2", "--within", "30s",
];

fn names(report: &Value) -> HashSet<String> {
    let tasks = tasks_of(report).iter();
    tasks
        .map(|task| task["uuid"].as_str().unwrap().to_owned())
        .collect()
}

async fn some_finished(client: &async_nats::Client) {
    until(client, "some finished", |report| {
        report["finished"].as_u64() > Some(1)
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_is_killed_loses_its_tasks_to_another() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, url) = file_server(&broker, &folder).await;
    let _master = master(&broker, &client, &["--lease", "5s"]).await;
    let first = part(&broker, &["worker", "--takes", "1h"]);
    let held = until(&client, "8 in progress", |report| {
        report["in_progress"] == 8
    })
    .await;
    first.kill().await;
    let _second = part(&broker, &["worker", "--takes", "0s"]);
    let report = all_finished(&client, &url).await;
    let tasks = tasks_of(&held).iter().zip(tasks_of(&report));
    let again = tasks.filter(|(held, _)| held["state"] == 1);
    let again: Vec<_> = again.map(|(_, task)| task["handed_out"].as_u64()).collect();
    assert_eq!(again.len(), 8);
    assert!(again.iter().all(|times| *times >= Some(2)), "{report}");
}

#[tokio::test]
async fn a_file_server_that_is_killed_and_comes_back_elsewhere_is_found() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (files, before) = file_server(&broker, &folder).await;
    let _master = master(&broker, &client, &[]).await;
    let mut worker = part(&broker, &PATIENT);
    some_finished(&client).await;
    files.kill().await;
    worker.says("files do not come or do not go").await;
    is_quiet(&worker, 5).await;
    let (_files, url) = file_server(&broker, &folder).await;
    assert_ne!(url, before);
    worker.says("over: files do not come").await;
    let report = all_finished(&client, &url).await;
    for task in tasks_of(&report) {
        assert_eq!(task["handed_out"], 1, "nobody gave up: {task}");
    }
    assert_eq!(worker.count("WARN"), 1, "{}", worker.said());
}

#[tokio::test]
async fn a_master_that_is_killed_goes_on_where_it_was() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, url) = file_server(&broker, &folder).await;
    let state = folder.path().join("state");
    // An answer that is lost with the first comes back with its lease.
    let state = ["--lease", "20s", "--state", state.to_str().unwrap()];
    let first = master(&broker, &client, &state).await;
    let worker = part(&broker, &SLOW);
    some_finished(&client).await;
    let before = report(&client).await;
    first.kill().await;
    let mut second = part(&broker, &[&["master"][..], &state].concat());
    second.says("all 20 tasks are finished").await;
    let report = all_finished(&client, &url).await;
    for (before, after) in tasks_of(&before).iter().zip(tasks_of(&report)) {
        assert_eq!(before["uuid"], after["uuid"]);
        if before["state"] == 2 {
            assert_eq!(before, after, "what was finished stays so");
        }
    }
    // What the worker had of the first, the second takes.
    assert_eq!(worker.count("given up"), 0, "{}", worker.said());
}

#[tokio::test]
async fn a_master_without_state_that_is_killed_begins_anew() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, url) = file_server(&broker, &folder).await;
    let first = master(&broker, &client, &[]).await;
    let mut worker = part(&broker, &["worker", "--takes", "1s"]);
    until(&client, "8 in progress", |report| {
        report["in_progress"] == 8
    })
    .await;
    let before = names(&report(&client).await);
    first.kill().await;
    let _second = part(&broker, &["master"]);
    let report = all_finished(&client, &url).await;
    assert!(before.is_disjoint(&names(&report)));
    // What the worker had of the first is none of the second's.
    worker.says("given up: the lease of task").await;
}

#[tokio::test]
async fn nats_that_is_killed_and_comes_back_loses_no_task() {
    let (mut broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, url) = file_server(&broker, &folder).await;
    // What was handed out in an answer that nobody got comes back with its lease.
    let _master = master(&broker, &client, &["--lease", "5s"]).await;
    let mut workers = [part(&broker, &SLOW), part(&broker, &SLOW)];
    some_finished(&client).await;
    broker.kill().await;
    for worker in &mut workers {
        worker.says("saying no more until it is over").await;
    }
    broker.begin().await;
    uploaded(&client).await;
    let report = all_finished(&client, &url).await;
    assert_eq!(report["to_do"], json!(0));
    for worker in &workers {
        assert!(worker.count("WARN") < 10, "{}", worker.said());
    }
}
