//! Tasks, who gets them, and for how long.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::mortal::Broker;
use crate::{Folder, all_finished, ask, file_server, http, master, part, report, tasks_of, until};

async fn next(client: &async_nats::Client) -> Value {
    ask(client, "Work.TaskToDo", &Value::Null).await.unwrap()
}

/// What a worker would say of a task that it has done.
fn finished(task: &Value, result: &str) -> Value {
    json!({ "id": task["id"], "lease": task["lease"], "result": result })
}

const RESULTS: [&str; 2] = [
    "00000000-0000-4000-8000-000000000001",
    "00000000-0000-4000-8000-000000000002",
];

#[tokio::test]
async fn twenty_tasks_wait_for_their_files() {
    let broker = Broker::start().await;
    let mut master = part(&broker, &["master"]);
    master.says("Ctrl-C").await;
    let client = broker.client().await;
    let report = report(&client).await;
    let numbers = ["to_do", "in_progress", "finished"].map(|key| report[key].as_u64());
    assert_eq!(numbers, [Some(20), Some(0), Some(0)]);
    let mut names = HashSet::new();
    for (task, id) in tasks_of(&report).iter().zip(1..) {
        assert_eq!((&task["id"], &task["state"]), (&json!(id), &json!(0)));
        let uuid = task["uuid"].as_str().unwrap();
        assert_eq!(
            (uuid.len(), &uuid[14..15]),
            (36, "4"),
            "a UUID of version 4"
        );
        names.insert(uuid.to_owned());
    }
    assert_eq!(names.len(), 20);
    // There is no file server: nothing can be worked on, and that is an answer.
    assert_eq!(
        next(&client).await,
        json!({ "empty": { "in_progress": 0 } })
    );
}

#[tokio::test]
async fn three_workers_have_each_task_once() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, url) = file_server(&broker, &folder).await;
    let mut master = master(&broker, &client, &[]).await;
    let file = report(&client).await["tasks"][0]["uuid"].clone();
    let file = http::get(&url, &format!("/{}", file.as_str().unwrap())).await;
    assert_eq!(file.body, "get,my,data,my,get,get,have");
    let mut workers: Vec<_> = (0..3)
        .map(|_| part(&broker, &["worker", "--takes", "100ms", "--within", "30s"]))
        .collect();
    let report = all_finished(&client, &url).await;
    for task in tasks_of(&report) {
        assert_eq!(
            (&task["state"], &task["handed_out"]),
            (&json!(2), &json!(1)),
            "{task}"
        );
    }
    master.says("all 20 tasks are finished").await;
    for worker in &mut workers {
        worker.says("Ctrl-C").await;
    }
    let said: usize = workers
        .iter()
        .map(|worker| worker.count("data 1, get 3, have 1, my 2"))
        .sum();
    assert_eq!(said, 20);
    assert_eq!(
        next(&client).await,
        json!({ "empty": { "in_progress": 0 } })
    );
    for worker in workers {
        assert_eq!(worker.count("WARN"), 0, "{}", worker.said());
        assert_eq!(worker.terminate().await, Some(0));
    }
}

#[tokio::test]
async fn past_the_lease_the_master_answers_and_the_late_result_does_not_count() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, _url) = file_server(&broker, &folder).await;
    let _master = master(&broker, &client, &["--lease", "500ms"]).await;
    let first = next(&client).await["task"].clone();
    assert_eq!(first["lease_ms"], 500);
    let report = until(&client, "the end of the lease", |report| {
        report["in_progress"] == 0
    })
    .await;
    assert_eq!(
        (&report["to_do"], &report["finished"]),
        (&json!(20), &json!(0))
    );
    let late = finished(&first, RESULTS[0]);
    assert_eq!(ask(&client, "Work.TaskFinished", &late).await, Err(409));

    // Those that nobody has had go first; then it comes again, under another lease.
    let mut again = next(&client).await["task"].clone();
    while again["id"] != first["id"] {
        let done = finished(&again, RESULTS[1]);
        assert_eq!(
            ask(&client, "Work.TaskFinished", &done).await,
            Ok(Value::Null)
        );
        again = next(&client).await["task"].clone();
    }
    assert_eq!(again["uuid"], first["uuid"]);
    assert_ne!(again["lease"], first["lease"]);
    let done = finished(&again, RESULTS[1]);
    assert_eq!(
        ask(&client, "Work.TaskFinished", &done).await,
        Ok(Value::Null)
    );
    assert_eq!(ask(&client, "Work.TaskFinished", &late).await, Err(409));
    // Whose answer was lost, says it again.
    assert_eq!(
        ask(&client, "Work.TaskFinished", &done).await,
        Ok(Value::Null)
    );
    let report = crate::report(&client).await;
    assert_eq!(
        (&report["to_do"], &report["finished"]),
        (&json!(0), &json!(20))
    );
    let task = &tasks_of(&report)[0];
    assert_eq!(
        (&task["finished_uuid"], &task["handed_out"]),
        (&json!(RESULTS[1]), &json!(2))
    );
}

#[tokio::test]
async fn nonsense_finishes_nothing() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, _url) = file_server(&broker, &folder).await;
    let _master = master(&broker, &client, &[]).await;
    let task = next(&client).await["task"].clone();
    let mut stranger = finished(&task, RESULTS[0]);
    stranger["lease"] = RESULTS[0].into();
    assert_eq!(ask(&client, "Work.TaskFinished", &stranger).await, Err(409));
    for id in [0, 21, u32::MAX] {
        let mut nobody = finished(&task, RESULTS[0]);
        nobody["id"] = id.into();
        assert_eq!(ask(&client, "Work.TaskFinished", &nobody).await, Err(404));
    }
    for body in [json!("x"), json!({}), json!({ "id": -1 })] {
        assert_eq!(ask(&client, "Work.TaskFinished", &body).await, Err(400));
    }
    assert_eq!(report(&client).await["in_progress"], 1);
}
