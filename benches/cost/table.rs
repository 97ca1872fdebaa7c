//! What was measured, as a table for people and for JSON.

use std::fmt;

use serde::Serialize;

use crate::figures::Series;
use crate::load::Measured;
use crate::peers::Peer;
use crate::scenarios::{COMPUTE, Scenario};

/// How far off the calibration may be, unsaid.
const COMPUTE_WITHIN: f64 = 0.2;

/// One comparison.
#[derive(Serialize)]
pub(crate) struct Table {
    pub(crate) scenario: Scenario,
    #[serde(skip)]
    kind: Kind,
    pub(crate) title: String,
    pub(crate) target: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// Which columns a table has.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Cost,
    Latency,
    Compute,
    /// As `Cost`, of the side that calls.
    Call,
    /// As `Cost`, compared with the first row.
    Connections,
}

/// One service.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) service: String,
    #[serde(skip)]
    pub(crate) peer: Peer,
    pub(crate) rounds: Vec<Measured>,
    /// What its discovery answered meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ping: Vec<Measured>,
    /// What its cheap endpoint answered meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cheap: Vec<Measured>,
}

impl Row {
    pub(crate) fn new(peer: Peer) -> Self {
        Self::named(peer, &peer.to_string())
    }

    pub(crate) fn named(peer: Peer, name: &str) -> Self {
        Self {
            service: name.to_owned(),
            peer,
            rounds: Vec::new(),
            ping: Vec::new(),
            cheap: Vec::new(),
        }
    }

    /// Requests a second.
    pub(crate) fn rate(&self) -> Option<Series> {
        self.series(|measured| Some(measured.rate()))
    }

    fn cpu_us(&self) -> Option<Series> {
        self.series(|measured| measured.service_us)
    }

    pub(crate) fn p50_us(&self) -> Option<Series> {
        self.series(|measured| Some(measured.latency_us.p50))
    }

    pub(crate) fn p99_us(&self) -> Option<Series> {
        self.series(|measured| Some(measured.latency_us.p99))
    }

    fn p999_us(&self) -> Option<Series> {
        self.series(|measured| Some(measured.latency_us.p999))
    }

    fn series(&self, figure: impl Fn(&Measured) -> Option<f64>) -> Option<Series> {
        Series::new(self.rounds.iter().map(figure))
    }

    fn all(&self) -> impl Iterator<Item = &Measured> {
        self.rounds.iter().chain(&self.ping).chain(&self.cheap)
    }
}

type Figure = fn(&Row) -> Option<Series>;

impl Table {
    pub(crate) fn new(
        scenario: Scenario,
        kind: Kind,
        title: String,
        target: &'static str,
        rows: Vec<Row>,
    ) -> Self {
        Self {
            scenario,
            kind,
            title,
            target,
            rows,
        }
    }

    pub(crate) fn failures(&self) -> u64 {
        let measured = self.rows.iter().flat_map(Row::all);
        measured.map(|measured| measured.failures).sum()
    }

    fn columns(&self) -> Vec<(&'static str, Vec<String>)> {
        let name = (
            "service",
            self.rows.iter().map(|row| row.service.clone()).collect(),
        );
        let mut columns = vec![name];
        columns.extend(match self.kind {
            Kind::Cost | Kind::Call => vec![
                ("CPU us", self.median(Row::cpu_us, 2)),
                ("min-max", self.spread(Row::cpu_us, 2)),
                ("ours/it", self.ratio_of_medians(Row::cpu_us)),
                ("by round", self.ratio_by_round(Row::cpu_us)),
                ("requests/s", self.median(Row::rate, 0)),
                ("ours/it", self.ratio_by_round(Row::rate)),
                ("p50 us", self.median(Row::p50_us, 0)),
                ("p99 us", self.median(Row::p99_us, 0)),
                (
                    "broker us",
                    self.median(|row| row.series(|seen| seen.broker_us), 2),
                ),
                (
                    match self.kind {
                        Kind::Call => "answers us",
                        _ => "load us",
                    },
                    self.median(|row| row.series(|seen| seen.load_us), 2),
                ),
            ],
            Kind::Latency => vec![
                ("p50 us", self.median(Row::p50_us, 0)),
                ("min-max", self.spread(Row::p50_us, 0)),
                ("p99 us", self.median(Row::p99_us, 0)),
                ("min-max", self.spread(Row::p99_us, 0)),
                ("ours/it", self.ratio_by_round(Row::p99_us)),
                ("p99.9 us", self.median(Row::p999_us, 0)),
                ("min-max", self.spread(Row::p999_us, 0)),
                ("ours/it", self.ratio_by_round(Row::p999_us)),
                ("requests/s", self.median(Row::rate, 0)),
                ("CPU us", self.median(Row::cpu_us, 2)),
                (
                    "load us",
                    self.median(|row| row.series(|seen| seen.load_us), 2),
                ),
            ],
            Kind::Connections => vec![
                ("requests/s", self.median(Row::rate, 0)),
                ("min-max", self.spread(Row::rate, 0)),
                ("times one", self.times_first(Row::rate)),
                ("CPU us", self.median(Row::cpu_us, 2)),
                ("p50 us", self.median(Row::p50_us, 0)),
                ("p99 us", self.median(Row::p99_us, 0)),
                (
                    "broker us",
                    self.median(|row| row.series(|seen| seen.broker_us), 2),
                ),
                (
                    "load us",
                    self.median(|row| row.series(|seen| seen.load_us), 2),
                ),
            ],
            Kind::Compute => vec![
                ("requests/s", self.median(Row::rate, 0)),
                ("min-max", self.spread(Row::rate, 0)),
                ("times one", self.times_first(Row::rate)),
                ("CPU us", self.median(Row::cpu_us, 0)),
                (
                    "PING p50 us",
                    self.median(|row| probe(&row.ping, |seen| seen.latency_us.p50), 0),
                ),
                (
                    "p99 us",
                    self.median(|row| probe(&row.ping, |seen| seen.latency_us.p99), 0),
                ),
                (
                    "cheap p50 us",
                    self.median(|row| probe(&row.cheap, |seen| seen.latency_us.p50), 0),
                ),
                (
                    "p99 us",
                    self.median(|row| probe(&row.cheap, |seen| seen.latency_us.p99), 0),
                ),
            ],
        });
        columns
    }

    fn median(&self, figure: Figure, digits: usize) -> Vec<String> {
        self.cells(figure, |series| format!("{:.digits$}", series.median()))
    }

    fn spread(&self, figure: Figure, digits: usize) -> Vec<String> {
        self.cells(figure, |series| {
            format!("{:.digits$}-{:.digits$}", series.least(), series.most())
        })
    }

    /// Our median over that of each.
    fn ratio_of_medians(&self, figure: Figure) -> Vec<String> {
        let ours = self.ours(figure);
        self.cells(figure, |series| {
            let ratio = ours.as_ref().map(|ours| ours.median() / series.median());
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
        })
    }

    /// The median of ours over each, round by round.
    fn ratio_by_round(&self, figure: Figure) -> Vec<String> {
        let ours = self.ours(figure);
        self.cells(figure, |series| {
            let ratio = ours.as_ref().map(|ours| ours.over(series).median());
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
        })
    }

    fn ours(&self, figure: Figure) -> Option<Series> {
        let ours = self.rows.iter().find(|row| row.peer == Peer::Ours);
        ours.and_then(figure)
    }

    /// The median of each over the first row, round by round.
    fn times_first(&self, figure: Figure) -> Vec<String> {
        let first = self.rows.first().and_then(figure);
        self.cells(figure, |series| {
            let ratio = first.as_ref().map(|first| series.over(first).median());
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
        })
    }

    /// That what was to use a known time has used another.
    fn note(&self) -> Option<String> {
        let Kind::Compute = self.kind else {
            return None;
        };
        let used = self.rows.first().and_then(Row::cpu_us)?.median();
        let meant = COMPUTE.as_secs_f64() * 1e6;
        ((used - meant).abs() > meant * COMPUTE_WITHIN).then(|| {
            format!("calibrated to {meant:.0} us, used {used:.0}: this machine does something else as well")
        })
    }

    fn cells(&self, figure: Figure, cell: impl Fn(&Series) -> String) -> Vec<String> {
        let cell = |row: &Row| figure(row).map_or_else(|| "n/a".to_owned(), |series| cell(&series));
        self.rows.iter().map(cell).collect()
    }
}

fn probe(probes: &[Measured], figure: fn(&Measured) -> f64) -> Option<Series> {
    Series::new(probes.iter().map(|seen| Some(figure(seen))))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}    {}", self.title, self.target)?;
        let columns = self.columns();
        let widths: Vec<usize> = columns
            .iter()
            .map(|(head, cells)| {
                cells
                    .iter()
                    .map(String::len)
                    .max()
                    .unwrap_or(0)
                    .max(head.len())
            })
            .collect();
        let mut line = |cells: Vec<&str>| {
            for (place, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                if place == 0 {
                    write!(f, "  {cell:<width$}")?;
                } else {
                    write!(f, "  {cell:>width$}")?;
                }
            }
            writeln!(f)
        };
        line(columns.iter().map(|(head, _)| *head).collect())?;
        for row in 0..self.rows.len() {
            line(
                columns
                    .iter()
                    .map(|(_, cells)| cells[row].as_str())
                    .collect(),
            )?;
        }
        if let Some(note) = self.note() {
            writeln!(f, "  {note}")?;
        }
        for row in &self.rows {
            let failures: u64 = row.all().map(|seen| seen.failures).sum();
            if let Some(first) = row.all().find_map(|seen| seen.first_failure.as_ref()) {
                writeln!(
                    f,
                    "  FAILED: {} {failures} times, first: {first}",
                    row.service
                )?;
            }
        }
        Ok(())
    }
}
