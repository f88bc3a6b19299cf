//! The certificate and key for TLS: read from files at the start, and again on SIGHUP.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerSessionMemoryCache;
use rustls::{InconsistentKeys, ServerConfig};

/// Bytes of a certificate or key file. Chains have some kilobytes; whatever is larger is the wrong file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Sessions of TLS 1.2 clients without tickets that can be resumed; each takes a few hundred bytes. (Tickets, which
/// nearly all clients take, cost the server nothing.)
const SESSIONS_MAX: usize = 4_096;

/// The only protocol that is spoken inside of TLS, for ALPN (RFC 7301): a WebSocket begins as HTTP/1.1, too.
const ALPN: &[u8] = b"http/1.1";

/// Where the certificate and its private key are. With it, every TCP listener speaks TLS 1.3 and 1.2, and nothing else;
/// Unix sockets stay plain, for a proxy on the same machine.
///
/// Both files are PEM. They are read when the server starts and, where the server handles signals, on SIGHUP: new
/// connections get what is in them then. If that cannot be used, a line in the log says why, and what was there before
/// stays. In Process mode only the master reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The chain: the server's own certificate first, then those that lead to the authority.
    pub certificate: PathBuf,
    /// The private key of the first certificate, in PKCS#8 (`BEGIN PRIVATE KEY`), PKCS#1 (`BEGIN RSA PRIVATE KEY`) or SEC1
    /// (`BEGIN EC PRIVATE KEY`), not encrypted: RSA, ECDSA with P-256 or P-384, or Ed25519.
    pub key: PathBuf,
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", .file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is something else than it should be, or damaged.
    #[error("{}: {problem}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Both files are sound, but the key is that of another certificate.
    #[error(
        "the key in {} is not that of the first certificate in {}: give the two files that belong together, the server's \
         own certificate first in the chain",
        .key.display(), .certificate.display()
    )]
    Mismatch {
        /// The chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// The TLS library could not be set up.
    #[error("TLS cannot be set up: {0}")]
    SetUp(String),
}

/// What new connections are served with.
pub(crate) struct Certificates {
    files: TlsConfig,
    current: RwLock<Arc<ServerConfig>>,
}

impl Certificates {
    pub(crate) fn load(files: TlsConfig) -> Result<Certificates, TlsError> {
        let current = RwLock::new(Arc::new(server_config(&files)?));
        Ok(Certificates { files, current })
    }

    /// What a connection that begins now is served with. Reactors share it, so that a session which began on one can be
    /// resumed on another.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again. What cannot be used changes nothing. Sessions that began before are not resumed: who has a
    /// new certificate may have reason not to trust the old one.
    pub(crate) fn reload(&self) {
        match server_config(&self.files) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                let certificate = self.files.certificate.display();
                tracing::info!(%certificate, "new connections get the certificate that is on disk now");
            }
            Err(error) => tracing::error!(%error, "the certificate was not replaced, the old one stays"),
        }
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

fn server_config(files: &TlsConfig) -> Result<ServerConfig, TlsError> {
    let chain = read_chain(&files.certificate)?;
    let key = read_key(&files.key)?;
    let set_up = |error: rustls::Error| TlsError::SetUp(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(set_up)?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).map_err(|error| refused(files, &error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.ticketer = ring::Ticketer::new().map_err(set_up)?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    Ok(config)
}

/// What the library found wrong with the two together.
fn refused(files: &TlsConfig, error: &rustls::Error) -> TlsError {
    let file = |file: &Path, problem: String| TlsError::File { file: file.to_owned(), problem };
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let TlsConfig { certificate, key } = files.clone();
            TlsError::Mismatch { certificate, key }
        }
        rustls::Error::InvalidCertificate(reason) => {
            file(&files.certificate, format!("the first certificate is damaged ({reason:?}): get it again"))
        }
        error => file(
            &files.key,
            format!("the key cannot be used ({error}): RSA, ECDSA with P-256 or P-384, and Ed25519 can"),
        ),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => {
            let found = match holds(&text, "PRIVATE KEY-----") {
                true => "there is a private key but no certificate in it: have the two files been swapped?",
                false => "there is no certificate in it: a PEM file is needed, with BEGIN CERTIFICATE",
            };
            Err(TlsError::File { file: path.to_owned(), problem: found.into() })
        }
        Err(error) => Err(damaged(path, &error)),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let found = if holds(&text, "BEGIN ENCRYPTED PRIVATE KEY-----") {
                "the private key is encrypted: decrypt it, as by `openssl pkey`, and keep it readable for the server alone"
            } else if holds(&text, "BEGIN CERTIFICATE-----") {
                "there is a certificate but no private key in it: have the two files been swapped?"
            } else {
                "there is no private key in it: a PEM file is needed, with BEGIN PRIVATE KEY"
            };
            TlsError::File { file: path.to_owned(), problem: found.into() }
        }
        error => damaged(path, &error),
    })
}

fn damaged(path: &Path, error: &pem::Error) -> TlsError {
    TlsError::File { file: path.to_owned(), problem: format!("it is damaged: {error}") }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { file: path.to_owned(), source };
    let mut text = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let problem = format!("it has more than {FILE_BYTES_MAX} bytes, so it is the wrong file");
        return Err(TlsError::File { file: path.to_owned(), problem });
    }
    Ok(text)
}

fn holds(text: &[u8], mark: &str) -> bool {
    text.windows(mark.len()).any(|window| window == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, KeyPair};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path =
                std::env::temp_dir().join(format!("switchboard-certificates-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn pair() -> CertifiedKey<KeyPair> {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    fn error(certificate: &Path, key: &Path) -> String {
        let files = TlsConfig { certificate: certificate.into(), key: key.into() };
        Certificates::load(files).expect_err("it was accepted").to_string()
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let folder = Folder::new("wrong");
        let (own, other) = (pair(), pair());
        let certificate = folder.write("cert.pem", &own.cert.pem());
        let key = folder.write("key.pem", &own.signing_key.serialize_pem());
        let foreign = folder.write("other.pem", &other.signing_key.serialize_pem());
        let missing = folder.0.join("missing.pem");
        let text = folder.write("text.pem", "no PEM at all\n");
        let empty = folder.write("empty.pem", "");
        let half = &own.cert.pem()[..200];
        let half = folder.write("half.pem", half);
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let locked = folder.write("locked.pem", locked);
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let hollow = folder.write("hollow.pem", hollow);
        let odd = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let odd = folder.write("odd.pem", odd);
        let large = folder.write("large.pem", &"x".repeat(FILE_BYTES_MAX as usize + 1));
        for (certificate, key, expected) in [
            (&missing, &key, "missing.pem: cannot be read"),
            (&certificate, &missing, "missing.pem: cannot be read"),
            (&text, &key, "text.pem: there is no certificate"),
            (&empty, &key, "empty.pem: there is no certificate"),
            (
                &key,
                &certificate,
                "key.pem: there is a private key but no certificate in it: have the two files been swapped?",
            ),
            (&certificate, &certificate, "cert.pem: there is a certificate but no private key"),
            (&certificate, &text, "text.pem: there is no private key"),
            (&certificate, &locked, "locked.pem: the private key is encrypted"),
            (&half, &key, "half.pem: it is damaged"),
            (&hollow, &key, "hollow.pem: the first certificate is damaged"),
            (&certificate, &odd, "odd.pem: the key cannot be used"),
            (&large, &key, "large.pem: it has more than 1048576 bytes"),
        ] {
            let found = error(certificate, key);
            assert!(found.contains(expected), "{found:?} does not say {expected:?}");
        }
        let found = error(&certificate, &foreign);
        assert!(found.contains("other.pem is not that of the first certificate in"), "{found}");
        assert!(found.contains("cert.pem: give the two files that belong together"), "{found}");
    }

    #[test]
    fn what_cannot_be_used_leaves_what_was_there() {
        let folder = Folder::new("reload");
        let (old, new) = (pair(), pair());
        let certificate = folder.write("cert.pem", &old.cert.pem());
        let key = folder.write("key.pem", &old.signing_key.serialize_pem());
        let certificates = Certificates::load(TlsConfig { certificate, key }).unwrap();
        let before = certificates.current();
        folder.write("cert.pem", &new.cert.pem());
        certificates.reload();
        assert!(Arc::ptr_eq(&before, &certificates.current()), "a certificate without its key was taken");
        folder.write("key.pem", &new.signing_key.serialize_pem());
        certificates.reload();
        assert!(!Arc::ptr_eq(&before, &certificates.current()), "the new pair was not taken");
    }
}
