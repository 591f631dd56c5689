//! What the stages of a request make of a package: the address's stage, and the token's where that is another.

use std::fmt;

use weir_core::Timestamp;
use weir_core::facts::PackageFacts;
use weir_policy::{Decision, Judgement, Policy};

/// The stages that a request is judged by. Usually one; a token that is bound to another than the address names adds its
/// own, and the stricter of the two decides: the addresses in a lock file say which stage it was made at, not which one
/// may be installed from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stages {
    address: String,
    token: Option<String>,
}

impl Stages {
    /// The stage of an address, and the one that a token is bound to, if it is.
    pub fn new(address: &str, token: Option<&str>) -> Self {
        Self { address: address.to_owned(), token: token.filter(|token| *token != address).map(str::to_owned) }
    }

    /// The stage that the address names.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The stages: the address's first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.address.as_str()).chain(self.token.as_deref())
    }

    /// The first of the stages that a policy does not have.
    pub fn missing(&self, policy: &Policy) -> Option<&str> {
        self.iter().find(|stage| policy.stage(stage).is_none())
    }
}

impl From<&str> for Stages {
    fn from(stage: &str) -> Self {
        Self::new(stage, None)
    }
}

/// `dev`, or `dev+prod` for a token of `prod` at an address of `dev`. No stage has a `+` in its name.
impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        self.token.iter().try_for_each(|token| write!(f, "+{token}"))
    }
}

/// What they make of a package.
#[derive(Debug)]
pub struct Judged {
    stages: Stages,
    /// What they come to together: what is enforced.
    together: Judgement,
    /// Each by itself, where there are two.
    apart: Option<Box<[Judgement; 2]>>,
}

impl Judged {
    /// Judges `facts` as of `at`. `None` if the policy does not have all of the stages.
    pub fn new(policy: &Policy, stages: &Stages, facts: &PackageFacts, at: Timestamp) -> Option<Self> {
        let judge = |stage: &str| Some(weir_policy::judge(policy, policy.stage(stage)?, facts, at));
        let address = judge(&stages.address)?;
        let stages = stages.clone();
        let Some(token) = &stages.token else { return Some(Self { stages, together: address, apart: None }) };
        let token = judge(token)?;
        Some(Self { stages, together: address.together(&token), apart: Some(Box::new([address, token])) })
    }

    /// The stages.
    pub const fn stages(&self) -> &Stages {
        &self.stages
    }

    /// A rough weight in memory, in bytes.
    pub fn weight(&self) -> usize {
        let judgements = if self.apart.is_some() { 3 } else { 1 };
        self.together.releases.len() * judgements * 400
    }

    /// What they come to together.
    pub const fn together(&self) -> &Judgement {
        &self.together
    }

    /// The decision about a release, or about one artifact of it: that of the stage which decides, the address's where both
    /// are equally strict. Its id is the one that it has for everybody in that stage.
    pub fn decision(
        &self,
        policy: &Policy,
        facts: &PackageFacts,
        release: usize,
        artifact: Option<usize>,
    ) -> Option<Decision> {
        let (stage, judgement) = match (&self.stages.token, self.apart.as_deref()) {
            (Some(token), Some([address, own]))
                if own.effective(release, artifact) > address.effective(release, artifact) =>
            {
                (token, own)
            }
            (_, Some([address, _])) => (&self.stages.address, address),
            (_, None) => (&self.stages.address, &self.together),
        };
        Some(judgement.decision(policy, policy.stage(stage)?, facts, release, artifact))
    }

    /// A decision as this asker is told of it: the version to take instead is one that all stages serve.
    pub fn told(&self, mut decision: Decision, facts: &PackageFacts, release: usize) -> Decision {
        if self.apart.is_some() && !decision.effective.is_served() {
            let nearest = self.together.nearest_allowed(facts, release).and_then(|nearest| facts.releases.get(nearest));
            decision.nearest_allowed = nearest.map(|nearest| nearest.version.clone());
        }
        decision
    }
}
