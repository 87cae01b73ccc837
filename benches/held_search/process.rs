//! Child processes, and what Linux counts of them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Failure;

/// Ticks a second of `/proc/<pid>/stat`; Linux fixes it at 100 for user space.
const TICKS: u64 = 100;

/// A child that is ended with its handle.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts it and reads its output line by line until `wanted` has found something in one; what follows is read and
    /// thrown away, so that the child never waits for a reader.
    pub fn start<T>(
        command: &mut Command,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<(Self, T), Failure> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take();
        let server = Self { child };
        let mut output = BufReader::new(output.ok_or("a child without output")?);
        let mut line = String::new();
        while output.read_line(&mut line)? > 0 {
            if let Some(found) = wanted(&line) {
                std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
                return Ok((server, found));
            }
            line.clear();
        }
        Err("a child ended before it was ready".into())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU that all of its threads, those that have ended too, have had in user space and in the kernel.
    pub fn cpu(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The name, in brackets, may hold anything. Behind it `state` is field 3, `utime` 14 and `stime` 15.
        let (_, fields) = stat.rsplit_once(')').ok_or("stat cannot be read")?;
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Ok(Duration::from_millis(ticks * 1000 / TICKS))
    }

    /// CPU of its living threads of this name.
    pub fn cpu_of_threads(&self, name: &str) -> Result<Duration, Failure> {
        let mut total = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let task = task?.path();
            // A thread may end between listing and reading.
            let read = |file: &str| std::fs::read_to_string(task.join(file)).unwrap_or_default();
            if read("comm").trim() == name {
                total += read("schedstat")
                    .split_whitespace()
                    .next()
                    .and_then(|nanos| nanos.parse::<u64>().ok())
                    .unwrap_or_default();
            }
        }
        Ok(Duration::from_nanos(total))
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_mib(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let kib: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kib| kib.parse().ok())
            .ok_or("VmHWM cannot be read")?;
        Ok(kib / 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Median time that this folder's disk needs for a write of 4 KiB with its sync: the least that a durable row can take.
pub fn sync_time(folder: &Path) -> Result<Duration, Failure> {
    use std::io::Write as _;
    let path = folder.join("sync-probe");
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::with_capacity(200);
    for _ in 0..200 {
        let start = std::time::Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}
