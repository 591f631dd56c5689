//! `weir version compare`: which of two versions is later, as their ecosystem has it.

use std::cmp::Ordering;
use std::io::{self, BufRead, Read as _, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use weir_core::Ecosystem;
use weir_versions::{ORDERS, Order};

use crate::ecosystems::ALL;

/// Longest line of standard input, in bytes.
const MAX_LINE: u64 = 64 * 1024;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Read two versions a line, with a tab between, and answer `<`, `=`, `>` or, if one cannot be read, `?`.
    Compare(Compare),
}

#[derive(Args, Debug)]
pub struct Compare {
    /// Whose versions: an ecosystem as Weir, OSV or package URLs call it, such as `pypi`, `Debian:12`, `gem`.
    #[arg(long, value_name = "NAME")]
    ecosystem: String,
}

pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let Command::Compare(compare) = command;
    let versions = Versions::named(&compare.ecosystem)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    lines(io::stdin().lock(), |line| {
        let order = line.split_once('\t').and_then(|(a, b)| versions.compare(a, b));
        writeln!(out, "{}", order.map_or("?", sign))?;
        out.flush()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Who knows how such versions stand.
enum Versions {
    /// An ecosystem with a registry.
    Ecosystem(&'static Ecosystem),
    /// Another one.
    Order(&'static Order),
}

impl Versions {
    fn named(name: &str) -> anyhow::Result<Self> {
        let base = weir_versions::base(name);
        let is = |known: &str| known.eq_ignore_ascii_case(base);
        let folder = ALL
            .iter()
            .find(|ecosystem| is(ecosystem.id) || is(ecosystem.title) || is(ecosystem.osv) || is(ecosystem.purl_type));
        if let Some(ecosystem) = folder {
            return Ok(Self::Ecosystem(ecosystem));
        }
        weir_versions::by_name(name).map(Self::Order).ok_or_else(|| {
            let known: Vec<_> =
                ALL.iter().map(|ecosystem| ecosystem.id).chain(ORDERS.iter().map(|order| order.id)).collect();
            anyhow::anyhow!("no order of versions is known for `{name}`; known are {}", known.join(", "))
        })
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Ecosystem(ecosystem) => ecosystem.versions.compare(a, b),
            Self::Order(order) => order.compare(a, b),
        }
    }
}

const fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

/// Hands over the lines of `input` one by one, without their ends. One that is too long, or no UTF-8, is an error that
/// names it.
pub fn lines(mut input: impl BufRead, mut each: impl FnMut(&str) -> io::Result<()>) -> anyhow::Result<()> {
    let mut line = String::new();
    for number in 1_u64.. {
        line.clear();
        let read = (&mut input).take(MAX_LINE).read_line(&mut line);
        match read {
            Ok(0) => break,
            Ok(_) if line.len() as u64 == MAX_LINE && !line.ends_with('\n') => {
                anyhow::bail!("line {number} of standard input is longer than {MAX_LINE} bytes");
            }
            Ok(_) => {}
            Err(error) => anyhow::bail!("line {number} of standard input cannot be read: {error}"),
        }
        match each(line.trim_end_matches(['\n', '\r'])) {
            // Nobody reads any more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            done => done?,
        }
    }
    Ok(())
}
