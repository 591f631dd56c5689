//! What there is to get at: refused releases and private names, which upstream has, as an attacker would have them.

use super::others::{self, OTHERS};
use serde_json::{Value, json};
use weir_testing::{FakeUpstream, artifact};

/// `open` allows all of it; `prod` refuses some and keeps some private.
pub const POLICY: &str = r#"
[stage.open]

[stage.prod]
denied = [
  "pkg:pypi/re-fused-pkg", "pkg:npm/re-fused.pkg", "pkg:npm/%40scope/re-fused", "pkg:cargo/re_fused", "pkg:conda/re-fused",
  "pkg:cran/re.fused", "pkg:golang/example.com/Re-Fused", "pkg:maven/org.example/re-fused",
]
private-name = ["acme-*", "@acme/*", "cran:acme.*", "go:acme.example/*", "maven:com.acme:*", "maven:com.acme.*:*"]
"#;

/// The checksum database of Go knows nothing of these modules.
pub const CONFIG: &str = "upstream.go.checksum-key = \"off\"";

/// The address that clients are told, with a path before every other.
pub const PUBLIC_URL: &str = "http://weir.example/base";

/// A text in every document that must not come out.
pub const CANARY: &str = "canary-that-must-not-sing";

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// Releases that the policy of the stage denies.
    Refused,
    /// Names that are the organisation's own.
    Private,
}

/// What the packages are called.
pub struct Names {
    /// PyPI, normalized.
    pub pypi: &'static str,
    /// In the names of today's files.
    pub module: &'static str,
    /// As it was once written, in the names of old files too.
    pub old: &'static str,
    pub npm: &'static str,
    pub scoped: &'static str,
    pub scoped_file: &'static str,
    pub cargo: &'static str,
}

impl Names {
    /// The package that a route leads to.
    pub fn package(&self, of: Of, route: &str) -> &'static str {
        if let Some(other) = others::of_path(route) {
            return (other.name)(of);
        }
        let scope = self.scoped.split('/').next().unwrap();
        match route.split('/').next().unwrap() {
            "pypi" => self.pypi,
            "cargo" => self.cargo,
            _ if route.contains(scope) => self.scoped,
            _ => self.npm,
        }
    }
}

impl Of {
    pub const fn names(self) -> Names {
        match self {
            Self::Refused => Names {
                pypi: "re-fused-pkg",
                module: "re_fused_pkg",
                old: "Re.Fused_Pkg",
                npm: "re-fused.pkg",
                scoped: "@scope/re-fused",
                scoped_file: "re-fused",
                cargo: "re_fused",
            },
            Self::Private => Names {
                pypi: "acme-billing",
                module: "acme_billing",
                old: "Acme.Billing",
                npm: "acme-billing",
                scoped: "@acme/billing",
                scoped_file: "billing",
                cargo: "acme-billing",
            },
        }
    }

    /// True if the path of a request to an upstream tells what is to stay here. On npm `acme_billing` is another name than
    /// `acme-billing`, and nobody's.
    pub fn is_told_by(self, path: &str) -> bool {
        if let Some(other) = others::of_path(path) {
            return (other.is_told_by)(self, path);
        }
        let path = path.to_lowercase().replace("%2f", "/").replace("%40", "@").replace("%2d", "-");
        match self {
            // The index of what is refused is asked for; its files are not.
            Self::Refused => {
                let file = ["/files/", "/-/", "/dl/", "/provenance/", "/attestations/"];
                file.iter().any(|part| path.contains(part)) && path.contains("fused")
            }
            Self::Private => {
                let other_spelling = path.contains("acme_billing") || path.contains("acme.billing");
                path.contains("acme-billing")
                    || path.contains("@acme/")
                    || (other_spelling && !path.starts_with("/npm/"))
            }
        }
    }
}

/// Publishes all of it, and two packages that anybody may have.
pub fn publish(fake: &FakeUpstream) {
    let marked = [("Summary", CANARY)];
    for names in [Of::Refused.names(), Of::Private.names()] {
        let (module, plain, old) = (names.module, names.module.replace('_', "-"), names.old);
        let metadata = |version| artifact::core_metadata(old, version, &marked).into();
        let egg = artifact::zip(&[(String::from("EGG-INFO/PKG-INFO"), metadata("1.0"))]);
        fake.pypi()
            .release(old, "1.0")
            .header("Summary", CANARY)
            .file(&format!("{plain}-1.0.zip"), artifact::zip(&[(format!("{module}-1.0/PKG-INFO"), metadata("1.0"))]))
            .file(&format!("{module}-1.0-py2.7.egg"), egg)
            .file(&format!("{module}-1.0.tar.gz"), artifact::sdist(old, "1.0", &marked))
            .file(&artifact::wheel_file(old, "1.0"), artifact::wheel(old, "1.0", &marked))
            .add();
        // From the days when a file was named as its author wrote the project's name.
        fake.pypi()
            .release(old, "0.9")
            .file(&format!("{old}-0.9.tar.gz"), artifact::sdist(old, "0.9", &marked))
            .file(&format!("{old}-0.9-py2.py3-none-any.whl"), artifact::wheel(old, "0.9", &marked))
            .add();
        for name in [names.npm, names.scoped] {
            for version in ["1.0.0", "1.1.0"] {
                fake.npm().release(name, version).field("description", json!(CANARY)).add();
            }
            fake.npm().tag(name, "latest", "1.0.0");
        }
        for version in ["1.0.0", "1.1.0"] {
            fake.cargo().release(names.cargo, version).add();
        }
    }
    fake.pypi().release("allowed", "1.0").add();
    for name in ["allowed", "@scope/allowed"] {
        fake.npm().release(name, "1.0.0").add();
    }
    fake.cargo().release("allowed", "1.0.0").add();
    OTHERS.iter().for_each(|other| (other.publish)(fake));
    // Last: whatever is published writes the pages again.
    for names in [Of::Refused.names(), Of::Private.names()] {
        provenance(fake, &names);
    }
}

/// Both registries that have attestations offer them.
fn provenance(fake: &FakeUpstream, names: &Names) {
    let address = format!("{}/provenance/{}", fake.url(), names.pypi);
    fake.put(&format!("/provenance/{}", names.pypi), CANARY);
    fake.change(&format!("/simple/{}/", names.pypi), |page| {
        let Ok(mut json) = serde_json::from_slice::<Value>(&page.body) else { return };
        for file in json["files"].as_array_mut().unwrap() {
            file["provenance"] = json!(address);
        }
        page.body = json.to_string().into();
    });
    let address = format!("{}/attestations/{}", fake.url(), names.pypi);
    fake.put(&format!("/attestations/{}", names.pypi), CANARY);
    for name in [names.npm.to_owned(), names.scoped.replace('/', "%2f")] {
        fake.change(&format!("/npm/{name}"), |page| {
            let mut json: Value = serde_json::from_slice(&page.body).unwrap();
            for manifest in json["versions"].as_object_mut().unwrap().values_mut() {
                manifest["dist"]["attestations"] = json!({ "url": address });
            }
            page.body = json.to_string().into();
        });
    }
}
