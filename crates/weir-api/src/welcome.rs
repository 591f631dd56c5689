//! `/`: how are clients pointed here?

use weir_gateway::Gateway;

use crate::page::{Text, page};

/// The lines that point clients at `stage`, as (client, line).
pub fn setup(gateway: &Gateway, stage: &str) -> Vec<(&'static str, String)> {
    gateway
        .ecosystems()
        .iter()
        .flat_map(|ecosystem| {
            let base = format!("{}/{stage}/{}", gateway.settings().public_url, ecosystem.id);
            ecosystem.registry.setup(&base)
        })
        .collect()
}

/// The first page.
pub fn welcome(gateway: &Gateway) -> String {
    let policy = gateway.policy();
    let mut body = String::from(
        "<h1>Weir</h1>\n<p class=\"dim\">This registry serves only what its policy allows, and says why.</p>\n",
    );
    for stage in policy.stages() {
        body.push_str(&format!("<h2>Stage {}</h2>\n", Text(&stage.name)));
        for (client, line) in setup(gateway, &stage.name) {
            body.push_str(&format!("<p class=\"dim\">{}</p>\n<pre>{}</pre>\n", Text(client), Text(&line)));
        }
    }
    page("Set up", &body)
}
