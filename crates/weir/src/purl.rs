//! `weir purl`: package URLs in their canonical form.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use weir_core::purl::Purl;

use crate::ecosystems::ALL;
use crate::versions::lines;

/// Prints the canonical form of package URLs, or what is wrong with each, one a line.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Package URLs [default: the lines of standard input].
    #[arg(value_name = "PURL")]
    purls: Vec<String>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut all_read = true;
    let mut answer = |text: &str| {
        match Purl::parse(text.trim()).and_then(|purl| purl.canonical(ALL)) {
            Ok(purl) => writeln!(out, "{purl}"),
            Err(error) => {
                all_read = false;
                writeln!(out, "error: {error}")
            }
        }?;
        if arguments.purls.is_empty() { out.flush() } else { Ok(()) }
    };
    if arguments.purls.is_empty() {
        lines(io::stdin().lock(), &mut answer)?;
    } else {
        arguments.purls.iter().try_for_each(|purl| answer(purl))?;
    }
    out.flush()?;
    Ok(ExitCode::from(u8::from(!all_read)))
}
