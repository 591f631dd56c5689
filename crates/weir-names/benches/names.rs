//! How long it takes to ask whether a name looks like a well-known one: `cargo bench -p weir-names`.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::time::Instant;

use weir_names::Names;

const ROUNDS: usize = 20_000;

fn main() {
    let all: Vec<String> =
        (0..15_000_u64).map(|n| format!("package-{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20)).collect();
    let start = Instant::now();
    let names = Names::new(all.iter().map(String::as_str));
    println!(
        "index of {} names: {:.1} ms, {} kB",
        names.len(),
        start.elapsed().as_secs_f64() * 1e3,
        names.weight() / 1000
    );
    for name in ["requests", "reqeusts", "@types/some-longer-name-of-something", "a"] {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(names.lookalike(std::hint::black_box(name)));
        }
        println!("{name:<40} {:>8.2} µs", start.elapsed().as_secs_f64() * 1e6 / ROUNDS as f64);
    }
}
