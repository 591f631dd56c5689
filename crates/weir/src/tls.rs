//! The certificate that Weir shows to clients: read from files, and read again when they change.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};
use weir_core::Timestamp;

mod validity;

/// Largest file with a certificate or a key, in bytes.
const MAX_PEM: u64 = 1024 * 1024;
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;
/// Days before the end of a certificate from which on Weir warns.
const WARN_DAYS: i64 = 14;
/// What clients are offered. HTTP/2 has no reason phrase, and that is where pip, uv, pnpm and yarn read a refusal.
const PROTOCOL: &[u8] = b"http/1.1";

/// Where certificate and key are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// PEM: the server's certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// PEM: its private key, as PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// What tells whether a file is another than it was.
#[derive(PartialEq, Eq, Debug)]
pub struct Stamp([Option<(Option<SystemTime>, u64, u64)>; 2]);

/// Certificate and key in use.
pub struct Tls {
    files: Files,
    current: ArcSwap<Pair>,
}

struct Pair {
    config: Arc<ServerConfig>,
    /// When the certificate ends; `None` if that cannot be read.
    ends: Option<Timestamp>,
}

impl Tls {
    /// Reads certificate and key.
    pub fn load(files: Files) -> anyhow::Result<Self> {
        let pair = read(&files)?;
        Ok(Self { files, current: ArcSwap::from_pointee(pair) })
    }

    /// Reads both files again. What cannot be used leaves in use what was.
    pub fn reload(&self) -> anyhow::Result<()> {
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// The files as they are now.
    pub fn stamp(&self) -> Stamp {
        Stamp([&self.files.certificate, &self.files.key].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            #[cfg(unix)]
            let node = std::os::unix::fs::MetadataExt::ino(&metadata);
            #[cfg(not(unix))]
            let node = 0;
            Some((metadata.modified().ok(), metadata.len(), node))
        }))
    }

    /// What speaks for Weir on a new connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }

    /// What is to be said about the certificate's end, if it is near or past.
    pub fn ending(&self, now: Timestamp) -> Option<String> {
        let ends = self.current.load().ends?;
        let path = self.files.certificate.display();
        if ends <= now {
            Some(format!("the certificate `{path}` ended on {}: clients refuse it; put a new one there", ends.date()))
        } else if ends <= now.plus_days(WARN_DAYS) {
            Some(format!("the certificate `{path}` ends on {}: put a new one there before that", ends.date()))
        } else {
            None
        }
    }
}

fn read(files: &Files) -> anyhow::Result<Pair> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let pem = bytes(&files.certificate).with_context(|| format!("the certificate `{certificate}` cannot be read"))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .take(MAX_CHAIN + 1)
        .collect::<Result<_, _>>()
        .with_context(|| format!("the certificate `{certificate}` is not PEM"))?;
    if chain.len() > MAX_CHAIN {
        bail!("the certificate `{certificate}` has more than {MAX_CHAIN} certificates in it");
    }
    let Some(leaf) = chain.first() else {
        bail!(
            "the certificate `{certificate}` has no `-----BEGIN CERTIFICATE-----`; expected a PEM file with the server's \
             certificate, then those that vouch for it"
        );
    };
    let ends = validity::not_after(leaf);
    let pem = bytes(&files.key).with_context(|| format!("the key `{key}` cannot be read"))?;
    let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        _ if contains(&pem, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
            anyhow::anyhow!(
                "the key `{key}` is encrypted; write it without a password: openssl pkey -in {key} -out FILE"
            )
        }
        pem::Error::NoItemsFound => anyhow::anyhow!(
            "the key `{key}` has no private key in it; expected PEM with `-----BEGIN PRIVATE KEY-----` (PKCS#8), \
             `-----BEGIN EC PRIVATE KEY-----` or `-----BEGIN RSA PRIVATE KEY-----`"
        ),
        // What is wrong with a key is told without any of it.
        _ => anyhow::anyhow!("the key `{key}` is not PEM"),
    })?;
    warn_if_open(&files.key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => anyhow::anyhow!(
                "the key `{key}` is not that of the first certificate in `{certificate}`; put the server's own \
                 certificate first"
            ),
            error => anyhow::anyhow!("the certificate `{certificate}` and the key `{key}` cannot be used: {error}"),
        })?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Pair { config: Arc::new(config), ends })
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_PEM + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_PEM {
        bail!("it is larger than {MAX_PEM} bytes");
    }
    Ok(bytes)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn warn_if_open(key: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(key)
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0
    {
        tracing::warn!(key = %key.display(), "everybody on this machine can read the key: chmod o= it");
    }
    #[cfg(not(unix))]
    let _ = key;
}

#[cfg(test)]
mod tests {
    use weir_testing::Authority;

    use super::*;

    fn written(certificate: &str, key: &str) -> (tempfile::TempDir, Files) {
        let home = tempfile::tempdir().unwrap();
        let files = Files { certificate: home.path().join("cert.pem"), key: home.path().join("key.pem") };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        (home, files)
    }

    fn problem(certificate: &str, key: &str) -> String {
        let (_home, files) = written(certificate, key);
        format!("{:#}", Tls::load(files).err().unwrap())
    }

    #[test]
    fn what_cannot_be_used_is_told_by_file_and_with_the_way_out() {
        let (one, other) = (Authority::new().certificate(&["a.example"]), Authority::new().certificate(&["a.example"]));
        for (certificate, key, told) in [
            ("", one.key.as_str(), "cert.pem` has no `-----BEGIN CERTIFICATE-----`"),
            (&one.key, &one.key, "cert.pem` has no `-----BEGIN CERTIFICATE-----`"),
            (&one.chain, "", "key.pem` has no private key in it"),
            (&one.chain, &one.chain, "key.pem` has no private key in it"),
            (&one.chain, &other.key, "is not that of the first certificate"),
            (
                &one.chain,
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "encrypted",
            ),
            (&one.chain, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be used"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &one.key, "cannot be used"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", &one.key, "is not PEM"),
        ] {
            let problem = problem(certificate, key);
            assert!(problem.contains(told), "`{told}` is missing from {problem}");
            assert!(!problem.contains("PRIVATE KEY-----\nM"), "{problem}");
        }
        let chain = one.chain.lines().map(|line| format!("{line}\n")).collect::<String>().repeat(MAX_CHAIN + 1);
        assert!(problem(&chain, &one.key).contains("more than 16 certificates"));
        assert!(problem(&" ".repeat(MAX_PEM as usize + 1), &one.key).contains("larger than 1048576 bytes"));
    }

    #[test]
    fn a_bad_pair_on_reload_leaves_the_old_one_in_use() {
        let authority = Authority::new();
        let (one, other) = (authority.certificate(&["a.example"]), authority.certificate(&["a.example"]));
        let (_home, files) = written(&one.chain, &one.key);
        let tls = Tls::load(files.clone()).unwrap();
        let (before, seen) = (Arc::clone(&tls.current.load().config), tls.stamp());
        std::fs::write(&files.key, format!("{}\n", other.key)).unwrap();
        assert!(seen != tls.stamp());
        assert!(tls.reload().is_err());
        assert!(Arc::ptr_eq(&before, &tls.current.load().config));
        std::fs::write(&files.certificate, &other.chain).unwrap();
        tls.reload().unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.current.load().config));
    }

    #[test]
    fn a_certificate_is_told_of_from_two_weeks_before_its_end() {
        let identity = Authority::new().certificate_until(&["a.example"], (2030, 6, 15));
        let (_home, files) = written(&identity.chain, &identity.key);
        let tls = Tls::load(files).unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        assert_eq!(tls.ending(at("2030-05-31T23:59:59Z")), None);
        assert!(tls.ending(at("2030-06-01T00:00:00Z")).unwrap().contains("ends on 2030-06-15"));
        assert!(tls.ending(at("2030-06-15T00:00:00Z")).unwrap().contains("ended on 2030-06-15"));
    }
}
