//! What a run has found: one line of JSON for programs, a table for people.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `echo`, `broadcast`, `idle` or `storm`.
    pub measure: &'static str,
    /// Open connections that are read from.
    pub connections: usize,
    /// Bytes of a message's payload.
    pub bytes: usize,
    /// Messages that were sent while it was measured, and what came of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Time from sending a message until the last receiver had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<Latency>,
    /// The server's cost of accepting the connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Accept>,
    /// The server's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Connections that the server has closed although they did nothing wrong but not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_readers_closed: Option<usize>,
    /// Must all be 0.
    pub errors: Errors,
    /// What a storm has shown beside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storm: Option<Storm>,
    /// Messages of connections that were here before and have gone, published late: they are no errors, and no deliveries.
    pub of_others: u64,
}

/// Messages per second and CPU time of each side.
#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    /// Length of the measurement.
    pub seconds: f64,
    /// Messages sent by clients.
    pub messages: u64,
    /// Messages received by clients.
    pub deliveries: u64,
    /// `deliveries / seconds`.
    pub deliveries_per_second: f64,
    /// Of its frame on the wire, compressed as it came; without TLS.
    pub bytes_per_delivery: f64,
    /// User and system time of the server's process tree; absent if its process is not known.
    pub server_cpu_us_per_delivery: Option<f64>,
    /// Share of one core that the server used.
    pub server_cores: Option<f64>,
    /// Time of the kernel's network threads, which no process is charged for.
    pub ksoftirqd_cpu_us_per_delivery: f64,
    /// User and system time of the load generator.
    pub generator_cpu_us_per_delivery: f64,
    /// Share of one core that the load generator used.
    pub generator_cores: f64,
}

/// Quantiles in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Number of values.
    pub samples: u64,
    /// Half of the values are below.
    pub p50_us: u64,
    /// 99 % of the values are below.
    pub p99_us: u64,
    /// The largest value.
    pub max_us: u64,
}

impl Latency {
    /// `None` without a value.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        (!histogram.is_empty()).then(|| Self {
            samples: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            max_us: histogram.max(),
        })
    }
}

/// Accept and upgrade of all connections.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Accept {
    /// How long it took to open all.
    pub seconds: f64,
    /// User and system time of the server's process tree; absent if its process is not known.
    pub server_cpu_us_per_connection: Option<f64>,
}

/// Proportional set size of the server's process tree.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Before the first connection was opened.
    pub before_bytes: u64,
    /// With all connections open, before the first message.
    pub open_bytes: u64,
    /// At the end, with all connections still open.
    pub end_bytes: u64,
    /// `(open_bytes - before_bytes) / connections`.
    pub per_connection_bytes: f64,
}

/// What went wrong.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Errors {
    /// Deliveries that never came.
    pub missing: u64,
    /// Deliveries that came again.
    pub duplicated: u64,
    /// Deliveries that came after a later one of the same sender.
    pub out_of_order: u64,
    /// Messages of the wrong kind, or with any byte changed, or to the wrong receiver.
    pub corrupt: u64,
    /// Connections that ended before their time.
    pub lost: u64,
    /// Why the first of them ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_loss: Option<String>,
}

impl Errors {
    /// Everything arrived as it should.
    #[must_use]
    pub fn none(&self) -> bool {
        self.missing + self.duplicated + self.out_of_order + self.corrupt + self.lost == 0
    }
}

/// What the connections noticed of a server whose processes were replaced or killed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Storm {
    /// The longest time in milliseconds that a connection with a message under way heard nothing.
    pub longest_silence_ms: f64,
    /// Deliveries and answers of which the server said that it handled them again; no fault.
    pub marked: u64,
    /// Of the duplicated deliveries those that had no such mark.
    pub repeated_unmarked: u64,
    /// Of the duplicated deliveries those that came after a later message: they had been handled to the end before.
    pub repeated_late: u64,
    /// Questions that were sent.
    pub asked: u64,
    /// Questions that were never answered.
    pub unanswered: u64,
    /// Answers beyond one for each question.
    pub repeated_answers: u64,
    /// Who answered, and how often.
    pub answers: Vec<Answers>,
}

/// The answers of one worker.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Answers {
    /// The generation of its code.
    pub generation: u32,
    /// Its process.
    pub pid: u32,
    /// How often it answered.
    pub count: u64,
}

impl Storm {
    /// A connection has waited so long.
    pub fn note_silence(&mut self, waited: Duration) {
        self.longest_silence_ms = self.longest_silence_ms.max(waited.as_secs_f64() * 1e3);
    }

    fn write(&self, row: &mut impl FnMut(&str, String) -> fmt::Result) -> fmt::Result {
        row("longest silence, ms", format!("{:.0}", self.longest_silence_ms))?;
        row("marked as handled again", self.marked.to_string())?;
        row("repeated without the mark", self.repeated_unmarked.to_string())?;
        row("repeated after a later one", self.repeated_late.to_string())?;
        row("questions", self.asked.to_string())?;
        row("not answered", self.unanswered.to_string())?;
        row("answered again", self.repeated_answers.to_string())?;
        row("workers that answered", self.answers.len().to_string())
    }
}

/// `part / whole`, 0 when there is no whole.
#[must_use]
pub fn per(part: Duration, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part.as_secs_f64() * 1e6 / whole as f64 }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} connections, {} B", self.measure, self.connections, self.bytes)?;
        let mut row = |name: &str, value: String| writeln!(f, "  {name:<34}{value:>16}");
        if let Some(traffic) = &self.traffic {
            row("seconds", format!("{:.2}", traffic.seconds))?;
            row("messages sent", traffic.messages.to_string())?;
            row("deliveries", traffic.deliveries.to_string())?;
            row("bytes a delivery", format!("{:.1}", traffic.bytes_per_delivery))?;
            row("deliveries a second", format!("{:.0}", traffic.deliveries_per_second))?;
            if let (Some(cpu), Some(cores)) = (traffic.server_cpu_us_per_delivery, traffic.server_cores) {
                row("server CPU µs a delivery", format!("{cpu:.3}"))?;
                row("server cores used", format!("{cores:.2}"))?;
            }
            row("ksoftirqd CPU µs a delivery", format!("{:.3}", traffic.ksoftirqd_cpu_us_per_delivery))?;
            row("generator CPU µs a delivery", format!("{:.3}", traffic.generator_cpu_us_per_delivery))?;
            row("generator cores used", format!("{:.2}", traffic.generator_cores))?;
        }
        if let Some(latency) = &self.completion {
            row("to the last receiver, p50 µs", latency.p50_us.to_string())?;
            row("to the last receiver, p99 µs", latency.p99_us.to_string())?;
            row("to the last receiver, max µs", latency.max_us.to_string())?;
        }
        if let Some(accept) = &self.accept {
            row("opening, seconds", format!("{:.2}", accept.seconds))?;
            if let Some(cpu) = accept.server_cpu_us_per_connection {
                row("server CPU µs an accept", format!("{cpu:.1}"))?;
            }
        }
        if let Some(memory) = &self.memory {
            row("server KiB before", (memory.before_bytes / 1024).to_string())?;
            row("server KiB with connections", (memory.open_bytes / 1024).to_string())?;
            row("server KiB at the end", (memory.end_bytes / 1024).to_string())?;
            row("server bytes a connection", format!("{:.0}", memory.per_connection_bytes))?;
        }
        if let Some(closed) = self.slow_readers_closed {
            row("slow readers closed by the server", closed.to_string())?;
        }
        if let Some(storm) = &self.storm {
            storm.write(&mut row)?;
        }
        let errors = &self.errors;
        row("missing", errors.missing.to_string())?;
        row("duplicated", errors.duplicated.to_string())?;
        row("out of order", errors.out_of_order.to_string())?;
        row("corrupt", errors.corrupt.to_string())?;
        row("connections lost", errors.lost.to_string())?;
        if let Some(reason) = &errors.first_loss {
            writeln!(f, "  first loss: {reason}")?;
        }
        Ok(())
    }
}
