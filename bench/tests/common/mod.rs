//! The generator as a process.

use std::process::Command;

use serde_json::Value;

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

/// A figure of the report.
pub(crate) fn number(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {report}"))
}
