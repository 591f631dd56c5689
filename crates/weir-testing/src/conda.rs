//! What a conda channel serves: packages in the second format, their index, and the same in shards.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use serde_json::{Value, json};
use weir_core::Digest;

use crate::artifact::zip;
use crate::tar::tar;

/// How hard the indexes are packed.
const LEVEL: i32 = 3;

/// A package with nothing but its description, to which `fields` are added.
pub fn package(name: &str, version: &str, subdir: &str, fields: &Value) -> Vec<u8> {
    let index = record(name, version, subdir, fields);
    let pack = |files: &[(String, Vec<u8>)]| zstd::encode_all(tar(files).as_slice(), LEVEL).unwrap();
    let info = [
        (String::from("info/index.json"), index.to_string().into_bytes()),
        (String::from("info/files"), Vec::new()),
        (String::from("info/paths.json"), br#"{"paths":[],"paths_version":1}"#.to_vec()),
    ];
    let stem = format!("{name}-{version}-0");
    zip(&[
        (String::from("metadata.json"), br#"{"conda_pkg_format_version":2}"#.to_vec()),
        (format!("pkg-{stem}.tar.zst"), pack(&[])),
        (format!("info-{stem}.tar.zst"), pack(&info)),
    ])
}

/// A package with these keys in `info/index.json`, further files of `info/`, and files that are installed. The members of
/// the zip file are stored, as build tools do it.
pub fn package_with(stem: &str, index: &Value, info: &[(&str, &[u8])], installed: &[(&str, &[u8])]) -> Vec<u8> {
    let pack = |files: &[(String, Vec<u8>)]| zstd::encode_all(tar(files).as_slice(), LEVEL).unwrap();
    let owned = |files: &[(&str, &[u8])]| -> Vec<(String, Vec<u8>)> {
        files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect()
    };
    let mut described = vec![(String::from("info/index.json"), index.to_string().into_bytes())];
    described.extend(owned(info));
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in [
        (String::from("metadata.json"), br#"{"conda_pkg_format_version":2}"#.to_vec()),
        (format!("pkg-{stem}.tar.zst"), pack(&owned(installed))),
        (format!("info-{stem}.tar.zst"), pack(&described)),
    ] {
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(path, stored).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What an index says of a package, but for its file.
pub fn record(name: &str, version: &str, subdir: &str, fields: &Value) -> Value {
    let mut record = json!({
        "name": name, "version": version, "build": "0", "build_number": 0, "subdir": subdir,
        "depends": [], "license": "MIT",
    });
    for (key, value) in fields.as_object().into_iter().flatten() {
        record[key] = value.clone();
    }
    record
}

/// A platform of a channel.
#[derive(Default)]
pub struct Subdir {
    records: BTreeMap<String, Value>,
}

/// A file of a channel: its name there, and its bytes.
pub type File = (String, Vec<u8>);

impl Subdir {
    /// Adds a package and gives its file.
    pub fn add(&mut self, name: &str, version: &str, subdir: &str, fields: &Value) -> File {
        let bytes = package(name, version, subdir, fields);
        let file = format!("{name}-{version}-0.conda");
        let mut record = record(name, version, subdir, fields);
        record["sha256"] = json!(Digest::of(&bytes).to_string());
        record["size"] = json!(bytes.len());
        self.records.insert(file.clone(), record);
        (file, bytes)
    }

    /// Its index in every form: as it is, packed, and as a list of shards with all of them.
    pub fn indexes(&self, subdir: &str) -> Vec<File> {
        let whole = json!({
            "info": { "subdir": subdir }, "packages": {}, "packages.conda": self.records, "removed": [],
            "repodata_version": 1,
        });
        let whole = whole.to_string().into_bytes();
        let packed = zstd::encode_all(whole.as_slice(), LEVEL).unwrap();
        let mut files = vec![(String::from("repodata.json"), whole), (String::from("repodata.json.zst"), packed)];
        let mut shards: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
        for (file, record) in &self.records {
            shards.entry(record["name"].as_str().unwrap()).or_default().insert(file, record);
        }
        let mut list = BTreeMap::new();
        for (name, records) in shards {
            let bytes = shard(&json!({ "packages": {}, "packages.conda": records, "removed": [] }));
            let digest = Digest::of(&bytes);
            list.insert(name, json!({ "sha256": digest.to_string() }));
            files.push((format!("shards/{digest}.msgpack.zst"), bytes));
        }
        // In the list a digest stands for itself.
        let list = json!({
            "version": 1, "info": { "subdir": subdir, "base_url": "", "shards_base_url": "./shards/" }, "shards": list,
        });
        files.push((String::from("repodata_shards.msgpack.zst"), shard(&list)));
        files
    }
}

/// The bytes of a shard or a list of shards.
fn shard(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    pack(value, &mut out);
    zstd::encode_all(out.as_slice(), LEVEL).unwrap()
}

/// MessagePack, as `conda-index` writes it: a digest is bytes, and one that stands alone in an object is that object.
fn pack(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(entries) => {
            if let (1, Some(digest)) = (entries.len(), entries.get("sha256").and_then(Value::as_str)) {
                return bytes(digest, out);
            }
            out.push(0xde);
            out.extend(u16::try_from(entries.len()).unwrap().to_be_bytes());
            for (key, value) in entries {
                text(key, out);
                match value.as_str() {
                    Some(digest) if key == "sha256" => bytes(digest, out),
                    _ => pack(value, out),
                }
            }
        }
        Value::Array(items) => {
            out.push(0xdc);
            out.extend(u16::try_from(items.len()).unwrap().to_be_bytes());
            items.iter().for_each(|item| pack(item, out));
        }
        Value::String(written) => text(written, out),
        Value::Number(number) => {
            out.push(0xcf);
            out.extend(number.as_u64().unwrap().to_be_bytes());
        }
        Value::Bool(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Null => out.push(0xc0),
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.push(0xda);
    out.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    out.extend(text.as_bytes());
}

fn bytes(digest: &str, out: &mut Vec<u8>) {
    let digest: Digest = digest.parse().unwrap();
    out.extend([0xc4, 32]);
    out.extend(digest.as_bytes());
}
