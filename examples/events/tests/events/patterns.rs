//! `events patterns` shows each way to publish and to read.

use crate::EVENTS;
use crate::mortal::Broker;
use crate::program::Program;

// Rows 122 to 127.
#[tokio::test]
async fn each_pattern_shows_its_five_texts() {
    let broker = Broker::start().await;
    let url = broker.url();
    let mut patterns = Program::start(EVENTS, &["--nats", &url, "patterns"]);
    assert_eq!(patterns.ended().await, Some(0), "{}", patterns.said());
    patterns.says("  19  ").await;
    let said = patterns.said();
    let shown: Vec<_> = said.lines().filter(|line| line.ends_with(')')).collect();
    let expected = (0..20).map(|id| {
        let (body, how) = match id {
            0..5 => ("Hello over standard!", "value"),
            5..10 => ("Responding!", "answer"),
            10..15 => ("Hello over channel!", "channel"),
            _ => (
                "Hello over sink!",
                "on Messaging.Text.Sink, kind Sink, nobody waits",
            ),
        };
        format!("  {id:>2}  {body}  ({how})")
    });
    assert!(shown.iter().copied().eq(expected), "{said}");
}
