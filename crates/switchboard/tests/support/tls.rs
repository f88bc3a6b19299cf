//! Certificates for a server, and clients that trust them.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use switchboard::TlsConfig;

use super::stream::{self, Stream};
use super::{PATIENCE, temporary_path};

/// A folder with `cert.pem` and `key.pem`.
pub(crate) struct Identity {
    pub(crate) folder: PathBuf,
}

impl Identity {
    pub(crate) fn new() -> Identity {
        Identity::at(temporary_path("identity"))
    }

    fn at(folder: PathBuf) -> Identity {
        std::fs::create_dir(&folder).unwrap();
        let identity = Identity { folder };
        identity.renew();
        identity
    }

    /// Another certificate and key in the same files.
    pub(crate) fn renew(&self) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.folder.join("cert.pem"), pair.cert.pem()).unwrap();
        std::fs::write(self.folder.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    }

    pub(crate) fn config(&self) -> TlsConfig {
        Identity::config_in(&self.folder)
    }

    pub(crate) fn config_in(folder: &Path) -> TlsConfig {
        TlsConfig { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    /// The certificate that is there now.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.folder.join("cert.pem")).unwrap()
    }

    /// A client's side that trusts it.
    pub(crate) fn trust(&self) -> Trust {
        self.trust_with(rustls::DEFAULT_VERSIONS)
    }

    pub(crate) fn trust_with(&self, versions: &[&'static SupportedProtocolVersion]) -> Trust {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(16);
        Trust(Arc::new(config))
    }
}

/// With `SWITCHBOARD_TEST_TLS` in the environment all servers of tests that listen on TCP speak TLS, and so do their clients:
/// every promise holds there, too.
pub(crate) fn all_by_tls() -> Option<&'static Identity> {
    static IDENTITY: OnceLock<Option<Identity>> = OnceLock::new();
    IDENTITY.get_or_init(|| std::env::var_os("SWITCHBOARD_TEST_TLS").map(|_| lasting())).as_ref()
}

/// One for all processes and for ever: nobody could remove it.
fn lasting() -> Identity {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = all.join("identity");
    if !folder.exists() {
        // Whoever is first: the others find that it is not empty.
        let own = Identity::at(all.join(format!("identity-{}", std::process::id())));
        let _ = std::fs::rename(&own.folder, &folder);
    }
    Identity { folder }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a client's sessions are begun with; those of one remember earlier ones.
#[derive(Clone)]
pub(crate) struct Trust(pub(crate) Arc<ClientConfig>);

impl Trust {
    pub(crate) fn connect(&self, address: SocketAddr) -> Stream {
        self.over(stream::connect(address))
    }

    pub(crate) fn over(&self, socket: TcpStream) -> Stream {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Stream::Tls(Box::new(StreamOwned::new(self.session(), socket)))
    }

    pub(crate) fn session(&self) -> ClientConnection {
        ClientConnection::new(self.0.clone(), ServerName::try_from("localhost").unwrap()).unwrap()
    }
}
