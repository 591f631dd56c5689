//! `private-name`: names that belong to this organisation.

use std::sync::Arc;

use serde_json::json;
use weir_core::facts::ReleaseFacts;
use weir_core::{Ecosystem, PackageName};

use crate::outcome::Outcome;
use crate::pattern::Glob;
use crate::raw::Raw;
use crate::reader::{Reader, clip};
use crate::reason::Reason;
use crate::rules::{Check, Context, Evaluate, Key, Rule};

const CODE: &str = "private-name";

/// The rule.
pub struct PrivateName;

impl Rule for PrivateName {
    fn code(&self) -> &'static str {
        CODE
    }
    fn title(&self) -> &'static str {
        "Names that are never asked of a public registry"
    }
    fn explanation(&self) -> &'static str {
        "A package whose name matches is blocked, and no upstream is ever asked for it: the question would tell the name, and \
         the answer could be a stranger's package (dependency confusion). It therefore holds in observe mode too. `*` stands \
         for any run of characters; names are compared as the ecosystem compares them, so `Acme_*` is `acme-*` on PyPI. A \
         pattern counts in every ecosystem that has such names, or in one: `pypi:acme-*`. A private name that is bound to an \
         upstream of your own (`packages` in `weir.toml`) is asked there, and nowhere else; a package that is published to \
         this Weir is served under its private name."
    }
    fn example(&self) -> &'static str {
        "private-name = [\"acme-*\", \"@acme/*\", \"pypi:internal-*\"]"
    }
    fn keys(&self) -> &'static [Key] {
        &[Key { name: "", values: "list of name patterns", default: "off", explanation: "The names that are private." }]
    }
    fn read(&self, raw: &Raw, reader: &mut Reader<'_>) -> Option<Arc<dyn Check>> {
        let mut names = Vec::new();
        for item in reader.array(raw, "a list of name patterns such as [\"acme-*\"]")? {
            let Some(text) = reader.text(item, "a name pattern such as \"acme-*\"") else { continue };
            let text = text.trim();
            let (bound, pattern) = match text.split_once(':') {
                None => (None, text),
                Some((id, pattern)) => match reader.ecosystems.by_id(id) {
                    Some(ecosystem) => (Some(ecosystem), pattern),
                    None => {
                        let known =
                            reader.ecosystems.iter().map(|ecosystem| ecosystem.id).collect::<Vec<_>>().join(", ");
                        let message = format!("`{}` is not an ecosystem", clip(id));
                        reader.mistake(&item.span, message, Some(format!("known here: {known}")));
                        continue;
                    }
                },
            };
            let mut problem = String::from("no ecosystem has such names");
            let before = names.len();
            for ecosystem in reader.ecosystems.iter().filter(|ecosystem| bound.is_none_or(|bound| bound == *ecosystem))
            {
                match Glob::fold(pattern, ecosystem) {
                    Ok(glob) => names.push(Private { ecosystem, glob, text: text.to_owned() }),
                    Err(reason) => problem = reason,
                }
            }
            if names.len() == before {
                reader.mistake(&item.span, format!("`{}` matches no possible name: {problem}", clip(text)), None);
            }
        }
        Some(Arc::new(Set { names }))
    }
    fn never_waived(&self) -> Option<&'static str> {
        Some("a waiver would tell the name to a public registry; narrow the pattern instead")
    }
}

#[derive(Debug)]
struct Private {
    ecosystem: &'static Ecosystem,
    glob: Glob,
    text: String,
}

#[derive(Debug)]
struct Set {
    names: Vec<Private>,
}

impl Check for Set {
    fn code(&self) -> &'static str {
        CODE
    }
    fn name(&self, ecosystem: &Ecosystem, name: &PackageName) -> Option<Reason> {
        let folded = ecosystem.names.fold(name);
        let private = self.names.iter().find(|it| it.ecosystem == ecosystem && it.glob.means(ecosystem, &folded))?;
        let message = format!(
            "The name `{name}` is private (`{}`), so no public registry is asked for it; publish it to your own.",
            private.text
        );
        let facts = json!({ "name": name, "pattern": private.text, "ecosystem": ecosystem.id });
        let line = format!("{CODE} {} (never asked upstream)", private.text);
        Some(Reason::new(CODE, Outcome::Block, message, &line, facts).always())
    }
    fn prepare<'a>(&'a self, context: Context<'a>) -> Option<Box<dyn Evaluate<'a> + 'a>> {
        if context.facts.own || context.facts.hosted {
            return None;
        }
        let reason = self.name(context.facts.ecosystem, &context.facts.package)?;
        Some(Box::new(Everywhere(Arc::new(reason))))
    }
}

/// The same reason for every release.
pub(crate) struct Everywhere(pub(crate) Arc<Reason>);

impl<'a> Evaluate<'a> for Everywhere {
    fn release(&mut self, _release: &'a ReleaseFacts, say: &mut dyn FnMut(Arc<Reason>)) {
        say(Arc::clone(&self.0));
    }
}
