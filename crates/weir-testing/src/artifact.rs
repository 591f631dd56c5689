//! Real artifacts, made in memory: the package managers install them.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::Digest as _;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::tar::tar_gz;

/// The name under which Python imports what is distributed as `name`; also the first part of its file names.
pub fn module_name(name: &str) -> String {
    name.to_lowercase().replace(['-', '.'], "_")
}

/// The file name of [`wheel`].
pub fn wheel_file(name: &str, version: &str) -> String {
    format!("{}-{version}-py3-none-any.whl", module_name(name))
}

/// The file name of [`sdist`].
pub fn sdist_file(name: &str, version: &str) -> String {
    format!("{}-{version}.tar.gz", module_name(name))
}

/// Core metadata with further headers, such as `("License", "MIT")` and `("Requires-Dist", "other>=1")`.
pub fn core_metadata(name: &str, version: &str, headers: &[(&str, &str)]) -> String {
    let mut metadata = format!("Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n");
    for (key, value) in headers {
        writeln!(metadata, "{key}: {value}").unwrap();
    }
    metadata
}

/// A wheel with one module: valid, with a RECORD that is right.
pub fn wheel(name: &str, version: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    wheel_with(name, version, headers, &[])
}

/// A wheel with a file of `size` bytes that do not compress.
pub fn big_wheel(name: &str, version: &str, headers: &[(&str, &str)], size: usize) -> Vec<u8> {
    let path = format!("{}/data.bin", module_name(name));
    wheel_with(name, version, headers, &[(&path, &noise(size))])
}

/// A wheel with further files; they too are in RECORD.
pub fn wheel_with(name: &str, version: &str, headers: &[(&str, &str)], more: &[(&str, &[u8])]) -> Vec<u8> {
    let module = module_name(name);
    let info = format!("{module}-{version}.dist-info");
    let mut files = vec![(format!("{module}/__init__.py"), module_source(version))];
    files.extend(more.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
    files.push((format!("{info}/METADATA"), core_metadata(name, version, headers).into_bytes()));
    let tags = "Wheel-Version: 1.0\nGenerator: weir-testing\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    files.push((format!("{info}/WHEEL"), tags.into()));
    let mut record = String::new();
    for (path, bytes) in &files {
        let digest = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(bytes));
        writeln!(record, "{path},sha256={digest},{}", bytes.len()).unwrap();
    }
    writeln!(record, "{info}/RECORD,,").unwrap();
    files.push((format!("{info}/RECORD"), record.into_bytes()));
    zip(&files)
}

/// A zip file of these files, in this order. Large ones are stored as they are.
pub fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        let method = if bytes.len() > 1 << 20 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        zip.start_file(path, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A source distribution that builds without anything else: its build backend is in it.
pub fn sdist(name: &str, version: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let module = module_name(name);
    let root = format!("{module}-{version}");
    let backend = BACKEND.replace("@MODULE@", &module).replace("@VERSION@", version);
    let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";
    tar_gz(&[
        (format!("{root}/PKG-INFO"), core_metadata(name, version, headers).into_bytes()),
        (format!("{root}/pyproject.toml"), project.into()),
        (format!("{root}/backend.py"), backend.into_bytes()),
        (format!("{root}/{module}/__init__.py"), module_source(version)),
    ])
}

/// What an installer asks an sdist for (PEP 517), without a build tool.
const BACKEND: &str = r#"import base64, hashlib, os, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    info = "@MODULE@-@VERSION@.dist-info"
    with open("PKG-INFO", "rb") as file:
        metadata = file.read()
    with open("@MODULE@/__init__.py", "rb") as file:
        module = file.read()
    files = [
        ("@MODULE@/__init__.py", module),
        (info + "/METADATA", metadata),
        (info + "/WHEEL", b"Wheel-Version: 1.0\nGenerator: sdist\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ]
    record = ""
    for path, data in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\n" % (path, digest, len(data))
    files.append((info + "/RECORD", (record + info + "/RECORD,,\n").encode()))
    name = "@MODULE@-@VERSION@-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        for path, data in files:
            wheel.writestr(path, data)
    return name
"#;

/// The file name of [`npm_tarball`]: the scope is not part of it.
pub fn npm_file(name: &str, version: &str) -> String {
    format!("{}-{version}.tgz", name.rsplit('/').next().unwrap_or(name))
}

/// An npm package with one module. The fields of `extras`, an object, are added to its `package.json`.
pub fn npm_tarball(name: &str, version: &str, extras: &Value) -> Vec<u8> {
    let manifest = serde_json::to_vec_pretty(&npm_manifest(name, version, extras)).unwrap();
    let module = format!("module.exports = {};\n", json!(version));
    tar_gz(&[("package/package.json".into(), manifest), ("package/index.js".into(), module.into_bytes())])
}

/// An npm package with a file of `size` bytes that do not compress.
pub fn big_npm_tarball(name: &str, version: &str, size: usize) -> Vec<u8> {
    let manifest = serde_json::to_vec_pretty(&npm_manifest(name, version, &json!({}))).unwrap();
    tar_gz(&[("package/data.bin".into(), noise(size)), ("package/package.json".into(), manifest)])
}

/// The `package.json` of [`npm_tarball`].
pub fn npm_manifest(name: &str, version: &str, extras: &Value) -> Value {
    let mut manifest = json!({ "name": name, "version": version, "main": "index.js" });
    if let (Value::Object(manifest), Value::Object(extras)) = (&mut manifest, extras) {
        manifest.extend(extras.clone());
    }
    manifest
}

/// The file name of [`crate_file`].
pub fn crate_file_name(name: &str, version: &str) -> String {
    format!("{name}-{version}.crate")
}

/// A crate with an empty library.
pub fn crate_file(name: &str, version: &str, license: Option<&str>) -> Vec<u8> {
    crate_file_with(name, version, license, "")
}

/// A crate with a file of `size` bytes that do not compress.
pub fn big_crate_file(name: &str, version: &str, size: usize) -> Vec<u8> {
    let root = format!("{name}-{version}");
    let manifest = format!("[package]\nedition = \"2021\"\nname = \"{name}\"\nversion = \"{version}\"\n");
    tar_gz(&[
        (format!("{root}/data.bin"), noise(size)),
        (format!("{root}/Cargo.toml"), manifest.into_bytes()),
        (format!("{root}/src/lib.rs"), b"//! A large crate of a test.\n".to_vec()),
    ])
}

/// A crate whose manifest ends with `manifest`: `[dependencies]` and the like.
pub fn crate_file_with(name: &str, version: &str, license: Option<&str>, manifest: &str) -> Vec<u8> {
    let root = format!("{name}-{version}");
    let license = license.map(|license| format!("license = \"{license}\"\n")).unwrap_or_default();
    let manifest = format!(
        "[package]\nedition = \"2021\"\nname = \"{name}\"\nversion = \"{version}\"\n{license}\n[lib]\npath = \"src/lib.rs\"\n\n{manifest}"
    );
    let source = format!("//! A crate of a test.\n/// Its version.\npub const VERSION: &str = \"{version}\";\n");
    tar_gz(&[
        (format!("{root}/Cargo.toml"), manifest.clone().into_bytes()),
        (format!("{root}/Cargo.toml.orig"), manifest.into_bytes()),
        (format!("{root}/src/lib.rs"), source.into_bytes()),
    ])
}

/// Bytes that do not compress, the same every time.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// npm's `integrity` of these bytes.
pub fn integrity(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(sha2::Sha512::digest(bytes)))
}

/// npm's `shasum` of these bytes.
pub fn shasum(bytes: &[u8]) -> String {
    weir_core::digest::hex(&sha1::Sha1::digest(bytes))
}

fn module_source(version: &str) -> Vec<u8> {
    format!("__version__ = {version:?}\n").into_bytes()
}
