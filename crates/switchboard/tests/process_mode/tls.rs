//! TLS: the master keeps the sessions, whatever becomes of the workers.

use std::io::{Read, Write};
use std::sync::Arc;

use rustix::process::Signal;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::rig::{Member, Rig};
use crate::support::{Client, Heard, Identity, Raw, Stream, Trust, handshake, wait_until};
use crate::tests;

tests![
    sessions_outlive_reloads_and_kills,
    a_request_passes_through_the_master_whatever_its_size,
    a_used_connection_becomes_a_websocket_that_outlives_its_worker,
    a_worker_that_dies_ends_its_requests_and_no_session,
    a_stop_lets_requests_finish_and_tells_the_end,
    sighup_gives_new_connections_the_new_certificate,
    sighup_does_so_in_base_mode,
    a_connection_counts_until_its_client_has_gone_too,
];

struct Secure {
    rig: Rig,
    identity: Identity,
}

impl Secure {
    fn start(settings: &str) -> Secure {
        let identity = Identity::new();
        let rig = Rig::with(&format!("{settings} tls={}", identity.folder.display()));
        Secure { rig, identity }
    }

    fn connect(&self) -> Client {
        self.connect_by(&self.identity.trust())
    }

    fn connect_by(&self, trust: &Trust) -> Client {
        Client::open(trust.connect(self.rig.address), &handshake("/"))
    }

    fn raw(&self) -> Raw {
        Raw::over(self.identity.trust().connect(self.rig.address))
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn sessions_outlive_reloads_and_kills() {
    let Secure { mut rig, identity } = Secure::start("");
    // Nobody but the master reads the files, and it has.
    std::fs::remove_file(identity.folder.join("key.pem")).unwrap();
    let trust = identity.trust();
    let connect = || Client::open(trust.connect(rig.address), &handshake("/"));
    let mut members: Vec<Member> = (0..8).map(|_| Member::new(connect())).collect();
    for _ in 0..3 {
        rig.reload();
        members.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    }
    rig.kill_all_workers();
    members.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    for size in [1, 100_000, 1_500_000] {
        members[0].client.binary(&vec![1; size]);
        assert_eq!(members[0].client.next(), Heard::Binary(vec![1; size]));
    }
    assert_eq!(members[0].ask("echo"), "echo");
    drop(members);
    wait_until("all have closed", || rig.noted("close ").len() == 8);
    rig.check_pairs();
}

fn a_request_passes_through_the_master_whatever_its_size() {
    let secure = Secure::start("");
    let mut raw = secure.raw();
    let who = raw.request(&get("/who")).body;
    for size in [0, 1, 20_000, 1_000_000] {
        let body = "b".repeat(size);
        let post =
            format!("POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n{body}");
        assert_eq!(raw.request(&post).body, size.to_string());
    }
    assert_eq!(raw.request(&get("/who")).body, who, "it is one connection with one worker");
    raw.send("GET /stream/5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let streamed = String::from_utf8(raw.rest()).unwrap();
    assert_eq!(streamed.matches("chunk ").count(), 5, "{streamed}");
    let pids: std::collections::BTreeSet<String> =
        (0..12).map(|_| secure.raw().request(&get("/who")).body).collect();
    assert_eq!(pids.len(), 3, "all workers serve");
}

fn a_used_connection_becomes_a_websocket_that_outlives_its_worker() {
    let mut secure = Secure::start("");
    let mut members: Vec<Member> = (0..6)
        .map(|_| {
            let mut raw = secure.raw();
            assert_eq!(raw.request(&get("/who")).status, 200);
            Member::new(Client::open(raw.into_stream(), &handshake("/user/ann")))
        })
        .collect();
    for member in &mut members {
        assert!(member.ask("client_info me").contains(" ann true "));
    }
    secure.rig.reload();
    members.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    secure.rig.kill_all_workers();
    members.iter_mut().for_each(|member| assert_eq!(member.ask("echo"), "echo"));
    // With frames right behind the request.
    for size in [10, 60_000] {
        let mut raw = secure.raw();
        assert_eq!(raw.request(&get("/who")).status, 200);
        let frames = Client::encoded_texts([format!("#1 echo {}", "e".repeat(size))]);
        let mut client = Client::open_and_send(raw.into_stream(), &handshake("/"), &frames);
        assert!(client.next_text().contains(&"e".repeat(size)));
    }
    drop(members);
    wait_until("all have closed", || secure.rig.noted("close ").len() == 8);
    secure.rig.check_pairs();
    assert!(secure.rig.master("stats").starts_with("0 "), "the places are free");
}

fn a_worker_that_dies_ends_its_requests_and_no_session() {
    let mut secure = Secure::start("workers=1");
    let mut member = Member::new(secure.connect());
    let mut raw = secure.raw();
    raw.send(get("/slow/5000"));
    secure.rig.wait_noted("request ", 1);
    secure.rig.kill_all_workers();
    assert_eq!(raw.rest(), b"");
    assert_eq!(member.ask("echo"), "echo");
    assert_eq!(secure.raw().request(&get("/who")).status, 200);
}

fn a_stop_lets_requests_finish_and_tells_the_end() {
    let mut secure = Secure::start("");
    let mut client = secure.connect();
    let (mut slow, mut idle) = (secure.raw(), secure.raw());
    assert_eq!(idle.request(&get("/who")).status, 200);
    slow.send(get("/slow/600"));
    secure.rig.wait_noted("request ", 1);
    secure.rig.signal_master(Signal::TERM);
    assert_eq!(client.next_close().0, 1001);
    assert_eq!(slow.answer().body, "slow");
    assert!(slow.rest().is_empty() && idle.rest().is_empty());
    assert_eq!(secure.rig.exit(), Some(0));
    secure.rig.wait_for_nobody();
}

fn sighup_gives_new_connections_the_new_certificate() {
    swaps("");
}

fn sighup_does_so_in_base_mode() {
    swaps("mode=base");
}

fn swaps(settings: &str) {
    let Secure { rig, identity } = Secure::start(settings);
    let log = |text: &str| rig.log().matches(text).count();
    // Who does not look at the certificate is served with whichever there is.
    let trust = of_all(identity.trust());
    let served = || {
        let mut stream = trust.connect(rig.address);
        stream.write_all(get("/who").as_bytes()).unwrap();
        stream.flush().unwrap();
        match stream {
            Stream::Tls(stream) => stream.conn.peer_certificates().unwrap()[0].clone().into_owned(),
            other => panic!("{other:?}"),
        }
    };
    let first: CertificateDer<'static> = identity.certificate();
    let mut old = Client::open(identity.trust().connect(rig.address), &handshake("/"));
    assert_eq!(served(), first);
    identity.renew();
    let second = identity.certificate();
    rig.signal_master(Signal::HUP);
    wait_until("it is served", || served() == second);
    // A broken one is refused, and the log says why.
    std::fs::write(identity.folder.join("cert.pem"), "-----BEGIN CERTIFICATE-----\nno\n").unwrap();
    rig.signal_master(Signal::HUP);
    wait_until("it is refused", || log("the certificate was not replaced") == 1);
    assert!(rig.log().contains("cert.pem: it is damaged"), "{}", rig.log());
    assert_eq!(served(), second);
    // One without its key, too.
    identity.renew();
    std::fs::rename(identity.folder.join("key.pem"), identity.folder.join("old.pem")).unwrap();
    rig.signal_master(Signal::HUP);
    wait_until("it is refused", || log("the certificate was not replaced") == 2);
    assert_eq!(served(), second);
    std::fs::rename(identity.folder.join("old.pem"), identity.folder.join("key.pem")).unwrap();
    rig.signal_master(Signal::HUP);
    wait_until("it is served", || served() == identity.certificate());
    old.text("#1 echo");
    assert!(old.next_text().contains("echo"), "who was connected stays so");
    drop(old);
}

/// The worker is done with it long before.
fn a_connection_counts_until_its_client_has_gone_too() {
    let limits = "max_connections_per_address=1 max_http_connections=1 close_timeout=60000";
    let secure = Secure::start(limits);
    let ask = || {
        let mut stream = secure.identity.trust().connect(secure.rig.address);
        stream.write_all(b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        stream.read_exact(&mut [0; 12]).map(|()| stream)
    };
    for _ in 0..3 {
        let mut answered = None;
        wait_until("the address is free", || {
            answered = ask().ok();
            answered.is_some()
        });
        let mut raw = Raw::over(answered.unwrap());
        assert!(!raw.rest().is_empty(), "and no more comes");
        for _ in 0..10 {
            assert!(ask().expect_err("it was let in").to_string().contains("InternalError"));
        }
    }
}

/// Looks at no certificate, only whether its key is there; remembers no sessions.
fn of_all(mut trust: Trust) -> Trust {
    let config = Arc::make_mut(&mut trust.0);
    let verifier = Arc::new(AnyCertificate(ring::default_provider().signature_verification_algorithms));
    config.dangerous().set_certificate_verifier(verifier);
    config.resumption = Resumption::disabled();
    trust
}

#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
