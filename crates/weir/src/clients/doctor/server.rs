//! Does Weir answer, and does its answer arrive as it was sent?
//!
//! Asked as the clients ask: over HTTP/1.1, through the proxies that variables name, believing the system's authorities.

use std::time::{Duration, Instant};

use http::header;
use weir_core::client::{Gate, Token};
use weir_core::time::SystemClock;
use weir_core::{Clock as _, Timestamp};

use super::super::Known;
use super::{Finding, Level};

/// How long Weir or a registry may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Most seconds that the clocks may differ. Certificates and ages of releases are judged by the minute.
const MAX_SKEW: i64 = 60;

fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("weir-doctor/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .connect_timeout(CONNECT)
        .timeout(PATIENCE)
        .build()
}

/// The innermost cause: the outer ones say only that something failed.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Asks for a refusal, and looks at what arrives.
pub(super) async fn look(server: &str, stage: &str, token: Option<&Token>, clients: &[Known]) -> Vec<Finding> {
    let client = match client() {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::new("reach", Level::Unknown, format!("cannot be asked: {}", cause(&error)))];
        }
    };
    let mut request = client.get(format!("{server}/api/v1/refusal?stage={stage}"));
    if let Some(token) = token {
        request = request.basic_auth(Gate::USER, Some(token.expose()));
    }
    let began = Instant::now();
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return unreached(server, &cause(&error), clients),
    };
    let took = began.elapsed().as_millis();
    let mut findings = vec![Finding::new("reach", Level::Ok, format!("answers in {took} ms"))];
    findings.extend(clock(&answer));
    let status = answer.status().as_u16();
    match status {
        403 => findings.push(reason(&answer)),
        401 => findings.push(
            Finding::new(
                "token",
                if token.is_some() { Level::Problem } else { Level::Unknown },
                match token {
                    Some(_) => "refuses the token",
                    None => "wants a token, and none was given to look further",
                },
            )
            .mend(match token {
                Some(_) => format!("get a new one (weir admin token create), then weir use {stage} --token-from -"),
                None => String::from("set WEIR_TOKEN, or weir doctor --token-from -"),
            }),
        ),
        404 => {
            let body = answer.text().await.unwrap_or_default();
            findings.push(if body.contains("no such stage") {
                Finding::new("stage", Level::Problem, format!("has no stage `{stage}`"))
                    .mend("weir doctor --stage NAME")
            } else {
                Finding::new("reach", Level::Unknown, "is not a Weir, or one that does not know this question")
                    .mend("name the address that Weir prints at its start with --server URL")
            });
        }
        _ => findings.push(Finding::new(
            "reach",
            Level::Unknown,
            format!("answers {status} where a refusal was asked for"),
        )),
    }
    findings
}

fn unreached(server: &str, cause: &str, clients: &[Known]) -> Vec<Finding> {
    let lower = cause.to_ascii_lowercase();
    if ["certificate", "issuer", "unknownissuer", "tls"].iter().any(|word| lower.contains(word)) {
        let mut findings = vec![
            Finding::new("certificate", Level::Problem, format!("has a certificate that is not believed here: {cause}"))
                .mend("make its authority one of the system's, or name it to each client as below; doctor itself reads SSL_CERT_FILE"),
        ];
        findings.extend(clients.iter().map(|known| {
            let trust = &known.client.trust;
            Finding::new(
                "certificate",
                Level::Note,
                if trust.system { "believes the system's authorities" } else { "has authorities of its own" },
            )
            .mend(trust.setting.replace("{file}", "ca.pem"))
            .of(known.client.id)
        }));
        return findings;
    }
    vec![
        Finding::new("reach", Level::Unknown, format!("does not answer: {cause}"))
            .mend(format!("curl -v {server}/readyz shows where it ends")),
    ]
}

/// The difference of the clocks, if the answer tells it.
fn clock(answer: &reqwest::Response) -> Option<Finding> {
    let date = answer.headers().get(header::DATE)?.to_str().ok()?;
    let there = Timestamp::parse_http(date)?;
    let seconds = (SystemClock.now().millis() - there.millis()) / 1000;
    if seconds.abs() <= MAX_SKEW {
        return None;
    }
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    let message =
        format!("this machine's clock is {} s {way} Weir's: certificates and ages are judged by it", seconds.abs());
    Some(Finding::new("clock", Level::Problem, message).mend("timedatectl set-ntp true"))
}

fn reason(answer: &reqwest::Response) -> Finding {
    let phrase = answer.extensions().get::<hyper::ext::ReasonPhrase>().map(hyper::ext::ReasonPhrase::as_bytes);
    if phrase == Some(weir_api::app::REFUSAL.as_bytes()) {
        return Finding::new("reason", Level::Ok, "the reason of a refusal arrives");
    }
    let phrase =
        phrase.map_or_else(|| String::from("Forbidden"), |phrase| String::from_utf8_lossy(phrase).into_owned());
    let named = |name: header::HeaderName| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
    let by = named(header::VIA).or_else(|| named(header::SERVER)).map(|by| format!(" ({by})")).unwrap_or_default();
    let message = format!("a proxy on the way{by} takes the reason out of refusals: clients see only `403 {phrase}`");
    Finding::new("reason", Level::Problem, message)
        .mend("let it hand the reason phrase on over HTTP/1.1: docs/reference/proxies.md")
}

/// Which public registries answer from here, past Weir.
pub(super) async fn egress(server: &str, clients: &[Known]) -> Vec<Finding> {
    let Ok(client) = client() else { return Vec::new() };
    let mut findings = Vec::new();
    let mut asked: Vec<&str> = Vec::new();
    for Known { ecosystem, .. } in clients {
        let url = ecosystem.upstream.url;
        if asked.contains(&url) {
            continue;
        }
        asked.push(url);
        if client.head(url).send().await.is_ok() {
            let message = format!("{url} answers from here, past {server}: a setting is all that keeps anyone from it");
            findings.push(
                Finding::new("egress", Level::Problem, message)
                    .mend("close the way out at the firewall or the proxy, for all but Weir"),
            );
        }
    }
    if findings.is_empty() {
        findings.push(Finding::new("egress", Level::Ok, "no public registry answers from here"));
    }
    findings
}
