//! The load generator by TLS, and with compressed messages.
// Helpers of tests may fail the test, as the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use common::{accept, generate, number};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use switchboard_proto::deflate::{Codec, ServerSettings};
use switchboard_proto::{Connection, Event, HeaderBytes, OpCode, Role, encode_frame};

/// What becomes of the twentieth message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// It lacks its last byte.
    Cut,
}

/// An echo server with a thread for each connection.
fn serve(fault: Fault, open: impl Fn(TcpStream) -> Box<dyn ReadWrite + Send> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = open(stream.unwrap());
            thread::spawn(move || echo(stream, fault));
        }
    });
    address
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// Compresses if the client offers it.
fn echo(mut stream: Box<dyn ReadWrite + Send>, fault: Fault) {
    let mut buffer = vec![0; 65536];
    let agreement = accept(&mut stream, Some(&ServerSettings::default()));
    let mut connection = Connection::new(Role::Server, 1 << 20);
    let (mut codec, mut count) = (Codec::new(Codec::LEVEL), 0);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        let (mut start, mut out) = (0, Vec::new());
        while start < length {
            let received = connection.receive(&mut buffer[start..length]).unwrap();
            start += received.consumed;
            let Some(Event::Message { payload, .. }) = received.event else { continue };
            count += 1;
            let cut = usize::from(fault == Fault::Cut && count == 20);
            let payload = &payload[..payload.len() - cut];
            match agreement.and_then(|_| codec.compress(15, payload)) {
                Some(compressed) => {
                    let header = HeaderBytes::server(OpCode::Text, true, compressed.len()).compressed();
                    out.extend_from_slice(header.as_slice());
                    out.extend_from_slice(compressed);
                }
                None => encode_frame(OpCode::Text, payload, &mut out),
            }
        }
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

const LOAD: [&str; 9] =
    ["echo", "--connections", "3", "--bytes", "1000", "--in-flight", "5", "--messages", "300"];

#[test]
fn compressed_messages_are_inflated_and_checked() {
    let address = serve(Fault::None, |stream| Box::new(stream)).to_string();
    let (code, report) = generate(&address, None, &[&LOAD[..], &["--deflate"]].concat());
    assert_eq!(code, 0, "{report}");
    assert!(number(&report, "/traffic/bytes_per_delivery") < 500.0, "{report}");

    let (code, report) = generate(&address, None, &LOAD);
    assert_eq!(code, 0, "{report}");
    assert!(number(&report, "/traffic/bytes_per_delivery") > 1000.0, "nobody has offered it: {report}");
}

#[test]
fn a_message_that_lacks_its_end_is_counted_whether_it_was_compressed_or_not() {
    for flags in [&["--deflate"][..], &[]] {
        let address = serve(Fault::Cut, |stream| Box::new(stream)).to_string();
        let load = ["echo", "--connections", "1", "--bytes", "1000", "--messages", "50", "--warm-up", "0"];
        let (code, report) = generate(&address, None, &[&load[..], flags, &["--in-flight", "4"]].concat());
        assert_eq!(code, 1, "{report}");
        assert_eq!(number(&report, "/errors/corrupt"), 1.0);
        assert_eq!(number(&report, "/errors/missing"), 1.0);
    }
}

#[test]
fn by_tls_every_message_arrives_and_no_other_certificate_is_trusted() {
    let folder = std::env::temp_dir().join(format!("switchboard-bench-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [own, other] = ["own.pem", "other.pem"].map(|name| folder.join(name).display().to_string());
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&own, pair.cert.pem()).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&other, stranger.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![pair.cert.der().clone()], key).unwrap());
    let address = serve(Fault::None, move |stream| {
        Box::new(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream))
    });

    let (code, report) = generate(&address.to_string(), None, &[&LOAD[..], &["--tls-ca", &own]].concat());
    assert_eq!(code, 0, "{report}");
    assert!(number(&report, "/traffic/deliveries") >= 300.0);
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_bench-load"))
        .args(["echo", "--connect", &address.to_string(), "--connections", "1", "--tls-ca", &other])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("certificate"));
    std::fs::remove_dir_all(&folder).unwrap();
}
