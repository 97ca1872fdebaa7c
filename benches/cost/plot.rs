//! Latency against load, as a page that needs nothing else.

use std::fmt::Write as _;

use crate::scenarios::Scenario;
use crate::table::{Row, Table};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 460.0;
const MARGIN: f64 = 70.0;
const COLOURS: [&str; 3] = ["#c0392b", "#2471a3", "#7d8a2e"];

/// A line: what it shows, and latency in microseconds by requests a second.
struct Line {
    name: String,
    colour: &'static str,
    dashed: bool,
    points: Vec<(f64, f64)>,
}

/// The page for the tables of [`Scenario::Plot`].
pub(crate) fn page(tables: &[Table], broker: &str) -> String {
    let tables: Vec<&Table> = tables
        .iter()
        .filter(|table| table.scenario == Scenario::Plot)
        .collect();
    let lines = lines(&tables);
    let broker = broker.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Latency against load</title>\n\
         <style>body {{ font: 15px sans-serif; margin: 2em; max-width: {WIDTH}px }}\n\
         pre {{ font-size: 12px; overflow-x: auto }}</style>\n\
         <h1>Latency against load</h1>\n<p>Echo of 16 B on {broker}. Solid: p99; dashed: p50; from \
         when a request was meant to be sent. Medians of the rounds.</p>\n"
    );
    chart(&mut page, &lines);
    for table in tables {
        let _ = writeln!(page, "<pre>{table}</pre>");
    }
    page
}

fn lines(tables: &[&Table]) -> Vec<Line> {
    let rows = tables.first().map_or(0, |table| table.rows.len());
    let mut lines = Vec::new();
    for row in 0..rows {
        for dashed in [false, true] {
            let point = |row: &Row| {
                let latency = if dashed { row.p50_us() } else { row.p99_us() };
                Some((row.rate()?.median(), latency?.median()))
            };
            lines.push(Line {
                name: tables[0].rows[row].service.clone(),
                colour: COLOURS[row % COLOURS.len()],
                dashed,
                points: tables
                    .iter()
                    .filter_map(|table| point(&table.rows[row]))
                    .collect(),
            });
        }
    }
    lines
}

/// Requests a second to the right, latency upwards and logarithmic.
fn chart(page: &mut String, lines: &[Line]) {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most_x = points().map(|point| point.0).fold(1.0, f64::max);
    let least = points()
        .map(|point| point.1)
        .fold(f64::MAX, f64::min)
        .max(1.0);
    let most = points().map(|point| point.1).fold(10.0, f64::max);
    let (low, high) = (least.log10().floor(), most.log10().ceil());
    let x = |rate: f64| MARGIN + rate / most_x * (WIDTH - 2.0 * MARGIN);
    let y = |us: f64| {
        let share = (us.max(1.0).log10() - low) / (high - low).max(1.0);
        HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN)
    };
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-size=\"12\">"
    );
    for power in low as i32..=high as i32 {
        let us = 10_f64.powi(power);
        let label = if us < 1000.0 {
            format!("{us:.0} us")
        } else {
            format!("{:.0} ms", us / 1000.0)
        };
        let (height, right) = (y(us), WIDTH - MARGIN);
        let _ = writeln!(
            page,
            "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{height:.0}\" y2=\"{height:.0}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{height:.0}\" text-anchor=\"end\">{label}</text>",
            MARGIN - 6.0,
        );
    }
    for tenth in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let rate = most_x * tenth;
        let _ = writeln!(
            page,
            "<text x=\"{:.0}\" y=\"{}\" text-anchor=\"middle\">{:.1}k/s</text>",
            x(rate),
            HEIGHT - MARGIN + 20.0,
            rate / 1e3,
        );
    }
    for (place, line) in lines.iter().enumerate() {
        let points: Vec<String> = line
            .points
            .iter()
            .map(|&(rate, us)| format!("{:.1},{:.1}", x(rate), y(us)))
            .collect();
        let (points, colour) = (points.join(" "), line.colour);
        let dashes = if line.dashed { "6 4" } else { "none" };
        let percentile = if line.dashed { "p50" } else { "p99" };
        let legend_x = MARGIN + 110.0 * place as f64;
        let _ = writeln!(
            page,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dashes}\"/>\
             <text x=\"{legend_x}\" y=\"30\" fill=\"{colour}\">{} {percentile}</text>",
            line.name,
        );
    }
    page.push_str("</svg>\n");
}
