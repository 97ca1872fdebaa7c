//! What is asked of whom: each scenario gives the tables that it is shown by.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;

use crate::calls::Calls;
use crate::load::{Job, Measured, Pace};
use crate::peers::{How, Peer, Running};
use crate::table::{Kind, Row, Table};
use crate::wire::Body;
use crate::{Part, again, service};

/// Before the first measurement of a process: what it compiles or allocates once is done then.
const FIRST_WARM_UP: Duration = Duration::from_millis(200);
/// What a handler of `compute` uses.
pub(crate) const COMPUTE: Duration = Duration::from_millis(2);
/// Requests a second that look how discovery and a neighbour do meanwhile.
const PROBES: f64 = 200.0;
/// Few and many for two cores.
const COMPUTE_OUTSTANDING: [u32; 2] = [8, 64];
/// What a handler of `connections` uses: too little for a task of its own.
const LITTLE: Duration = Duration::from_micros(25);
const LITTLE_OUTSTANDING: u32 = 256;
const CONNECTIONS: [usize; 2] = [1, 2];
const WAIT_OUTSTANDING: u32 = 1000;
const BUSY: u32 = 1024;
const SMALL_BYTES: usize = 16;
/// Calls one after the other, and many at a time.
const CALLS_OUTSTANDING: [u32; 2] = [1, 64];
/// Shares of the saturation throughput.
const LEVELS: [f64; 7] = [0.1, 0.25, 0.4, 0.5, 0.65, 0.8, 0.9];

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// Bytes that come back.
    Echo,
    /// Two numbers in JSON, and their sum.
    Add,
    /// A handler that waits 10 ms, 1,000 at a time.
    Wait,
    /// A handler that computes 2 ms.
    Compute,
    /// A cheap handler that uses 25 us, over one connection and over two.
    Connections,
    /// Latency at half of what raw async-nats can do.
    Load,
    /// Calls of an endpoint, by a generated client and by hand.
    Call,
    /// Latency against load, for `--plot`.
    Plot,
}

/// What is the same for all of them.
pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) broker: Vec<u32>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) rounds: usize,
    pub(crate) measure: Duration,
    /// How long for percentiles, and for handlers that are slow: they need more than a mean of many.
    pub(crate) at_least: Duration,
    pub(crate) sizes: Vec<usize>,
    pub(crate) outstanding: Vec<u32>,
}

/// One request, many times.
struct Ask {
    endpoint: &'static str,
    body: Body,
    pace: Pace,
    measure: Duration,
}

/// What is asked of several, in a table.
struct Case {
    title: String,
    target: &'static str,
    ask: Ask,
}

impl Scenario {
    /// Measures; saturation may be known from the tables there are already.
    pub(crate) fn run(self, bench: &Bench, known: &[Table]) -> Vec<Table> {
        match self {
            Self::Echo => bench.echo(),
            Self::Add => bench.add(),
            Self::Wait => bench.wait(),
            Self::Compute => bench.compute(),
            Self::Connections => bench.connections(),
            Self::Load => bench.load(bench.saturation(known)),
            Self::Call => bench.call(),
            Self::Plot => bench.levels(bench.saturation(known)),
        }
    }
}

impl Bench {
    fn echo(&self) -> Vec<Table> {
        let mut cases = Vec::new();
        for (place, &size) in self.sizes.iter().enumerate() {
            for &outstanding in &self.outstanding {
                if outstanding > 1 || place == 0 {
                    let title = format!("echo, {size} B, {outstanding} outstanding");
                    let target = match outstanding {
                        1 => "no target: latency, most of it the kernel's and the broker's",
                        _ => "target ≤ 1.05 × raw",
                    };
                    let pace = Pace::Outstanding(outstanding);
                    let ask = self.ask("echo", Body::Echo(size), pace);
                    cases.push(Case { title, target, ask });
                }
            }
        }
        self.compare(Scenario::Echo, Kind::Cost, Peer::value_variants(), &cases)
    }

    fn add(&self) -> Vec<Table> {
        let body = Body::Fixed {
            send: r#"{"a":1,"b":2}"#.to_owned(),
            expect: vec!["3".to_owned(), "3.0".to_owned()],
        };
        let ask = self.ask("add", body, Pace::Outstanding(BUSY));
        let title = format!("add, typed JSON, {BUSY} outstanding");
        let target = "target ≤ 0.8 × service in its fastest form, ≤ 0.75 × go";
        let cases = [Case { title, target, ask }];
        self.compare(Scenario::Add, Kind::Cost, Peer::value_variants(), &cases)
    }

    fn wait(&self) -> Vec<Table> {
        let pace = Pace::Outstanding(WAIT_OUTSTANDING);
        let ask = self.ask("wait", Body::Echo(SMALL_BYTES), pace);
        let title = format!("wait 10 ms, {WAIT_OUTSTANDING} outstanding");
        let target = "target ≤ 0.6 × raw-task, with no fewer requests a second";
        let of = [Peer::Ours, Peer::RawTask, Peer::ServiceTask];
        let cases = [Case { title, target, ask }];
        self.compare(Scenario::Wait, Kind::Cost, &of, &cases)
    }

    fn load(&self, saturation: f64) -> Vec<Table> {
        let rate = saturation / 2.0;
        let title =
            format!("latency of echo at {rate:.0} requests a second, half of raw's saturation");
        let ask = self.paced(rate);
        let target = "target: p99 and p99.9 ≤ raw";
        let of = [Peer::Ours, Peer::Raw, Peer::Service];
        let cases = [Case { title, target, ask }];
        self.compare(Scenario::Load, Kind::Latency, &of, &cases)
    }

    fn call(&self) -> Vec<Table> {
        let callers: Vec<_> = [Peer::Ours, Peer::Raw]
            .into_iter()
            .filter(|peer| self.peers.contains(peer))
            .collect();
        let mut tables = CALLS_OUTSTANDING.map(|outstanding| {
            let title = format!("call, typed JSON add, {outstanding} outstanding");
            let target = "target ≤ 1.1 × raw: `Client::request`, with serde by hand";
            let rows = callers.iter().map(|&peer| Row::new(peer)).collect();
            Table::new(Scenario::Call, Kind::Call, title, target, rows)
        });
        let url = self.url.clone();
        let answers = again(&Part::Answer { url });
        let (answers, _) = Running::start(answers).expect("calls are answered by this program");
        for round in 0..self.rounds {
            self.tell(Scenario::Call, round);
            for (table, outstanding) in tables.iter_mut().zip(CALLS_OUTSTANDING) {
                for turn in 0..callers.len() {
                    let place = (turn + round) % callers.len();
                    let calls = Calls {
                        peer: callers[place],
                        url: self.url.clone(),
                        outstanding,
                        warm_up: self.measure / 2,
                        measure: self.measure,
                        answers: vec![answers.id()],
                        broker: self.broker.clone(),
                    };
                    let measured = measured(&Part::Call(calls));
                    table.rows[place].rounds.push(measured);
                }
            }
        }
        tables.into()
    }

    fn levels(&self, saturation: f64) -> Vec<Table> {
        let level = |share: f64| {
            let rate = saturation * share;
            let percent = share * 100.0;
            let title = format!("{percent:.0} % of saturation, {rate:.0} requests a second");
            Case {
                title,
                target: "",
                ask: self.paced(rate),
            }
        };
        let of = [Peer::Ours, Peer::Raw, Peer::Service];
        let cases: Vec<_> = LEVELS.into_iter().map(level).collect();
        self.compare(Scenario::Plot, Kind::Latency, &of, &cases)
    }

    fn ask(&self, endpoint: &'static str, body: Body, pace: Pace) -> Ask {
        Ask {
            endpoint,
            body,
            pace,
            measure: self.measure,
        }
    }

    fn paced(&self, rate: f64) -> Ask {
        Ask {
            measure: self.measure.max(self.at_least),
            ..self.ask("echo", Body::Echo(SMALL_BYTES), Pace::Rate(rate))
        }
    }

    /// What raw async-nats can do: from `echo`, if that was measured.
    fn saturation(&self, known: &[Table]) -> f64 {
        let raw = |table: &Table| {
            let row = table.rows.iter().find(|row| row.peer == Peer::Raw)?;
            row.rate().map(|rate| rate.median())
        };
        let title = format!("echo, {SMALL_BYTES} B, {BUSY} outstanding");
        let measured = known
            .iter()
            .find(|table| table.title == title)
            .and_then(raw);
        measured.unwrap_or_else(|| {
            let body = Body::Echo(SMALL_BYTES);
            let ask = self.ask("echo", body, Pace::Outstanding(BUSY));
            let target = "";
            let cases = [Case { title, target, ask }];
            let tables = self.each(Scenario::Load, Kind::Cost, &[Peer::Raw], &cases);
            tables.first().and_then(raw).expect("raw was measured")
        })
    }

    /// Those of some services that are there, side by side.
    fn compare(&self, scenario: Scenario, kind: Kind, of: &[Peer], cases: &[Case]) -> Vec<Table> {
        let peers: Vec<_> = of
            .iter()
            .copied()
            .filter(|peer| self.peers.contains(peer))
            .collect();
        self.each(scenario, kind, &peers, cases)
    }

    fn each(&self, scenario: Scenario, kind: Kind, peers: &[Peer], cases: &[Case]) -> Vec<Table> {
        let mut tables: Vec<Table> = cases
            .iter()
            .map(|Case { title, target, .. }| {
                let rows = peers.iter().map(|&peer| Row::new(peer)).collect();
                Table::new(scenario, kind, title.clone(), target, rows)
            })
            .collect();
        for round in 0..self.rounds {
            self.tell(scenario, round);
            let services: Vec<Running> = peers.iter().map(|&peer| self.start(peer)).collect();
            for (place, Case { ask, .. }) in cases.iter().enumerate() {
                for turn in 0..peers.len() {
                    let peer = (turn + round + place) % peers.len();
                    let subject = format!("{}.{}", peers[peer], ask.endpoint);
                    let measured = self.measure(&subject, ask, services[peer].id());
                    tables[place].rows[peer].rounds.push(measured);
                }
            }
        }
        tables
    }

    /// A service that has answered something.
    fn start(&self, peer: Peer) -> Running {
        let service = peer
            .start(&self.url, How::default())
            .expect("it has started before");
        let warm_up = Ask {
            measure: FIRST_WARM_UP,
            ..self.ask("echo", Body::Echo(SMALL_BYTES), Pace::Outstanding(64))
        };
        self.measure(&format!("{peer}.echo"), &warm_up, service.id());
        service
    }

    fn measure(&self, subject: &str, ask: &Ask, service: u32) -> Measured {
        let job = Job {
            url: self.url.clone(),
            subject: subject.to_owned(),
            body: ask.body.clone(),
            pace: ask.pace,
            warm_up: ask.measure / 4,
            measure: ask.measure,
            service: vec![service],
            broker: self.broker.clone(),
        };
        measured(&Part::Load(job))
    }

    fn tell(&self, scenario: Scenario, round: usize) {
        eprintln!("{scenario:?}: round {} of {}", round + 1, self.rounds);
    }

    /// One core and all of them, each beside a cheap neighbour and discovery.
    fn compute(&self) -> Vec<Table> {
        let rows = [
            (Peer::Ours, true, "ours, one core"),
            (Peer::Ours, false, "ours"),
            (Peer::RawTask, false, "raw-task"),
        ];
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|(peer, ..)| self.peers.contains(peer))
            .collect();
        let turns = turns_of(COMPUTE).to_string();
        let mut tables = COMPUTE_OUTSTANDING.map(|outstanding| {
            let title = format!("compute 2 ms, {outstanding} outstanding");
            let target = "target ≥ 1.9 × one core, with a p99 of PING and of cheap < 20 ms";
            let rows = rows.iter().map(|&(peer, _, name)| Row::named(peer, name));
            Table::new(
                Scenario::Compute,
                Kind::Compute,
                title,
                target,
                rows.collect(),
            )
        });
        for round in 0..self.rounds {
            self.tell(Scenario::Compute, round);
            for turn in 0..rows.len() {
                let place = (turn + round) % rows.len();
                let (peer, one_core, _) = rows[place];
                for (table, outstanding) in tables.iter_mut().zip(COMPUTE_OUTSTANDING) {
                    let how = How {
                        one_core,
                        ..How::default()
                    };
                    let service = peer.start(&self.url, how).expect("it has started before");
                    let work = Ask {
                        endpoint: "compute",
                        body: same(&turns),
                        pace: Pace::Outstanding(outstanding),
                        measure: self.measure.max(self.at_least),
                    };
                    self.beside(&mut table.rows[place], peer, &work, service.id());
                }
            }
        }
        tables.into()
    }

    /// One thread that serves, and one more.
    fn connections(&self) -> Vec<Table> {
        if !self.peers.contains(&Peer::Ours) {
            return Vec::new();
        }
        let turns = turns_of(LITTLE).to_string();
        let rows = CONNECTIONS.map(|number| Row::named(Peer::Ours, &format!("ours, {number}")));
        let mut table = Table::new(
            Scenario::Connections,
            Kind::Connections,
            format!("connections: a handler of 25 us, {LITTLE_OUTSTANDING} outstanding"),
            "target: more requests a second where cores allow",
            rows.into(),
        );
        for round in 0..self.rounds {
            self.tell(Scenario::Connections, round);
            for turn in 0..CONNECTIONS.len() {
                let place = (turn + round) % CONNECTIONS.len();
                let how = How {
                    connections: Some(CONNECTIONS[place]),
                    ..How::default()
                };
                let service = Peer::Ours
                    .start(&self.url, how)
                    .expect("it has started before");
                let work = self.ask(
                    "compute",
                    same(&turns),
                    Pace::Outstanding(LITTLE_OUTSTANDING),
                );
                let subject = format!("{}.compute", Peer::Ours);
                let measured = self.measure(&subject, &work, service.id());
                table.rows[place].rounds.push(measured);
            }
        }
        vec![table]
    }

    fn beside(&self, row: &mut Row, peer: Peer, work: &Ask, service: u32) {
        let probe = |subject: String, body: Body| {
            let ask = Ask {
                endpoint: "",
                body,
                pace: Pace::Rate(PROBES),
                measure: work.measure,
            };
            self.measure(&subject, &ask, service)
        };
        std::thread::scope(|scope| {
            let cheap = scope.spawn(|| probe(format!("{peer}.cheap"), same("7")));
            let ping = (peer == Peer::Ours).then(|| {
                let any = Body::Fixed {
                    send: String::new(),
                    expect: Vec::new(),
                };
                scope.spawn(|| probe(format!("$SRV.PING.{peer}"), any))
            });
            let subject = format!("{peer}.{}", work.endpoint);
            row.rounds.push(self.measure(&subject, work, service));
            row.cheap.push(cheap.join().unwrap());
            row.ping.extend(ping.map(|ping| ping.join().unwrap()));
        });
    }
}

/// What a process says that measures.
fn measured(part: &Part) -> Measured {
    let output = again(part).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| Measured {
        failures: 1,
        first_failure: Some(format!("the process that measures: {error}")),
        ..Measured::default()
    })
}

/// A body that comes back as it is.
fn same(text: &str) -> Body {
    Body::Fixed {
        send: text.to_owned(),
        expect: vec![text.to_owned()],
    }
}

/// How many turns take so long on this machine. Whether they did is in the table: CPU a request.
fn turns_of(time: Duration) -> u64 {
    /// Short, so that some trials are not interrupted: the least is what it takes.
    const TRIAL: u64 = 200_000;
    let trial = || {
        let begun = Instant::now();
        service::compute(TRIAL);
        begun.elapsed()
    };
    let took = (0..100).map(|_| trial()).min().unwrap_or(time);
    (TRIAL as f64 * time.as_secs_f64() / took.as_secs_f64()) as u64
}
