//! Sharded repodata: a list of packages with the digest of each one's shard, and the shards.
//!
//! Specification: CEP 16. Both are MessagePack. The list is always made anew, with the digests of what is served here; a shard
//! of which nothing is refused is upstream's, byte for byte.

mod msgpack;

use serde_json::Value as Json;
use url::Url;
use weir_core::Digest;
use weir_core::catalogue::Shard;
use weir_core::digest::unhex;
use weir_core::registry::{Document, InvalidDocument, Wanted};

use self::msgpack::Value;
use crate::name::{is_name, is_subdir};

/// The name of the list.
pub const LIST: &str = "repodata_shards.msgpack.zst";
/// The directory of the shards, beside the list.
pub const DIRECTORY: &str = "shards";
/// Most packages of a list.
pub const MAX_SHARDS: usize = 200_000;

const EXPECTED: &str = "a repodata_shards.msgpack";

/// The list of a part.
pub fn list(part: &str) -> Option<Wanted> {
    let (_, subdir) = part.split_once('/').filter(|(_, subdir)| is_subdir(subdir))?;
    Some(Wanted { path: format!("{subdir}/{LIST}"), accept: "*/*", shared: false })
}

/// The shards that a list names.
pub fn read(document: &Document<'_>) -> Result<Vec<Shard>, InvalidDocument> {
    let invalid = |problem: &str| InvalidDocument {
        url: document.url.to_owned(),
        expected: EXPECTED,
        problem: problem.to_owned(),
    };
    let list = msgpack::read(document.body).map_err(|problem| invalid(&problem))?;
    let base =
        list.get("info").and_then(|info| info.get("shards_base_url")).and_then(Value::as_str).unwrap_or("./shards/");
    let base = if base.ends_with('/') { base.to_owned() } else { format!("{base}/") };
    let base = Url::parse(document.url).and_then(|url| url.join(&base)).map_err(|error| invalid(&error.to_string()))?;
    let Some(Value::Map(shards)) = list.get("shards") else { return Err(invalid("it has no `shards`")) };
    if shards.len() > MAX_SHARDS {
        return Err(invalid("it names more than 200,000 shards"));
    }
    let shard = |(key, digest): &(Value, Value)| {
        let key = key.as_str().filter(|key| is_name(key))?;
        let digest = match digest {
            Value::Bytes(bytes) => Digest::from_bytes(bytes.as_slice().try_into().ok()?),
            Value::Text(text) => text.parse().ok()?,
            _ => return None,
        };
        Some(Shard { key: key.to_owned(), digest, url: format!("{base}{digest}.msgpack.zst") })
    };
    Ok(shards.iter().filter_map(shard).collect())
}

/// The list that names these shards.
pub fn write(document: &Document<'_>, shards: &[(String, Digest)]) -> Result<Vec<u8>, InvalidDocument> {
    let invalid = |problem| InvalidDocument { url: document.url.to_owned(), expected: EXPECTED, problem };
    let mut list = msgpack::read(document.body).map_err(invalid)?;
    let Value::Map(entries) = &mut list else { return Err(invalid(String::from("it is no map"))) };
    for (key, value) in entries.iter_mut() {
        match (key.as_str(), value) {
            (Some("info"), Value::Map(info)) => {
                for (key, value) in info {
                    match key.as_str() {
                        Some("base_url") => *value = Value::Text(String::new()),
                        Some("shards_base_url") => *value = Value::Text(format!("./{DIRECTORY}/")),
                        _ => {}
                    }
                }
            }
            (Some("shards"), value) => {
                let named = shards
                    .iter()
                    .map(|(key, digest)| (Value::Text(key.clone()), Value::Bytes(digest.as_bytes().to_vec())));
                *value = Value::Map(named.collect());
            }
            _ => {}
        }
    }
    Ok(msgpack::write(&list))
}

/// A package's shard with these records.
pub fn shard(pieces: &[&[u8]]) -> Vec<u8> {
    let mut sections = [Vec::new(), Vec::new()];
    for piece in pieces {
        let Some((file, record)) = crate::index::split(piece) else { continue };
        let Ok(record) = serde_json::from_slice::<Json>(record) else { continue };
        let at = usize::from(file.ends_with(".conda"));
        sections[at].push((Value::Text(file.to_owned()), value(&record, true)));
    }
    let [packages, conda] = sections;
    let text = |text: &str| Value::Text(text.to_owned());
    msgpack::write(&Value::Map(vec![
        (text("packages"), Value::Map(packages)),
        (text("packages.conda"), Value::Map(conda)),
        (text("removed"), Value::List(Vec::new())),
    ]))
}

/// A JSON value. The digests of a record are bytes in a shard.
fn value(json: &Json, is_record: bool) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => Value::Unsigned(number),
            (None, Some(number), _) => Value::Signed(number),
            (None, None, number) => Value::Float(number.unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(|item| value(item, false)).collect()),
        Json::Object(entries) => {
            let entry = |(key, json): (&String, &Json)| {
                let is_digest = is_record && matches!(key.as_str(), "sha256" | "md5" | "legacy_bz2_md5");
                let bytes = json.as_str().filter(|_| is_digest).and_then(unhex).map(Value::Bytes);
                (Value::Text(key.clone()), bytes.unwrap_or_else(|| value(json, false)))
            };
            Value::Map(entries.iter().map(entry).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn a_list_is_read_and_written_with_other_digests() {
        let old = Digest::of(b"old");
        let info = vec![
            (text("subdir"), text("noarch")),
            (text("base_url"), text("https://files.example/")),
            (text("shards_base_url"), text("../shards")),
        ];
        let shards = vec![
            (text("a"), Value::Bytes(old.as_bytes().to_vec())),
            (text("../b"), Value::Bytes(vec![0; 32])),
            (text("c"), Value::Bytes(vec![0; 3])),
        ];
        let body = msgpack::write(&Value::Map(vec![
            (text("info"), Value::Map(info)),
            (text("shards"), Value::Map(shards)),
            (text("version"), Value::Unsigned(1)),
        ]));
        let document = Document {
            url: "https://conda.example/x/noarch/repodata_shards.msgpack.zst",
            content_type: "",
            body: &body,
        };
        let read_back = read(&document).unwrap();
        assert_eq!(
            read_back,
            [Shard {
                key: String::from("a"),
                digest: old,
                url: format!("https://conda.example/x/shards/{old}.msgpack.zst")
            }]
        );
        let new = Digest::of(b"new");
        let written = write(&document, &[(String::from("a"), new)]).unwrap();
        let list = msgpack::read(&written).unwrap();
        assert_eq!(list.get("info").unwrap().get("base_url"), Some(&text("")));
        assert_eq!(list.get("info").unwrap().get("subdir"), Some(&text("noarch")));
        assert_eq!(list.get("version"), Some(&Value::Unsigned(1)));
        let again =
            read(&Document { url: "http://127.0.0.1/x/noarch/list", content_type: "", body: &written }).unwrap();
        assert_eq!(
            (again[0].digest, again[0].url.as_str()),
            (new, format!("http://127.0.0.1/x/noarch/shards/{new}.msgpack.zst").as_str())
        );
    }

    #[test]
    fn a_shard_has_digests_as_bytes() {
        let sha = "ab".repeat(32);
        let piece =
            format!(r#""a-1-0.conda":{{"name":"a","sha256":"{sha}","size":3,"depends":["b"],"x":{{"sha256":"q"}}}}"#);
        let shard = msgpack::read(&shard(&[piece.as_bytes()])).unwrap();
        let record = shard.get("packages.conda").unwrap().get("a-1-0.conda").unwrap();
        assert_eq!(record.get("sha256"), Some(&Value::Bytes(vec![0xab; 32])));
        assert_eq!(record.get("x").unwrap().get("sha256"), Some(&text("q")));
        assert_eq!(record.get("size"), Some(&Value::Unsigned(3)));
        assert_eq!(shard.get("packages"), Some(&Value::Map(Vec::new())));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for body in [&b""[..], b"\x80", b"\xc1", b"\x81\xa6shards", b"\xdf\xff\xff\xff\xff", b"\x80\x80"] {
            assert!(read(&Document { url: "https://conda.example/x", content_type: "", body }).is_err(), "{body:?}");
        }
    }
}
