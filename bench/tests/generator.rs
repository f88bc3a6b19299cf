//! The load generator against the floor, which does everything right, and against servers that each do one thing wrong.
// Helpers of tests may fail the test, as the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use common::{accept, generate, number};
use serde_json::Value;
use switchboard_proto::{Connection, Event, OpCode, Role, encode_frame};

/// The floor as a process, ended with the test.
struct Floor {
    process: Child,
    address: String,
}

impl Floor {
    fn start(load: &str) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_bench-floor"), load)
    }

    fn start_program(program: &str, load: &str) -> Self {
        let mut process = Command::new(program)
            .args([load, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { process, address }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn echo_of_the_floor_is_faultless_and_its_cpu_time_is_seen() {
    let floor = Floor::start("echo");
    for (size, in_flight) in [("16", "1"), ("1000", "7"), ("70000", "16")] {
        let arguments = ["echo", "--connections", "20", "--bytes", size, "--in-flight", in_flight];
        let timing = ["--seconds", "0.3", "--warm-up", "0.05"];
        let (code, report) =
            generate(&floor.address, Some(floor.process.id()), &[&arguments[..], &timing].concat());
        assert_eq!(code, 0, "{report}");
        assert!(number(&report, "/traffic/deliveries") > 20.0);
        assert!(number(&report, "/traffic/server_cpu_us_per_delivery") > 0.0);
        assert!(number(&report, "/memory/open_bytes") > 0.0);
    }
}

#[test]
fn broadcast_of_the_floor_reaches_every_receiver_once() {
    let floor = Floor::start("broadcast");
    let arguments =
        ["broadcast", "--receivers", "50", "--senders", "5", "--messages", "100", "--warm-up", "0.05"];
    let (code, report) = generate(&floor.address, Some(floor.process.id()), &arguments);
    assert_eq!(code, 0, "{report}");
    assert_eq!(number(&report, "/traffic/messages"), 100.0);
    assert_eq!(number(&report, "/traffic/deliveries"), 100.0 * 50.0);
    assert_eq!(number(&report, "/completion/samples"), 100.0);
}

#[test]
fn a_broadcast_of_tick_reaches_every_receiver_once_however_many_messages_share_a_turn() {
    let floor = Floor::start_program(env!("CARGO_BIN_EXE_bench-tick"), "broadcast");
    let arguments =
        ["broadcast", "--receivers", "50", "--senders", "50", "--messages", "5000", "--warm-up", "0"];
    let (code, report) = generate(&floor.address, Some(floor.process.id()), &arguments);
    assert_eq!(code, 0, "{report}");
    assert_eq!(number(&report, "/traffic/deliveries"), 5000.0 * 50.0);
    // A text of 64 bytes and the header of its frame.
    assert_eq!(number(&report, "/traffic/bytes_per_delivery"), 66.0);
}

#[test]
fn a_server_that_does_not_compress_is_an_error_where_that_was_to_be_measured() {
    let floor = Floor::start("echo");
    let output = Command::new(env!("CARGO_BIN_EXE_bench-load"))
        .args(["echo", "--connect", &floor.address, "--connections", "2", "--deflate"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not compress"));
}

#[test]
fn a_rate_is_kept() {
    let floor = Floor::start("broadcast");
    let arguments = ["broadcast", "--receivers", "5", "--rate", "100", "--messages", "50", "--warm-up", "0"];
    let (code, report) = generate(&floor.address, None, &arguments);
    assert_eq!(code, 0, "{report}");
    assert_eq!(number(&report, "/traffic/messages"), 50.0);
    assert!(number(&report, "/traffic/seconds") >= 0.49, "the fiftieth message is due after 0.49 seconds");
}

#[test]
fn slow_readers_are_cut_off_by_the_floor_and_the_others_miss_nothing() {
    let floor = Floor::start("broadcast");
    let arguments = ["broadcast", "--receivers", "5", "--slow-readers", "3"];
    let timing = ["--messages", "10", "--warm-up", "0"];
    let (code, report) =
        generate(&floor.address, Some(floor.process.id()), &[&arguments[..], &timing].concat());
    assert_eq!(code, 0, "{report}");
    assert_eq!(number(&report, "/slow_readers_closed"), 3.0);
}

#[test]
fn idle_connections_are_held_and_all_get_the_one_message() {
    let floor = Floor::start("broadcast");
    let arguments = ["idle", "--connections", "300", "--hold", "0.2", "--broadcast"];
    let (code, report) = generate(&floor.address, Some(floor.process.id()), &arguments);
    assert_eq!(code, 0, "{report}");
    assert_eq!(number(&report, "/connections"), 300.0);
    assert_eq!(number(&report, "/completion/samples"), 1.0);
    assert!(number(&report, "/memory/per_connection_bytes").is_finite());
}

#[test]
fn an_address_of_another_machine_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-load"))
        .args(["echo", "--connect", "192.0.2.1:80"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not on this machine"));
}

/// What a faulty server makes of the twentieth message.
#[derive(Clone, Copy)]
enum Fault {
    Drop,
    Repeat,
    /// Says so, as a server does whose worker died.
    RepeatMarked,
    /// Again after the twenty-first.
    RepeatLate,
    Delay,
    Change,
    Close,
}

/// An echo server with a thread for each connection, and a fault.
fn faulty_server(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve_faultily(stream, fault));
        }
    });
    address
}

fn serve_faultily(mut stream: TcpStream, fault: Fault) {
    let mut buffer = vec![0; 65536];
    accept(&mut stream, None);
    let mut connection = Connection::new(Role::Server, 1 << 20);
    let (mut count, mut delayed) = (0, None);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        let (mut start, mut out) = (0, Vec::new());
        while start < length {
            let received = connection.receive(&mut buffer[start..length]).unwrap();
            start += received.consumed;
            let Some(Event::Message { payload, .. }) = received.event else { continue };
            if payload == b"?gen" {
                encode_frame(OpCode::Text, b"gen=1 pid=77", &mut out);
                continue;
            }
            count += 1;
            match fault {
                Fault::Drop if count == 20 => continue,
                Fault::Repeat if count == 20 => encode_frame(OpCode::Text, payload, &mut out),
                Fault::RepeatMarked if count == 20 => {
                    encode_frame(OpCode::Text, payload, &mut out);
                    encode_frame(OpCode::Text, &[payload, b" attempt=2"].concat(), &mut out);
                    continue;
                }
                Fault::RepeatLate if count == 20 => {
                    encode_frame(OpCode::Text, payload, &mut out);
                    delayed = Some(payload.to_vec());
                    continue;
                }
                Fault::Delay if count == 20 => {
                    delayed = Some(payload.to_vec());
                    continue;
                }
                Fault::Change if count == 20 => {
                    let last = payload.len() - 1;
                    let changed = [&payload[..last], b"\x7f"].concat();
                    encode_frame(OpCode::Text, &changed, &mut out);
                    continue;
                }
                Fault::Close if count == 20 => return,
                _ => {}
            }
            encode_frame(OpCode::Text, payload, &mut out);
            if let Some(delayed) = delayed.take() {
                encode_frame(OpCode::Text, &delayed, &mut out);
            }
        }
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

/// The counts of the one connection's errors: missing, duplicated, out of order, changed, lost.
fn errors_with(fault: Fault) -> [f64; 5] {
    let address = faulty_server(fault).to_string();
    let arguments = ["echo", "--connections", "1", "--bytes", "64", "--in-flight", "4"];
    let timing = ["--messages", "100", "--warm-up", "0"];
    let (code, report) = generate(&address, None, &[&arguments[..], &timing].concat());
    assert_eq!(code, 1, "{report}");
    ["missing", "duplicated", "out_of_order", "corrupt", "lost"]
        .map(|name| number(&report, &format!("/errors/{name}")))
}

#[test]
fn a_dropped_message_is_counted_as_missing() {
    assert_eq!(errors_with(Fault::Drop), [1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_repeated_message_is_counted_as_duplicated() {
    assert_eq!(errors_with(Fault::Repeat), [0.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn an_overtaken_message_is_counted_as_out_of_order() {
    assert_eq!(errors_with(Fault::Delay), [0.0, 0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn a_changed_message_is_counted_and_its_original_is_missing() {
    assert_eq!(errors_with(Fault::Change), [1.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_connection_that_the_server_ends_is_counted_as_lost() {
    let [missing, .., lost] = errors_with(Fault::Close);
    assert!(missing >= 1.0);
    assert_eq!(lost, 1.0);
}

/// A storm of 100 messages over one connection, against a server with this fault.
fn storm_with(fault: Fault) -> (i32, Value) {
    let address = faulty_server(fault).to_string();
    let arguments =
        ["storm", "--connections", "1", "--in-flight", "4", "--rate", "500", "--ask-every", "0.05"];
    generate(&address, None, &[&arguments[..], &["--seconds", "0.2", "--grace", "0.3"]].concat())
}

#[test]
fn a_storm_over_the_floor_is_faultless_and_silent_for_no_longer_than_it_takes() {
    let floor = Floor::start("echo");
    for rate in [&["--rate", "2000"][..], &[]] {
        let arguments = ["storm", "--connections", "50", "--seconds", "0.3"];
        let started = Instant::now();
        let (code, report) =
            generate(&floor.address, Some(floor.process.id()), &[&arguments[..], rate].concat());
        assert_eq!(code, 0, "{report}");
        assert!(number(&report, "/traffic/messages") >= 100.0);
        assert_eq!(number(&report, "/traffic/messages"), number(&report, "/completion/samples"));
        let silence = number(&report, "/storm/longest_silence_ms");
        assert!(silence > 0.0 && silence < started.elapsed().as_secs_f64() * 1e3);
    }
}

#[test]
fn a_storm_goes_on_until_the_standard_input_ends() {
    let floor = Floor::start("echo");
    let mut storm = Command::new(env!("CARGO_BIN_EXE_bench-load"))
        .args(["storm", "--connect", &floor.address, "--connections", "5"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(storm.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "5 connections are open\n");
    assert!(storm.try_wait().unwrap().is_none());
    drop(storm.stdin.take());
    let output = storm.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    assert!(number(&report, "/traffic/messages") > 0.0);
}

#[test]
fn a_storm_counts_who_answered() {
    let (code, report) = storm_with(Fault::Close);
    assert_eq!(code, 1, "{report}");
    let (code, report) = storm_with(Fault::RepeatMarked);
    assert_eq!(code, 1, "{report}");
    let asked = number(&report, "/storm/asked");
    assert!(asked >= 2.0);
    assert_eq!(number(&report, "/storm/answers/0/count"), asked);
    assert_eq!(number(&report, "/storm/answers/0/pid"), 77.0);
    assert_eq!(number(&report, "/storm/unanswered"), 0.0);
}

#[test]
fn a_storm_tells_repeats_that_are_marked_or_late_from_others() {
    let repeats = |fault| {
        let (code, report) = storm_with(fault);
        assert_eq!(code, 1, "{report}");
        ["/errors/duplicated", "/storm/marked", "/storm/repeated_unmarked", "/storm/repeated_late"]
            .map(|pointer| number(&report, pointer))
    };
    assert_eq!(repeats(Fault::Repeat), [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(repeats(Fault::RepeatMarked), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(repeats(Fault::RepeatLate), [1.0, 0.0, 1.0, 1.0]);
}

#[test]
fn a_storm_sees_what_is_lost_reordered_and_closed() {
    let errors = |fault| {
        let (code, report) = storm_with(fault);
        assert_eq!(code, 1, "{report}");
        assert_eq!(number(&report, "/errors/duplicated"), 0.0);
        ["/errors/missing", "/errors/out_of_order", "/errors/lost"].map(|pointer| number(&report, pointer))
    };
    assert_eq!(errors(Fault::Drop), [1.0, 0.0, 0.0]);
    assert_eq!(errors(Fault::Delay), [0.0, 1.0, 0.0]);
    let [missing, _, lost] = errors(Fault::Close);
    assert!(missing >= 1.0);
    assert_eq!(lost, 1.0);
}
