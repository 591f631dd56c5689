//! What does an SBOM name? The package URLs of its components, whatever else it says.

use serde_json::Value;

/// The package URLs of a document; `None` if it is neither CycloneDX nor SPDX.
pub fn purls(document: &Value) -> Option<Vec<String>> {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    let mut purls = Vec::new();
    if text("bomFormat") == Some("CycloneDX") {
        components(document, &mut purls);
    } else if text("spdxVersion").is_some() {
        let packages = document.get("packages").and_then(Value::as_array).into_iter().flatten();
        let references = packages.filter_map(|package| package.get("externalRefs")?.as_array()).flatten();
        for reference in references {
            if reference.get("referenceType").and_then(Value::as_str) == Some("purl") {
                purls.extend(reference.get("referenceLocator").and_then(Value::as_str).map(str::to_owned));
            }
        }
    } else if let Some(elements) = document.get("@graph").and_then(Value::as_array) {
        // SPDX 3.
        for element in elements {
            let named = ["packageUrl", "software_packageUrl"].iter().find_map(|key| element.get(*key)?.as_str());
            purls.extend(named.map(str::to_owned));
        }
    } else {
        return None;
    }
    Some(purls)
}

/// Components can have components of their own; how deep is bounded by the JSON reader.
fn components(document: &Value, purls: &mut Vec<String>) {
    for component in document.get("components").and_then(Value::as_array).into_iter().flatten() {
        purls.extend(component.get("purl").and_then(Value::as_str).map(str::to_owned));
        components(component, purls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_components_of_each_kind_of_document_are_found() {
        let cyclonedx = json!({ "bomFormat": "CycloneDX", "metadata": { "component": { "purl": "pkg:npm/app@1" } },
            "components": [{ "purl": "pkg:npm/a@1", "components": [{ "purl": "pkg:npm/b@1" }] }, { "name": "c" }] });
        let spdx2 = json!({ "spdxVersion": "SPDX-2.3", "packages": [{ "externalRefs": [
            { "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a" },
            { "referenceType": "purl", "referenceLocator": "pkg:npm/a@1" }] }, {}] });
        let spdx3 = json!({ "@graph": [{ "type": "software_Package", "software_packageUrl": "pkg:npm/a@1" }, {}] });
        for (document, expected) in [
            (cyclonedx, Some(vec!["pkg:npm/a@1", "pkg:npm/b@1"])),
            (spdx2, Some(vec!["pkg:npm/a@1"])),
            (spdx3, Some(vec!["pkg:npm/a@1"])),
            (json!({ "lockfileVersion": 3 }), None),
            (json!([]), None),
        ] {
            let expected = expected.map(|purls| purls.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(purls(&document), expected, "{document}");
        }
    }
}
