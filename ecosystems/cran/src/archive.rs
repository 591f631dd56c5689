//! Which files a repository has or had, and since when: `Meta/archive.rds`, `Meta/current.rds`, and the listing of an archive
//! directory where there is no such document.
//!
//! `archive.rds` is a list with a table for each package, `current.rds` one table; rows are files (as `file.info` tells them),
//! named by their path. The time of a file is the server's, and so the date on which it came into the repository.

use weir_core::Timestamp;

use crate::rds::{self, Value};

/// Most files of a document. The archive of CRAN has about 150,000.
pub const MAX_FILES: usize = 2_000_000;

/// A file of the repository.
#[derive(Clone, PartialEq, Debug)]
pub struct File<'a> {
    /// The package that it is of, as its name and directory say.
    pub name: &'a str,
    /// Its version, as its name says.
    pub version: &'a str,
    /// Its name: `cli_3.6.2.tar.gz`.
    pub file: &'a str,
    /// When it came into the repository.
    pub modified: Option<Timestamp>,
    /// Number of bytes.
    pub size: Option<u64>,
}

/// All source packages of an unpacked `archive.rds` or `current.rds`, in its order. Rows that are something else are passed
/// over.
pub fn files(bytes: &[u8]) -> Result<Vec<File<'_>>, rds::InvalidRds> {
    let invalid = |problem: String| rds::InvalidRds { at: 0, problem };
    let value = rds::read(bytes)?;
    let tables = match value {
        Value::List(tables, _) => tables,
        table @ Value::Table(..) => vec![table],
        _ => return Err(invalid(String::from("it is neither a table nor a list of tables"))),
    };
    let mut files = Vec::new();
    for table in tables {
        let Value::Table(columns, rows) = table else {
            return Err(invalid(String::from("an element of it is no table")));
        };
        let column = |name: &[u8]| columns.iter().find(|(is, _)| *is == name).map(|(_, values)| values);
        let (sizes, times) = (column(b"size"), column(b"mtime"));
        for (at, path) in rows.iter().enumerate() {
            let Some((name, version, file)) = std::str::from_utf8(path).ok().and_then(split_path) else { continue };
            if files.len() == MAX_FILES {
                return Err(invalid(format!("it has more than {MAX_FILES} files")));
            }
            files.push(File {
                name,
                version,
                file,
                modified: times.and_then(|times| times.number(at)).and_then(moment),
                size: sizes.and_then(|sizes| sizes.number(at)).filter(|size| *size >= 0.0).map(|size| size as u64),
            });
        }
    }
    Ok(files)
}

/// `cli/cli_3.6.2.tar.gz`, or without the directory; the directory must be the package's.
fn split_path(path: &str) -> Option<(&str, &str, &str)> {
    let (directory, file) = path.rsplit_once('/').map_or((None, path), |(directory, file)| (Some(directory), file));
    let (name, version) = split_file(file)?;
    directory.is_none_or(|directory| directory == name).then_some((name, version, file))
}

/// The name and version that a file name of a source package has: `cli_3.6.2.tar.gz`.
pub fn split_file(file: &str) -> Option<(&str, &str)> {
    let (name, version) = file.strip_suffix(".tar.gz")?.split_once('_')?;
    let fine = crate::name::in_tree("", name).is_ok()
        && crate::version::Version::parse(version).is_ok()
        && version.trim() == version;
    fine.then_some((name, version))
}

/// Seconds since 1970, with a fraction.
fn moment(seconds: f64) -> Option<Timestamp> {
    // Until the year 2200: what is beyond is no date of a package.
    (0.0..7_258_118_400.0).contains(&seconds).then(|| Timestamp::from_millis((seconds * 1000.0) as i64))
}
