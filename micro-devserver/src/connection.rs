//! One client, from its first INFO to the end of its socket: reads operations and carries them out,
//! writes what others put into its buffer, and asks now and then whether it is still there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tracing::{debug, warn};

use crate::info::ServerInfo;
use crate::limits::{CROWDED_PAUSE, FAREWELL, Limits, MAX_PINGS_OUT, READ_CHUNK_BYTES};
use crate::outbound::{Outbound, WriteEnd, Writer};
use crate::protocol::connect::{self, ConnectOptions};
use crate::protocol::frames::{self, Message, Size};
use crate::protocol::parser::{Number, Op, Parser, Publication};
use crate::protocol::violation::Violation;
use crate::router::{ConnectionId, InvalidSubject, Peer, Published, Publisher, Router};
use crate::subjects;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) info: ServerInfo,
    pub(crate) limits: Limits,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// The client closed it, or its network did.
    Left,
    /// The client broke the protocol.
    Violation(Violation),
    /// The client did not answer PINGs.
    Stale,
    /// The client did not read.
    SlowConsumer,
}

impl From<Violation> for End {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// Serves one client until it leaves or has to.
pub(crate) async fn serve(
    mut socket: TcpStream,
    address: SocketAddr,
    id: ConnectionId,
    shared: Arc<Shared>,
) {
    // A reply should not wait for the next one.
    let _ = socket.set_nodelay(true);
    let limits = shared.limits;
    let (mut incoming, outgoing) = socket.split();
    let peer = Arc::new(Peer {
        id,
        outbound: Outbound::new(limits.max_pending_bytes),
        knows_headers: AtomicBool::new(false),
    });
    let heartbeat = Heartbeat::default();
    let mut writer = Writer::new(&peer.outbound, outgoing, limits.write_deadline);
    let mut session = Session {
        peer: &peer,
        address,
        shared: &shared,
        heartbeat: &heartbeat,
        options: ConnectOptions::default(),
        connected: false,
        introduced: false,
        publication: None,
    };
    shared.router.join(&peer);
    debug!(connection = id, %address, "connected");
    session.send_info();
    let end = tokio::select! {
        end = session.run(&mut incoming) => end,
        end = writer.run() => match end {
            WriteEnd::Failed(error) => {
                debug!(connection = id, %error, "cannot write");
                End::Left
            }
            WriteEnd::SlowConsumer => End::SlowConsumer,
        },
        end = heartbeat.run(limits.ping_interval, &peer.outbound) => end,
    };
    shared.router.leave(&peer, matches!(end, End::SlowConsumer));
    let name = session.options.name.as_deref().unwrap_or_default();
    let farewell = match &end {
        End::Left => None,
        End::Violation(violation) => {
            debug!(connection = id, name, reason = %violation, "protocol violation");
            violation.farewell()
        }
        End::Stale => Some("Stale Connection"),
        End::SlowConsumer => {
            warn!(
                connection = id,
                name,
                max_pending_bytes = limits.max_pending_bytes,
                "slow consumer cut off"
            );
            return;
        }
    };
    if let Some(text) = farewell {
        peer.outbound.push(|out| frames::error(out, text));
    }
    peer.outbound.close();
    let _ = tokio::time::timeout(FAREWELL, async {
        if writer.flush().await.is_ok() && writer.shutdown().await.is_ok() {
            let _ = tokio::io::copy(&mut incoming, &mut tokio::io::sink()).await;
        }
    })
    .await;
    debug!(connection = id, name, "disconnected");
}

/// The conversation with one client.
struct Session<'a> {
    peer: &'a Arc<Peer>,
    address: SocketAddr,
    shared: &'a Shared,
    heartbeat: &'a Heartbeat,
    options: ConnectOptions,
    /// CONNECT was there.
    connected: bool,
    /// The first PING after CONNECT was answered, and the second INFO sent.
    introduced: bool,
    /// The line of the publication whose payload comes next.
    publication: Option<Publication>,
}

impl Session<'_> {
    async fn run(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> End {
        let mut parser = Parser::default();
        let mut input = BytesMut::new();
        loop {
            input.reserve(parser.missing(&input).max(READ_CHUNK_BYTES));
            match socket.read_buf(&mut input).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return End::Left,
            }
            let mut published = Published::Freely;
            loop {
                match parser.next(&mut input) {
                    Ok(None) => break,
                    Err(violation) => return violation.into(),
                    Ok(Some(op)) => match self.process(op) {
                        Ok(Published::Freely) => {}
                        Ok(Published::Crowding) => published = Published::Crowding,
                        Err(end) => return end,
                    },
                }
            }
            match published {
                Published::Crowding => tokio::time::sleep(CROWDED_PAUSE).await,
                // A client that always has more to say must not keep this one from being written
                // to.
                Published::Freely => tokio::task::yield_now().await,
            }
        }
    }

    /// Carries out one operation.
    fn process(&mut self, op: Op) -> Result<Published, End> {
        match op {
            Op::Connect(json) => self.connect(&json)?,
            Op::Info(json) => connect::check_info(&json)?,
            Op::Ping => self.pong(),
            Op::Pong => self.heartbeat.answered(),
            Op::Okay => {}
            Op::Error => return Err(Violation::ClientReportedError.into()),
            Op::Publish(publication) => self.accept(publication)?,
            Op::Payload(payload) => return Ok(self.publish(&payload)),
            Op::Subscribe {
                subject,
                queue_group,
                sid,
            } => self.subscribe(&subject, queue_group.as_deref(), &sid),
            Op::Unsubscribe { sid, max } => {
                self.heartbeat.active();
                self.shared.router.unsubscribe(self.peer, &sid, max);
                self.okay();
            }
        }
        Ok(Published::Freely)
    }

    fn connect(&mut self, json: &[u8]) -> Result<(), End> {
        if self.connected {
            // As nats-server does: whoever introduces itself again starts again.
            self.shared.router.forget(self.peer);
        }
        self.options = self.options.changed_by(json)?;
        self.connected = true;
        self.peer
            .knows_headers
            .store(self.options.headers, Ordering::Relaxed);
        self.okay();
        Ok(())
    }

    fn pong(&mut self) {
        self.heartbeat.active();
        self.peer
            .outbound
            .push(|out| out.extend_from_slice(frames::PONG));
        if self.connected && !self.introduced {
            self.introduced = true;
            if self.options.takes_later_info {
                self.send_info();
            }
        }
    }

    /// Judges a publication by its line, before its payload takes memory.
    fn accept(&mut self, publication: Publication) -> Result<(), End> {
        if publication.headers.is_some() && !self.options.headers {
            return Err(Violation::HeadersNotNegotiated.into());
        }
        if publication.payload.bytes > self.shared.limits.max_payload_bytes {
            return Err(Violation::PayloadTooLarge.into());
        }
        if self.options.pedantic && !subjects::is_literal(&publication.subject) {
            self.error("Invalid Publish Subject");
        }
        self.publication = Some(publication);
        Ok(())
    }

    fn publish(&mut self, payload: &[u8]) -> Published {
        self.heartbeat.active();
        let Some(publication) = self.publication.take() else {
            return Published::Freely;
        };
        self.okay();
        let publisher = Publisher {
            peer: self.peer,
            echo: self.options.echo,
            no_responders: self.options.no_responders,
        };
        let message = Message {
            subject: &publication.subject,
            reply: publication.reply.as_deref(),
            header_size: publication.headers.as_ref().map(size).unwrap_or_default(),
            payload_size: size(&publication.payload),
            payload,
        };
        self.shared.router.publish(publisher, &message)
    }

    fn subscribe(&mut self, subject: &[u8], queue_group: Option<&[u8]>, sid: &[u8]) {
        self.heartbeat.active();
        match self
            .shared
            .router
            .subscribe(self.peer, sid, subject, queue_group)
        {
            Ok(()) => self.okay(),
            Err(InvalidSubject) => self.error("Invalid Subject"),
        }
    }

    fn send_info(&self) {
        let json = self
            .shared
            .info
            .json(self.peer.id, self.address, self.connected);
        self.peer.outbound.push(|out| frames::info(out, &json));
    }

    fn okay(&self) {
        if self.options.verbose {
            self.peer
                .outbound
                .push(|out| out.extend_from_slice(frames::OKAY));
        }
    }

    fn error(&self, text: &str) {
        self.peer.outbound.push(|out| frames::error(out, text));
    }
}

fn size(number: &Number) -> Size<'_> {
    Size {
        bytes: number.bytes,
        text: &number.text,
    }
}

/// Whether the client is still there. Whoever says something is not asked.
#[derive(Debug, Default)]
struct Heartbeat {
    spoke: AtomicBool,
    unanswered: AtomicU32,
}

impl Heartbeat {
    /// The client did something.
    fn active(&self) {
        self.spoke.store(true, Ordering::Relaxed);
    }

    /// The client answered a PING.
    fn answered(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    /// Ends when the client is gone.
    async fn run(&self, interval: Duration, outbound: &Outbound) -> End {
        loop {
            tokio::time::sleep(interval).await;
            if self.spoke.swap(false, Ordering::Relaxed) {
                continue;
            }
            if self.unanswered.fetch_add(1, Ordering::Relaxed) >= MAX_PINGS_OUT {
                return End::Stale;
            }
            outbound.push(|out| out.extend_from_slice(frames::PING));
        }
    }
}

/// A conversation with one client, without a socket: what it is answered, until it ends or nothing
/// more comes.
#[cfg(fuzzing)]
pub async fn converse(mut incoming: impl AsyncRead + Unpin) -> Vec<u8> {
    // One for all of them: it has a random id.
    static INFO: std::sync::OnceLock<ServerInfo> = std::sync::OnceLock::new();
    let limits = Limits::default();
    let info = INFO.get_or_init(|| ServerInfo::new(0, limits.max_payload_bytes));
    let shared = Shared {
        router: Router::new(),
        info: info.clone(),
        limits,
    };
    let peer = Arc::new(Peer {
        id: 1,
        outbound: Outbound::new(limits.max_pending_bytes),
        knows_headers: AtomicBool::new(false),
    });
    let mut session = Session {
        peer: &peer,
        address: SocketAddr::from(([127, 0, 0, 1], 1)),
        shared: &shared,
        heartbeat: &Heartbeat::default(),
        options: ConnectOptions::default(),
        connected: false,
        introduced: false,
        publication: None,
    };
    shared.router.join(&peer);
    let end = session.run(&mut incoming).await;
    shared.router.leave(&peer, false);
    if let End::Violation(violation) = end
        && let Some(text) = violation.farewell()
    {
        peer.outbound.push(|out| frames::error(out, text));
    }
    let mut answers = Vec::new();
    let mut writer = Writer::new(&peer.outbound, &mut answers, limits.write_deadline);
    let _ = writer.flush().await;
    answers
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nothing_is_kept_of_who_left() {
        for farewell in ["", "nonsense"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let (socket, address) = listener.accept().await.unwrap();
            let limits = Limits::default();
            let shared = Arc::new(Shared {
                router: Router::new(),
                info: ServerInfo::new(0, limits.max_payload_bytes),
                limits,
            });
            let serving = tokio::spawn(serve(socket, address, 1, Arc::clone(&shared)));
            client
                .write_all(b"SUB a 1\r\nSUB a.> q 2\r\nSUB * 3\r\nUNSUB 3\r\n")
                .await
                .unwrap();
            client.write_all(farewell.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answers = Vec::new();
            client.read_to_end(&mut answers).await.unwrap();
            serving.await.unwrap();
            assert!(answers.ends_with(b"+OK\r\n") != farewell.starts_with("nonsense"));
            assert!(shared.router.is_empty(), "after {farewell:?}");
        }
    }
}
