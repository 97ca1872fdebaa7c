//! A conversation with the dev server: it answers or ends, and the same however the bytes were cut
//! into packets. Memory is bounded by libFuzzer's own limit.
#![no_main]

use std::pin::Pin;
use std::task::{Context, Poll};

use libfuzzer_sys::fuzz_target;
use micro_devserver::fuzzing;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::Runtime;

/// Bytes that come in packets. The first byte of an input says how they are cut.
struct Packets<'a> {
    rest: &'a [u8],
    random: u64,
}

impl AsyncRead for Packets<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let all = self.rest.len().min(buffer.remaining());
        let size = match self.random {
            0 => all,
            _ => {
                self.random = self
                    .random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                // Short ones mostly: a cut inside a word is what matters.
                let most = if self.random >> 62 == 0 { 64 } else { 4 };
                all.min(1 + usize::try_from(self.random >> 33).unwrap() % most)
            }
        };
        let (packet, rest) = self.rest.split_at(size);
        buffer.put_slice(packet);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
}

fuzz_target!(|input: &[u8]| {
    let Some((seed, bytes)) = input.split_first() else {
        return;
    };
    let answers = |random: u64| {
        let packets = Packets {
            rest: bytes,
            random,
        };
        RUNTIME.with(|runtime| runtime.block_on(fuzzing::converse(packets)))
    };
    let whole = answers(0);
    let cut = answers(u64::from(*seed) + 1);
    assert!(
        whole == cut,
        "{}\n---\n{}",
        String::from_utf8_lossy(&whole),
        String::from_utf8_lossy(&cut)
    );
});
