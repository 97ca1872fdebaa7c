//! How the programs start, and how they end.

use std::time::Duration;

use crate::mortal::{Broker, free_port};
use crate::program::Program;
use crate::{Folder, WORKERS, file_server, master, part, report, tasks_of, until};

#[tokio::test]
async fn one_command_does_it_all() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let path = folder.path().to_str().unwrap();
    let args = [
        "all",
        "--http",
        "127.0.0.1:0",
        "--takes",
        "10ms",
        "--folder",
        path,
    ];
    let mut all = part(&broker, &args);
    all.says("Ctrl-C").await;
    // One column, whosever endpoints they are.
    all.says("  TaskToDo      Work.TaskToDo         queue group q")
        .await;
    all.says("  FileServer    Discovery.FileServer  queue group q")
        .await;
    all.says("all 20 tasks are finished").await;
    all.says("task 20  data 1, get 3, have 1, my 2").await;
    assert_eq!(all.count("WARN"), 0, "{}", all.said());
    let mut call = Program::start(WORKERS, &["--nats", &broker.url(), "call", "Report"]);
    assert_eq!(call.ended().await, Some(0));
    call.says(r#""finished":20"#).await;
    assert_eq!(all.terminate().await, Some(0));
}

#[tokio::test]
async fn one_command_needs_nothing_that_is_installed() {
    let folder = Folder::new();
    let path = folder.path().to_str().unwrap();
    let args = [
        "--nats",
        "dev",
        "all",
        "--http",
        "127.0.0.1:0",
        "--takes",
        "10ms",
        "--folder",
        path,
    ];
    let mut all = Program::start(WORKERS, &args);
    all.says("development server inside this process").await;
    all.says("all 20 tasks are finished").await;
    assert_eq!(all.terminate().await, Some(0));
}

#[tokio::test]
async fn a_master_that_cannot_connect_says_so_and_ends() {
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    for part in ["master", "all"] {
        let mut master = Program::start(WORKERS, &["--nats", &nobody, part]);
        assert_eq!(master.ended().await, Some(1));
        master.says(&nobody).await;
        assert_eq!(master.count("panicked"), 0);
    }
}

#[tokio::test]
async fn a_state_that_is_none_is_an_error_that_names_the_flag() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let state = folder.path().join("state");
    std::fs::write(&state, "not JSON").unwrap();
    let mut master = part(&broker, &["master", "--state", state.to_str().unwrap()]);
    assert_eq!(master.ended().await, Some(1));
    master.says("`--state` names the file").await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_finishes_its_tasks_first() {
    let (broker, folder) = (Broker::start().await, Folder::new());
    let client = broker.client().await;
    let (_files, _url) = file_server(&broker, &folder).await;
    let _master = master(&broker, &client, &[]).await;
    let worker = part(&broker, &["worker", "--takes", "1s", "--within", "30s"]);
    until(&client, "8 in progress", |report| {
        report["in_progress"] == 8
    })
    .await;
    assert_eq!(worker.terminate().await, Some(0));
    let report = report(&client).await;
    assert_eq!(report["in_progress"], 0, "{report}");
    for task in tasks_of(&report) {
        assert_eq!(task["handed_out"], u64::from(task["state"] == 2), "{task}");
    }
}

/// What a worker does that has nothing to do, or nobody to ask: next to nothing. A rate needs a time,
/// and this is the one of the rule: fewer than 10 lines in 5 s, and so many hundredths of one CPU.
pub(crate) async fn is_quiet(worker: &Program, cpu_percent: u64) {
    let before = (lines(worker), cpu_ms(worker.id()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (said, took) = (lines(worker) - before.0, cpu_ms(worker.id()) - before.1);
    assert!(said < 10, "{said} lines in 5 s\n{}", worker.said());
    assert!(took < 50 * cpu_percent, "{took} ms of CPU in 5 s");
}

/// A master whose tasks have no files, and workers all of whose loops wait for something to do.
async fn idle(broker: &Broker) -> (Program, [Program; 2]) {
    let mut master = part(broker, &["master"]);
    master.says("Ctrl-C").await;
    let mut worker = part(broker, &["worker"]);
    let mut many = part(broker, &["worker", "--loops", "256"]);
    worker.says("Ctrl-C").await;
    many.says("Ctrl-C").await;
    (master, [worker, many])
}

#[tokio::test]
async fn a_worker_without_nats_is_quiet_and_costs_nothing() {
    let mut broker = Broker::start().await;
    let (_master, [mut worker, mut many]) = idle(&broker).await;
    broker.kill().await;
    is_quiet(&worker, 1).await;
    worker.says("no master answers").await;
    many.says("no master answers").await;
    assert_eq!(many.count("no master answers"), 1, "{}", many.said());
}

#[tokio::test]
async fn a_worker_without_a_master_or_without_work_is_quiet_and_costs_nothing() {
    let broker = Broker::start().await;
    let (master, [mut worker, _]) = idle(&broker).await;
    // It asks, and a program that is built for debugging is slow; one that does not pause takes 100 %.
    is_quiet(&worker, 5).await;
    assert_eq!(worker.count("WARN"), 0, "an empty answer is no trouble");
    master.kill().await;
    worker.says("no master answers").await;
    is_quiet(&worker, 5).await;
}

fn lines(program: &Program) -> usize {
    program.said().lines().count()
}

/// How much CPU a process has had, as Linux tells it; nothing elsewhere.
fn cpu_ms(id: u32) -> u64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else {
        return 0;
    };
    // Behind the name, which is in brackets and may have blanks.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let times = fields.split(' ').skip(11).take(2);
    // In hundredths of a second, wherever Linux is built as it comes.
    10 * times.map(|time| time.parse::<u64>().unwrap()).sum::<u64>()
}

#[tokio::test]
async fn help_names_the_parts_and_their_flags() {
    let says = async |args: &[&str], wants: &[&str]| {
        let mut help = Program::start(WORKERS, args);
        assert_eq!(help.ended().await, Some(0));
        for text in wants {
            help.says(text).await;
        }
    };
    says(
        &["--help"],
        &["master", "files", "worker", "call", "NATS_URL"],
    )
    .await;
    says(&["master", "--help"], &["--lease", "--state", "--nats"]).await;
    says(&["files", "--help"], &["--http", "--folder", "--max-bytes"]).await;
    says(&["worker", "--help"], &["--loops", "--takes"]).await;
}
