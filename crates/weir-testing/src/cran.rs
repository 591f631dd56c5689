//! What a CRAN repository serves: source packages, and the list of its archive as R serialises it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::tar::tar_gz;

/// A source package with nothing but its `DESCRIPTION`, to which `fields` are added.
pub fn source_package(name: &str, version: &str, fields: &str) -> Vec<u8> {
    let description =
        format!("Package: {name}\nVersion: {version}\nTitle: A Package of a Test\nLicense: GPL-3\n{fields}");
    tar_gz(&[
        (format!("{name}/DESCRIPTION"), description.into_bytes()),
        (format!("{name}/NAMESPACE"), b"exportPattern(\".\")\n".to_vec()),
    ])
}

/// `Meta/archive.rds`: for each package its files, with the seconds since 1970 at which each came in.
pub fn archive(packages: &[(&str, &[(&str, i64)])]) -> Vec<u8> {
    let mut out = Vec::from(*b"X\n");
    for word in [2, 0x0004_0202, 0x0002_0300] {
        int(&mut out, word);
    }
    int(&mut out, LIST | HAS_ATTRIBUTES);
    int(&mut out, packages.len() as i32);
    for (name, files) in packages {
        int(&mut out, LIST | IS_OBJECT | HAS_ATTRIBUTES);
        int(&mut out, 2);
        reals(&mut out, files.iter().map(|_| 512.0));
        reals(&mut out, files.iter().map(|(_, at)| *at as f64));
        attribute(&mut out, "names", &["size", "mtime"]);
        let paths: Vec<_> = files.iter().map(|(file, _)| format!("{name}/{file}")).collect();
        attribute(&mut out, "row.names", &paths);
        attribute(&mut out, "class", &["data.frame"]);
        int(&mut out, NULL);
    }
    attribute(&mut out, "names", &packages.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    int(&mut out, NULL);
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&out).unwrap();
    gz.finish().unwrap()
}

const LIST: i32 = 19;
const REALS: i32 = 14;
const TEXTS: i32 = 16;
/// ASCII characters.
const TEXT: i32 = 9 | (64 << 12);
const SYMBOL: i32 = 1;
/// A pair with a tag.
const PAIR: i32 = 2 | (1 << 10);
const NULL: i32 = 254;
const IS_OBJECT: i32 = 1 << 8;
const HAS_ATTRIBUTES: i32 = 1 << 9;

fn int(out: &mut Vec<u8>, value: i32) {
    out.extend(value.to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    int(out, TEXT);
    int(out, text.len() as i32);
    out.extend(text.as_bytes());
}

fn reals(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = f64>) {
    int(out, REALS);
    int(out, values.len() as i32);
    values.for_each(|value| out.extend(value.to_be_bytes()));
}

fn attribute(out: &mut Vec<u8>, name: &str, values: &[impl AsRef<str>]) {
    int(out, PAIR);
    int(out, SYMBOL);
    text(out, name);
    int(out, TEXTS);
    int(out, values.len() as i32);
    values.iter().for_each(|value| text(out, value.as_ref()));
}
