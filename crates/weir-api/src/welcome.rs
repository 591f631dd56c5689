//! `/`: how are clients pointed here?

use weir_gateway::Gateway;

use crate::page::{Text, page};

/// The lines that point clients at `stage`, as (client, lines): each client once, in the order of the ecosystems.
pub fn setup(gateway: &Gateway, stage: &str) -> Vec<(&'static str, String)> {
    let lines = gateway.ecosystems().iter().flat_map(|ecosystem| {
        let base = format!("{}/{stage}/{}", gateway.settings().public_url, ecosystem.id);
        ecosystem.registry.setup(&base)
    });
    by_client(lines)
}

/// Joins the lines that follow one another and are for the same client.
fn by_client(lines: impl Iterator<Item = (&'static str, String)>) -> Vec<(&'static str, String)> {
    let mut clients: Vec<(&'static str, String)> = Vec::new();
    for (client, line) in lines {
        match clients.last_mut() {
            Some((last, text)) if *last == client => {
                text.push('\n');
                text.push_str(&line);
            }
            _ => clients.push((client, line)),
        }
    }
    clients
}

/// The first page.
pub fn welcome(gateway: &Gateway) -> String {
    let policy = gateway.policy();
    let mut body = String::from(
        "<h1>Weir</h1>\n<p class=\"dim\">This registry serves only what its policy allows, and says why. \
         Point your package manager at the stage that you work in.</p>\n",
    );
    for stage in policy.stages() {
        body.push_str(&format!("<h2>Stage {}</h2>\n<dl class=\"clients\">\n", Text(&stage.name)));
        for (client, lines) in setup(gateway, &stage.name) {
            body.push_str(&format!("<dt>{}</dt>\n<dd><pre>{}</pre></dd>\n", Text(client), Text(&lines)));
        }
        body.push_str("</dl>\n");
    }
    page("Set up", &body, &gateway.settings().public_url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_one_client_stand_together() {
        let lines = [("pip", "a"), ("yarn", "b"), ("yarn", "c"), ("cargo", "d")];
        let joined = by_client(lines.into_iter().map(|(client, line)| (client, line.to_owned())));
        assert_eq!(joined, [("pip", "a".to_owned()), ("yarn", "b\nc".to_owned()), ("cargo", "d".to_owned())]);
    }
}
