//! The generator as a process.

use std::io::{Read, Write};
use std::process::Command;

use serde_json::Value;
use switchboard_proto::deflate::{Agreement, ServerSettings};
use switchboard_proto::handshake::{HeadLimits, Request};

/// Runs the generator; its exit code and its report.
pub(crate) fn generate(address: &str, server_pid: Option<u32>, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-load"));
    command.args([arguments[0], "--connect", address]).args(&arguments[1..]);
    if let Some(pid) = server_pid {
        command.args(["--server-pid", &pid.to_string()]);
    }
    let output = command.output().unwrap();
    let code = output.status.code().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    (code, report)
}

/// Reads a request for an upgrade and accepts it, compression too if `settings` are given; the compression that is agreed upon.
pub(crate) fn accept(
    stream: &mut (impl Read + Write),
    settings: Option<&ServerSettings>,
) -> Option<Agreement> {
    let mut buffer = vec![0; 65536];
    let length = stream.read(&mut buffer).unwrap();
    let request = Request::parse(&buffer[..length], &HeadLimits::default()).unwrap().unwrap();
    let upgrade = request.upgrade().unwrap();
    let agreement = settings.and_then(|settings| upgrade.deflate(settings));
    let mut response = Vec::new();
    upgrade.accept(None, agreement.as_ref(), &[], &mut response).unwrap();
    stream.write_all(&response).unwrap();
    agreement
}

/// A figure of the report.
pub(crate) fn number(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {report}"))
}
