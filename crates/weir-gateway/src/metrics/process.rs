//! What the operating system says of this process, as every Prometheus client library tells it.

use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::Described;

/// Ticks a second in `/proc/PID/stat`, the same on every Linux (`USER_HZ`).
const TICKS: f64 = 100.0;

/// What is told, in the order in which it is told. What cannot be read is left out.
pub(super) const DESCRIBED: [Described; 4] = [
    Described::process("process_start_time_seconds", "gauge", "When this Weir was started, as a Unix time"),
    Described::process(
        "process_cpu_seconds_total",
        "counter",
        "Processor time of this process, its own and the kernel's",
    ),
    Described::process("process_resident_memory_bytes", "gauge", "Memory of this process that is resident"),
    Described::process("process_open_fds", "gauge", "Files and connections that this process has open"),
];

/// Asks when it is asked.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// When it was started, in milliseconds since 1970; 0 if nobody has said.
    pub(super) started: AtomicI64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let started = self.started.load(Ordering::Relaxed);
        let [start, cpu, memory, fds] = DESCRIBED.map(|described| described.meaning);
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: Option<f64>| {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, &format!("{help}."), unit, gauge.metric_type())?)
        };
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; milliseconds until the year 287396 fit")]
        let started = (started > 0).then_some(started as f64 / 1000.0);
        gauge("process_start_time", start, Some(&Unit::Seconds), started)?;
        gauge("process_resident_memory", memory, Some(&Unit::Bytes), resident())?;
        gauge("process_open_fds", fds, None, open_files())?;
        if let Some(seconds) = processor() {
            let counter = ConstCounter::new(seconds);
            let (kind, help) = (counter.metric_type(), format!("{cpu}."));
            counter.encode(encoder.encode_descriptor("process_cpu", &help, Some(&Unit::Seconds), kind)?)?;
        }
        Ok(())
    }
}

fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn open_files() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // The directory itself is open while it is read.
    u32::try_from(open.saturating_sub(1)).ok().map(f64::from)
}

fn processor() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in parentheses, and may hold anything. The 12th and 13th field after it are ticks.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(|field| field.parse::<f64>().ok());
    Some((ticks.next()?? + ticks.next()??) / TICKS)
}
