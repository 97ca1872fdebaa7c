//! What a connection needs for TLS, and what goes wrong with it.

use async_nats::rustls::crypto::{CryptoProvider, ring};
use async_nats::rustls::pki_types::pem::PemObject as _;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use async_nats::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error as TlsError, RootCertStore,
};

use super::connect_error::{ConnectError, ConnectSetting};
use super::setting_path::SettingPath;

/// Makes sure that rustls knows whose cryptography to use. The client relies on it, and panics where
/// a program has two and has chosen none.
pub(super) fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread was quicker.
        let _ = ring::default_provider().install_default();
    }
}

/// The files are read at each connect, so that renewed certificates are found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    /// Trusted instead of the system's.
    pub(crate) ca: Option<SettingPath>,
    pub(crate) cert: Option<SettingPath>,
    pub(crate) key: Option<SettingPath>,
    /// Whether the server waits for TLS before it says anything.
    pub(crate) first: Option<bool>,
}

impl Tls {
    /// Whether anything of it was asked for: then a server without TLS is not to be spoken to.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_first() || self.ca.is_some() || self.cert.is_some() || self.key.is_some()
    }

    pub(crate) fn is_first(&self) -> bool {
        self.first.unwrap_or(false)
    }

    /// Reads the files once, so that what is wrong with one is said with its name.
    pub(super) fn check(&self) -> Result<(), ConnectError> {
        match (&self.cert, &self.key) {
            (Some(_), None) => return Err(without(ConnectSetting::TlsKey, "certificate", "key")),
            (None, Some(_)) => return Err(without(ConnectSetting::TlsCert, "key", "certificate")),
            _ => {}
        }
        if let Some(ca) = &self.ca {
            certificates(ConnectSetting::TlsCa, ca)?;
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            let certificates = certificates(ConnectSetting::TlsCert, cert)?;
            choose_cryptography();
            let client = ClientConfig::builder()
                .with_root_certificates(RootCertStore::empty())
                .with_client_auth_cert(certificates, private_key(key)?);
            client.map_err(|error| {
                ConnectError::file(
                    ConnectSetting::TlsKey,
                    key,
                    &format!("it does not go with the client certificate: {error}"),
                )
            })?;
        }
        Ok(())
    }

    /// Puts it into the client's options.
    pub(super) fn apply(&self, options: async_nats::ConnectOptions) -> async_nats::ConnectOptions {
        let mut options = options;
        let path = |path: &Option<SettingPath>| path.as_ref()?.path().map(Into::into);
        if let Some(ca) = path(&self.ca) {
            options = options.add_root_certificates(ca);
        }
        if let (Some(cert), Some(key)) = (path(&self.cert), path(&self.key)) {
            options = options.add_client_certificate(cert, key);
        }
        if self.is_first() {
            options = options.tls_first();
        }
        options
    }
}

fn without(setting: ConnectSetting, one: &str, other: &str) -> ConnectError {
    ConnectError::Settings {
        setting,
        reason: format!("there is a client {one} without its {other}; give both"),
    }
}

fn certificates(
    setting: ConnectSetting,
    path: &SettingPath,
) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let pem = read(setting, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    all.ok()
        .filter(|all| !all.is_empty())
        .ok_or_else(|| ConnectError::file(setting, path, "it has no certificate in PEM form"))
}

fn private_key(path: &SettingPath) -> Result<PrivateKeyDer<'static>, ConnectError> {
    let pem = read(ConnectSetting::TlsKey, path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let reason = "it has no private key in PEM form";
        ConnectError::file(ConnectSetting::TlsKey, path, reason)
    })
}

fn read(setting: ConnectSetting, path: &SettingPath) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(ConnectError::path_of(setting, path)?)
        .map_err(|error| ConnectError::file(setting, path, &error.to_string()))
}

/// The TLS error among the causes of an error. The client tells of it as of any other failure to
/// read or write.
pub(super) fn cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a TlsError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // An `io::Error` does not count what it wraps among its sources.
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}

/// What to do about a TLS error.
pub(super) fn advice(error: &TlsError) -> &'static str {
    use CertificateError as Cert;
    match error {
        TlsError::InvalidCertificate(Cert::UnknownIssuer | Cert::BadSignature) => {
            "give the certificate of the CA that signed the server's"
        }
        TlsError::InvalidCertificate(Cert::Expired | Cert::ExpiredContext { .. }) => {
            "the server needs a new certificate"
        }
        TlsError::InvalidCertificate(Cert::NotValidYet | Cert::NotValidYetContext { .. }) => {
            "compare the clocks of both machines"
        }
        TlsError::InvalidCertificate(
            Cert::NotValidForName | Cert::NotValidForNameContext { .. },
        ) => "write the URL with a name that is in the server's certificate",
        TlsError::InvalidMessage(_) => {
            "the server seems to have no TLS: leave it out, or give the URL of one that has"
        }
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => CERTIFICATE_REQUIRED,
        TlsError::AlertReceived(_) => CERTIFICATE_REFUSED,
        _ => "check the certificates of both sides",
    }
}

pub(super) const CERTIFICATE_REQUIRED: &str =
    "the server asks for a client certificate: give one and its key";

pub(super) const CERTIFICATE_REFUSED: &str = "the server does not accept the client certificate: give one that is valid and that its CA signed";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_does_not_leave_the_choice_of_cryptography_to_chance() {
        let nobody = crate::Connection::connect("nats://127.0.0.1:1").await;
        assert!(nobody.is_err());
        assert!(CryptoProvider::get_default().is_some());
    }
}
