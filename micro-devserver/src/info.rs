//! INFO: what the server says about itself.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Serialize;

/// The nats-server release whose behaviour this server follows. Clients compare it to decide what
/// they may use, so it must look like a release; that this is another program is said by the name.
const FOLLOWED_VERSION: &str = "2.15.1";

/// The `server_name` in INFO, for people who look at a connection and wonder what is there.
pub const SERVER_NAME: &str = "micro-dev-server";

/// The parts that are the same for every connection.
#[derive(Debug, Clone)]
pub(crate) struct ServerInfo {
    server_id: String,
    port: u16,
    max_payload_bytes: usize,
}

#[derive(Serialize)]
struct Fields<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'a str,
    proto: u8,
    // Where nats-server names its Go; some clients expect the field.
    go: &'a str,
    host: Ipv4Addr,
    port: u16,
    headers: bool,
    max_payload: usize,
    client_id: u64,
    client_ip: std::net::IpAddr,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    connect_info: bool,
}

impl ServerInfo {
    pub(crate) fn new(port: u16, max_payload_bytes: usize) -> Self {
        Self {
            server_id: nuid::next().to_string(),
            port,
            max_payload_bytes,
        }
    }

    /// The JSON for one connection; `after_connect` marks the second INFO, which answers the first
    /// PING.
    pub(crate) fn json(&self, client_id: u64, client: SocketAddr, after_connect: bool) -> Vec<u8> {
        let fields = Fields {
            server_id: &self.server_id,
            server_name: SERVER_NAME,
            version: FOLLOWED_VERSION,
            proto: 1,
            go: "",
            host: Ipv4Addr::LOCALHOST,
            port: self.port,
            headers: true,
            max_payload: self.max_payload_bytes,
            client_id,
            client_ip: client.ip(),
            connect_info: after_connect,
        };
        // Strings, numbers and addresses have no way to fail.
        serde_json::to_vec(&fields).unwrap_or_default()
    }
}
