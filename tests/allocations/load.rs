//! Requests over bare TCP, and a look at each reply.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// Requests that have been sent and not answered: enough for them to arrive together, as they do
/// under load, and fewer than an endpoint serves at a time.
const OUTSTANDING: u32 = 32;

/// As long as those that clients make up.
const INBOX: &str = "_INBOX.GsYCCPIYjCPnTBRvzmmVzJ.KkWcV3Jf";

/// One request again and again, and the reply that each must have.
pub(crate) struct Load<'a> {
    pub(crate) headers: &'a str,
    pub(crate) body: &'a str,
    pub(crate) reply: &'a str,
}

impl Load<'_> {
    /// Sends as many requests as each line of the standard input says.
    pub(crate) fn run(&self, url: &str, subject: &str) {
        let address = url.trim_start_matches("nats://");
        let mut socket = TcpStream::connect(address).unwrap();
        let mut answers = BufReader::new(socket.try_clone().unwrap());
        let hello = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n";
        write!(socket, "{hello}SUB {INBOX} 1\r\nPING\r\n").unwrap();
        let mut line = String::new();
        while line != "PONG\r\n" {
            line.clear();
            assert!(answers.read_line(&mut line).unwrap() > 0);
        }
        let message = self.message(subject);
        for order in std::io::stdin().lines() {
            let requests: u32 = order.unwrap().parse().unwrap();
            let (mut sent, mut answered) = (0, 0);
            while answered < requests {
                let now = (answered + OUTSTANDING).min(requests) - sent;
                // Half of them at a time, so that they share packets.
                if now >= OUTSTANDING / 2 || sent + now == requests {
                    let batch = message.repeat(usize::try_from(now).unwrap());
                    socket.write_all(&batch).unwrap();
                    sent += now;
                }
                self.check(&mut answers);
                answered += 1;
            }
            println!("done");
        }
    }

    fn message(&self, subject: &str) -> Vec<u8> {
        let Self { headers, body, .. } = self;
        let size = headers.len() + body.len();
        match headers.len() {
            0 => format!("PUB {subject} {INBOX} {size}\r\n{body}\r\n"),
            of => format!("HPUB {subject} {INBOX} {of} {size}\r\n{headers}{body}\r\n"),
        }
        .into()
    }

    fn check(&self, answers: &mut BufReader<TcpStream>) {
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        if line == "PING\r\n" {
            answers.get_mut().write_all(b"PONG\r\n").unwrap();
            return self.check(answers);
        }
        let reply = self.reply;
        assert_eq!(line, format!("MSG {INBOX} 1 {}\r\n", reply.len()));
        let mut body = vec![0; reply.len() + 2];
        answers.read_exact(&mut body).unwrap();
        assert_eq!(&body[..reply.len()], reply.as_bytes());
    }
}
