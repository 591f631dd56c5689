//! The rules. Each is one file: its code, what it is for, its keys with their defaults, how it judges, and its tests.
//!
//! To add one, write its file and add it to [`RULES`]; its key in `policy.toml`, its page in the reference and its place in
//! every judgement follow from that list.

use std::fmt;
use std::sync::Arc;

use weir_core::facts::{ArtifactFacts, PackageFacts, ReleaseFacts};
use weir_core::{Ecosystem, PackageName, Timestamp};

use crate::judge::Draft;
use crate::raw::Raw;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::stage::Stage;

pub mod allow_only;
pub mod denied;
pub mod deprecated;
pub mod install_script;
pub mod integrity;
pub mod license;
pub mod malware;
pub mod minimum_age;
pub mod name_confusion;
pub mod not_after;
pub mod one_upstream;
pub mod private_name;
pub mod provenance_lost;
pub mod publisher_changed;
pub mod unmaintained;
pub mod vulnerability;
pub mod yanked;

/// Every rule, in the order of the reference page. `minimum-age` looks at what those before it say, and
/// `publisher-changed` at what that exempts.
pub static RULES: &[&dyn Rule] = &[
    &integrity::Integrity,
    &malware::Malware,
    &vulnerability::Vulnerability,
    &private_name::PrivateName,
    &one_upstream::OneUpstream,
    &denied::Denied,
    &allow_only::AllowOnly,
    &name_confusion::NameConfusion,
    &install_script::InstallScript,
    &provenance_lost::ProvenanceLost,
    &license::License,
    &yanked::Yanked,
    &deprecated::Deprecated,
    &unmaintained::Unmaintained,
    &not_after::NotAfter,
    &minimum_age::MinimumAge,
    &publisher_changed::PublisherChanged,
];

/// A key of a rule.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key, or `""` for the rule's own value where it needs no table.
    pub name: &'static str,
    /// What may stand there.
    pub values: &'static str,
    /// What holds where it is left out.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub explanation: &'static str,
}

/// One rule, as people know it.
pub trait Rule: Send + Sync {
    /// Its stable kebab-case code: its key in `policy.toml`, and its name in output.
    fn code(&self) -> &'static str;
    /// What it is, in a few words.
    fn title(&self) -> &'static str;
    /// What it is for and how it judges: Markdown paragraphs.
    fn explanation(&self) -> &'static str;
    /// A line of `policy.toml`; empty for a rule that is not written there.
    fn example(&self) -> &'static str;
    /// Its keys.
    fn keys(&self) -> &'static [Key];
    /// Reads its value in a stage. `None` if it is off or wrong; what is wrong is left with the reader.
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>>;
    /// The check of a rule that cannot be switched off.
    fn always_on(&self) -> Option<Arc<dyn Check>> {
        None
    }
    /// Why no waiver lets anything through it, if none does.
    fn never_waived(&self) -> Option<&'static str> {
        None
    }
}

/// A rule as one stage has set it.
pub trait Check: Send + Sync + fmt::Debug {
    /// The rule's code.
    fn code(&self) -> &'static str;

    /// Gets ready for one package; `None` if there is nothing to say about any of its releases.
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        let _ = context;
        None
    }

    /// If it asks advisories: the days after which their data is too old to say that something is clean.
    fn feed_age_days(&self) -> Option<i64> {
        None
    }

    /// What it says of a name before anything else is known, and before anyone is asked.
    fn name(&self, ecosystem: &Ecosystem, name: &PackageName) -> Option<Reason> {
        let _ = (ecosystem, name);
        None
    }

    /// True if it means this package by its name, so that it may say something else of it than of others that are like it.
    fn names(&self, ecosystem: &Ecosystem, folded: &str) -> bool {
        let _ = (ecosystem, folded);
        false
    }

    /// Speaks after all others, knowing what they say.
    fn last(&self, context: Context<'_>, draft: &mut Draft) {
        let _ = (context, draft);
    }
}

/// A check at work on one package. It may keep what it found for one release and use it for the next.
pub trait Evaluate<'a> {
    /// What it says of a release as a whole.
    fn release(&mut self, release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        let _ = (release, say);
    }

    /// What it says of one artifact.
    fn artifact(&mut self, artifact: &'a ArtifactFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        let _ = (artifact, say);
    }

    /// The next moment at which time alone changes what it says.
    fn changes_at(&self) -> Option<Timestamp> {
        None
    }
}

/// What is judged.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// The package.
    pub facts: &'a PackageFacts,
    /// The package's name, folded.
    pub folded: &'a str,
    /// The moment.
    pub at: Timestamp,
}

/// True if no waiver lets anything through this rule.
pub fn never_waived(code: &str) -> bool {
    RULES.iter().any(|rule| rule.code() == code && rule.never_waived().is_some())
}

/// The names of keys, for [`Reader::only`].
pub fn names(keys: &'static [Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).filter(|name| !name.is_empty()).collect()
}
