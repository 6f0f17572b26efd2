//! What the kernel says of a process.

use std::{fs, io};

/// Resident memory of a process, in bytes.
pub fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmRSS"))
}

/// Processor time that a process (`self` for this one) has used, in seconds, to a hundredth.
pub fn cpu_seconds(pid: &str) -> io::Result<f64> {
    // A hundredth of a second on every Linux (`getconf CLK_TCK`).
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = behind_name.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok());
    Ok(ticks.sum::<u64>() as f64 / TICKS)
}
