//! What programs show a server to be let in, made for one test: certificates, keys, credentials.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair as TlsKey,
};
use serde_json::{Value, json};

/// Files of a test's own. They go with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("micro-identities-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, in folders that are made for it, and tells its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A CA, and the file with its certificate.
pub(crate) struct Ca {
    issuer: Issuer<'static, TlsKey>,
    name: &'static str,
    pub(crate) file: String,
}

/// The files of a certificate and its key.
pub(crate) struct Certificate {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Certificate {
    /// What is secret of the key's file: the first line of the key itself.
    pub(crate) fn key_text(&self) -> String {
        let pem = std::fs::read_to_string(&self.key).unwrap();
        pem.lines().nth(1).unwrap().to_owned()
    }
}

impl Ca {
    pub(crate) fn new(folder: &Folder, name: &'static str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = TlsKey::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            file: folder.file(&format!("{name}.pem"), &certificate.pem()),
            issuer: Issuer::new(params, key),
            name,
        }
    }

    /// A certificate for whoever is reached at `hosts`, or for a client.
    pub(crate) fn sign(&self, folder: &Folder, name: &str, hosts: &[&str]) -> Certificate {
        let key = TlsKey::generate().unwrap();
        let certificate = params(name, hosts).signed_by(&key, &self.issuer).unwrap();
        let file = |kind: &str| format!("{}-{name}-{kind}.pem", self.name);
        Certificate {
            cert: folder.file(&file("cert"), &certificate.pem()),
            key: folder.file(&file("key"), &key.serialize_pem()),
        }
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// An operator with one account, and a user of it.
pub(crate) struct Operator {
    pub(crate) server_config: String,
    pub(crate) creds: String,
}

impl Operator {
    /// What is secret of the credentials: the JWT's claims and signature, and the seed.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let mut lines = self.creds.lines();
        let jwt = lines.nth(1).unwrap();
        let seed = lines.nth(3).unwrap();
        assert!(seed.starts_with("SU"), "no seed at its place");
        let (_, claims) = jwt.split_once('.').unwrap();
        vec![claims, seed]
    }

    pub(crate) fn new() -> Self {
        let (operator, account, user) = (
            KeyPair::new_operator(),
            KeyPair::new_account(),
            KeyPair::new_user(),
        );
        let of_operator = jwt(&operator, &operator, json!({"type": "operator"}));
        let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1});
        let of_account = jwt(
            &account,
            &operator,
            json!({"type": "account", "limits": limits}),
        );
        let of_user = jwt(
            &user,
            &account,
            json!({"type": "user", "subs": -1, "data": -1, "payload": -1}),
        );
        let seed = user.seed().unwrap();
        Self {
            server_config: format!(
                "operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {of_account} }}\n",
                account.public_key()
            ),
            creds: format!(
                "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
                 -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
            ),
        }
    }
}

fn jwt(subject: &KeyPair, issuer: &KeyPair, mut nats: Value) -> String {
    nats["version"] = json!(2);
    let claims = json!({"jti": "test", "iat": 1_700_000_000, "iss": issuer.public_key(),
        "sub": subject.public_key(), "name": "test", "nats": nats});
    let encoded = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = encoded(&json!({"typ": "JWT", "alg": "ed25519-nkey"}));
    let signed = format!("{header}.{}", encoded(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
