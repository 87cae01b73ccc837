//! Tables.

use std::time::Duration;

use super::load::Load;

/// One server in one round.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Answers a second.
    rate: f64,
    p50: f64,
    p99: f64,
    /// CPU of the server for one answer, in milliseconds.
    cpu: f64,
    /// Of it, the thread that writes the trail.
    writer: f64,
}

impl Measured {
    pub fn new(requests: usize, load: &Load, cpu: Duration, writer: Duration) -> Self {
        let requests = requests as f64;
        Self {
            rate: requests / load.elapsed.as_secs_f64(),
            p50: millis(load.p50),
            p99: millis(load.p99),
            cpu: millis(cpu) / requests,
            writer: millis(writer) / requests,
        }
    }
}

/// Both servers in one round.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    pub ours: Measured,
    pub theirs: Measured,
}

/// The table's head: gateway first, then the reference, then gateway through reference.
pub const HEAD: &str = "\
| round | gateway req/s | p50 ms | p99 ms | CPU ms/req | of it writer | splice only req/s | p50 ms | p99 ms | CPU ms/req | CPU ratio | rate ratio |
|---|---|---|---|---|---|---|---|---|---|---|---|";

/// Milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A row of the table.
pub fn row(name: &str, round: &Round) -> String {
    line(
        name,
        round,
        round.ours.cpu / round.theirs.cpu,
        round.ours.rate / round.theirs.rate,
    )
}

/// The row of medians, each column for itself: the ratio is the median of the ratios.
pub fn median(rounds: &[Round]) -> String {
    let middle = |of: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let side = |of: fn(&Round) -> &Measured| Measured {
        rate: middle(&|round| of(round).rate),
        p50: middle(&|round| of(round).p50),
        p99: middle(&|round| of(round).p99),
        cpu: middle(&|round| of(round).cpu),
        writer: middle(&|round| of(round).writer),
    };
    let medians = Round {
        ours: side(|round| &round.ours),
        theirs: side(|round| &round.theirs),
    };
    line(
        "median",
        &medians,
        middle(&|round| round.ours.cpu / round.theirs.cpu),
        middle(&|round| round.ours.rate / round.theirs.rate),
    )
}

fn line(name: &str, round: &Round, cpu_ratio: f64, rate_ratio: f64) -> String {
    let Round { ours, theirs } = round;
    format!(
        "| {name} | {:.0} | {:.3} | {:.3} | {:.4} | {:.4} | {:.0} | {:.3} | {:.3} | {:.4} | {cpu_ratio:.2} | {rate_ratio:.2} |",
        ours.rate,
        ours.p50,
        ours.p99,
        ours.cpu,
        ours.writer,
        theirs.rate,
        theirs.p50,
        theirs.p99,
        theirs.cpu
    )
}
