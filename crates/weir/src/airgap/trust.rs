//! Who signs bundles here, and who is believed?

use std::path::Path;

use anyhow::{Context, bail};
use weir_bundle::{PublicKey, SigningKey};

use crate::config::Config;
use crate::data::{Data, write_durably};

/// The file of the signing key in the data directory.
const FILE: &str = "bundle.key";

/// The key that this Weir signs with. It is made when it is first needed, and never leaves the data directory.
pub(super) fn signing_key(data: &Data) -> anyhow::Result<SigningKey> {
    let path = data.root().join(FILE);
    let place = || format!("`{}` cannot be used", path.display());
    match std::fs::read_to_string(&path) {
        Ok(text) => SigningKey::from_text(&text).with_context(place),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = SigningKey::generate()?;
            write_durably(&path, format!("{}\n", key.to_text()).as_bytes()).with_context(place)?;
            restrict(&path).with_context(place)?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(place),
    }
}

/// The data directory is closed to others already; a copy of the file should be, too.
fn restrict(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    let _ = path;
    Ok(())
}

/// The keys whose bundles are taken in: those of the configuration and those of the command line.
pub(super) fn trusted(config: &Config, given: &[String]) -> anyhow::Result<Vec<PublicKey>> {
    let configured = config.bundle.trust.iter().map(|text| (text, "[bundle] trust"));
    let keys: Vec<PublicKey> = configured
        .chain(given.iter().map(|text| (text, "--trust")))
        .map(|(text, place)| text.parse().with_context(|| format!("{place} `{text}` cannot be used")))
        .collect::<anyhow::Result<_>>()?;
    if keys.is_empty() {
        bail!(
            "no key is trusted here: run `weir export --key` where bundles are made, and give what it prints with --trust, \
             or as [bundle] trust = [\"…\"] in weir.toml"
        );
    }
    Ok(keys)
}
