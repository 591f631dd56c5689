//! What is written is read back; what was changed on the way is not taken.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};

use weir_bundle::{
    Bundle, Entry, FORMAT, MANIFEST, Manifest, PublicKey, ReadError, SIGNATURE, SigningKey, Take, write,
};
use weir_core::{Digest, Timestamp};

/// Keeps what it is given.
#[derive(Default)]
struct Taken {
    now: Vec<u8>,
    whole: BTreeMap<String, Vec<u8>>,
}

impl Take for Taken {
    fn bytes(&mut self, _: &Entry, from: &mut dyn Read) -> io::Result<()> {
        self.now.clear();
        from.read_to_end(&mut self.now).map(drop)
    }

    fn whole(&mut self, entry: &Entry) -> io::Result<()> {
        self.whole.insert(entry.path.clone(), std::mem::take(&mut self.now));
        Ok(())
    }
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![("rows/a.jsonl", b"{}\n".to_vec()), ("empty", Vec::new()), ("blobs/sha256/big", vec![7; 1_000_000])]
}

fn manifest(files: &[(&str, Vec<u8>)]) -> Manifest {
    let entries = files.iter().map(|(path, bytes)| Entry {
        path: (*path).to_owned(),
        size: bytes.len() as u64,
        sha256: Digest::of(bytes),
    });
    Manifest {
        format: FORMAT,
        weir: String::from("0.1.0"),
        until: Timestamp::from_millis(1_790_000_000_000),
        since: None,
        feeds: Vec::new(),
        entries: entries.collect(),
    }
}

fn made(key: &SigningKey, manifest: &Manifest, files: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let mut left = files.iter().cloned();
    let mut open = |_: &Entry| Ok(Box::new(Cursor::new(left.next().unwrap().1)) as Box<dyn Read>);
    write(Vec::new(), manifest, key, &mut open).unwrap()
}

fn read(bytes: &[u8], trusted: &[PublicKey]) -> Result<BTreeMap<String, Vec<u8>>, ReadError> {
    let mut taken = Taken::default();
    Bundle::open(bytes, trusted)?.read(&mut taken)?;
    Ok(taken.whole)
}

/// The tar archive inside, changed, and packed again: what somebody does who has the bundle but not the key.
fn tampered(bundle: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut tar = zstd::stream::decode_all(bundle).unwrap();
    change(&mut tar);
    zstd::stream::encode_all(&*tar, 1).unwrap()
}

#[test]
fn what_is_written_is_read_back_and_equal_contents_make_equal_bundles() {
    let key = SigningKey::generate().unwrap();
    let bundle = made(&key, &manifest(&files()), &files());
    assert_eq!(bundle, made(&key, &manifest(&files()), &files()));
    let read = read(&bundle, &[SigningKey::generate().unwrap().public(), key.public()]).unwrap();
    let expected: BTreeMap<String, Vec<u8>> =
        files().into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect();
    assert_eq!(read, expected);
    assert_eq!(Bundle::open(&*bundle, &[key.public()]).unwrap().manifest(), &manifest(&files()));
}

#[test]
fn a_bundle_of_an_unknown_signer_is_not_looked_into() {
    let bundle = made(&SigningKey::generate().unwrap(), &manifest(&files()), &files());
    for trusted in [Vec::new(), vec![SigningKey::generate().unwrap().public()]] {
        assert!(matches!(read(&bundle, &trusted), Err(ReadError::Untrusted)));
    }
}

#[test]
fn every_changed_byte_is_found() {
    let key = SigningKey::generate().unwrap();
    let small = vec![("a", b"some bytes".to_vec()), ("b", b"others".to_vec())];
    let bundle = made(&key, &manifest(&small), &small);
    let length = zstd::stream::decode_all(&*bundle).unwrap().len();
    let mut kept = 0;
    for at in 0..length {
        let changed = tampered(&bundle, |tar| tar[at] ^= 1);
        match read(&changed, &[key.public()]) {
            Err(_) => {}
            // Padding, and what a header says of owner and mode, is nothing that anybody takes.
            Ok(taken) => {
                kept += 1;
                assert_eq!(
                    taken.into_values().collect::<Vec<_>>(),
                    [b"some bytes".to_vec(), b"others".to_vec()],
                    "{at}"
                );
            }
        }
    }
    assert!(kept < length, "{kept} of {length}");
}

#[test]
fn a_bundle_that_was_cut_off_is_not_taken() {
    let key = SigningKey::generate().unwrap();
    let bundle = made(&key, &manifest(&files()), &files());
    for length in [0, 1, 100, bundle.len() / 2, bundle.len() - 1] {
        assert!(read(&bundle[..length], &[key.public()]).is_err(), "{length}");
    }
    // Cut off where an entry ends, and packed again.
    let short = tampered(&bundle, |tar| tar.truncate(512 * 8));
    assert!(read(&short, &[key.public()]).is_err());
}

#[test]
fn what_the_manifest_does_not_list_is_not_taken() {
    let key = SigningKey::generate().unwrap();
    let (listed, all) = (vec![files()[0].clone()], files());
    let (one, three) = (made(&key, &manifest(&listed), &listed), made(&key, &manifest(&all), &all));
    // The entries of the larger one after the manifest of the smaller one.
    let one = zstd::stream::decode_all(&*one).unwrap();
    let three = zstd::stream::decode_all(&*three).unwrap();
    let body = three.len() - three.windows(12).position(|window| window == b"rows/a.jsonl").unwrap();
    let head = one.len() - one.windows(12).rposition(|window| window == b"rows/a.jsonl").unwrap();
    let mut mixed = one[..one.len() - head].to_vec();
    mixed.extend_from_slice(&three[three.len() - body..]);
    let _ = read(&zstd::stream::encode_all(&*mixed, 1).unwrap(), &[key.public()]).unwrap_err();
}

#[test]
fn paths_that_lead_elsewhere_are_refused_even_when_they_are_signed() {
    let key = SigningKey::generate().unwrap();
    let long = "a/".repeat(60);
    for path in ["../x", "/x", "a//b", "a/./b", "a\\b", "", "a b", "ä", &long] {
        let mut manifest = manifest(&[]);
        manifest.entries.push(Entry { path: path.to_owned(), size: 0, sha256: Digest::of(b"") });
        let mut open = |_: &Entry| Ok(Box::new(io::empty()) as Box<dyn Read>);
        assert!(write(Vec::new(), &manifest, &key, &mut open).is_err(), "{path}");
    }
}

#[test]
fn garbage_is_no_bundle() {
    let mut other = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o644);
    other.append_data(&mut header, MANIFEST, &b"abc"[..]).unwrap();
    let other = zstd::stream::encode_all(&*other.into_inner().unwrap(), 1).unwrap();
    let mut huge = tar::Header::new_gnu();
    huge.set_path(MANIFEST).unwrap();
    huge.set_size(1 << 40);
    huge.set_cksum();
    let mut long = tar::Header::new_gnu();
    long.set_path(SIGNATURE).unwrap();
    long.set_entry_type(tar::EntryType::GNULongName);
    long.set_size(1 << 40);
    long.set_cksum();
    let packed = |header: &tar::Header| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.write_all(header.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    for bytes in [b"not zstd".to_vec(), Vec::new(), other, packed(&huge), packed(&long)] {
        let error = read(&bytes, &[]).unwrap_err();
        assert!(matches!(error, ReadError::NotABundle(_) | ReadError::Input(_)), "{error:?}");
    }
}
