//! What is wrong at the moment.

use std::sync::Mutex;

use serde::Serialize;
use weir_gateway::Gateway;

/// Conditions that the parts of a running Weir report, beside what can be asked when it is wanted.
#[derive(Debug, Default)]
pub struct Conditions {
    policy: Mutex<Option<String>>,
    certificate: Mutex<Option<String>>,
    feeds: Mutex<Vec<Feed>>,
}

/// How old one kind of advisory data is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// When it was last confirmed, RFC 3339; `None` if never.
    pub as_of: Option<String>,
    /// What the last attempt said, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    store: String,
    blobs: String,
    policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<String>,
    upstreams: Vec<Trouble>,
    feeds: Vec<Feed>,
}

#[derive(Serialize)]
struct Trouble {
    ecosystem: &'static str,
    upstream: String,
    problem: String,
}

impl Conditions {
    /// Says that the policy file does not check, or that it does again.
    pub fn set_policy_error(&self, error: Option<String>) {
        *self.policy.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = error;
    }

    /// Says how the certificate is that clients are shown: `ok`, or what is wrong with it. `None` without one.
    pub fn set_certificate(&self, state: Option<String>) {
        *self.certificate.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = state;
    }

    /// Says which advisory data there is.
    pub fn set_feeds(&self, feeds: Vec<Feed>) {
        *self.feeds.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = feeds;
    }

    /// The report of `/readyz`: whether Weir can do its work, and everything that is wrong. Only a store that does not
    /// answer makes it unready: with everything else it works on, on what it has.
    pub async fn report(&self, gateway: &Gateway) -> (bool, String) {
        let store = gateway.store().ping().await;
        // What it holds is served although it cannot write: so that is told, and takes nobody out of service.
        let writable = gateway.writable().await;
        let told =
            |problem: Option<String>| problem.map_or_else(|| String::from("ok"), |it| format!("cannot write: {it}"));
        let policy = self.policy.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        let readiness = Readiness {
            ready: store.is_ok(),
            store: store.err().map_or_else(|| told(writable.store), |error| error.to_string()),
            blobs: told(writable.blobs),
            policy: policy.map_or_else(
                || String::from("ok"),
                |error| format!("the file does not check, the last good policy is in force: {error}"),
            ),
            certificate: self.certificate.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone(),
            cache: gateway.kept_above_limit().map(|bytes| {
                format!(
                    "{bytes} bytes above [cache] limit-mib stay because sets name them to be kept: raise the limit, or \
                     drop a set (`weir mirror list`)"
                )
            }),
            upstreams: gateway
                .trouble()
                .into_iter()
                .map(|(member, problem)| Trouble {
                    ecosystem: member.ecosystem,
                    upstream: member.name.to_string(),
                    problem,
                })
                .collect(),
            feeds: self.feeds.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone(),
        };
        let body = serde_json::to_string_pretty(&readiness).unwrap_or_default();
        (readiness.ready, body + "\n")
    }
}
