//! Licence texts to expressions: SPDX expressions (SPDX 3.0 annex B), old crates notation, classifiers, free text.

use super::{names, spdx_ids};
use crate::reason::quote;

/// Longest text that is read as anything but "unknown", in bytes: more is a licence's own text.
pub(crate) const MAX_TEXT: usize = 600;
/// Most words, operators and parentheses of an expression.
pub(crate) const MAX_TOKENS: usize = 200;

/// One licence in an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Term {
    /// A licence of the SPDX list.
    License(spdx_ids::License),
    /// A name that does not say which of these.
    OneOf(Vec<spdx_ids::License>),
    /// `LicenseRef-…`: someone's own.
    Reference(String),
    /// Expressly none: `UNLICENSED`, proprietary.
    Nothing,
    /// Something else.
    Unknown(String),
}

/// An element of an expression in postfix order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    /// A licence.
    Term(Term),
    /// Both of the two before.
    And,
    /// One of the two before.
    Or,
}

/// A licence expression: never empty, and every operator has its two operands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expression(Vec<Node>);

impl Expression {
    /// Reads any text. What cannot be read is one unknown term.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::of(Term::Nothing);
        }
        if text.len() > MAX_TEXT {
            return Self::of(Term::Unknown(String::from("a long text")));
        }
        if text.contains("::") {
            return Self::classifiers(text);
        }
        if let Some(term) = whole(text) {
            return Self::of(term);
        }
        if text.len() >= 12 && text.is_char_boundary(12) && text[..12].eq_ignore_ascii_case("see license ") {
            return Self::of(Term::Unknown(quote(text)));
        }
        Self::parse(text).unwrap_or_else(|| Self::of(Term::Unknown(quote(text))))
    }

    fn of(term: Term) -> Self {
        Self(vec![Node::Term(term)])
    }

    /// PyPI classifiers, one a line or separated by `;` or `,`. Several mean that all apply: which of them may be chosen
    /// they do not say.
    fn classifiers(text: &str) -> Self {
        let mut nodes = Vec::new();
        for classifier in text.split(['\n', ';', ',']).filter(|classifier| !classifier.trim().is_empty()) {
            let name = classifier.rsplit("::").next().unwrap_or(classifier).trim();
            // The bare heading says nothing that another line does not say.
            let heading = matches!(name, "OSI Approved" | "License");
            if heading && text.matches("::").count() > 1 {
                continue;
            }
            nodes.push(Node::Term(whole(name).unwrap_or_else(|| Term::Unknown(quote(name)))));
            if nodes.len() > 1 {
                nodes.push(Node::And);
            }
        }
        if nodes.is_empty() { Self::of(Term::Unknown(quote(text))) } else { Self(nodes) }
    }

    /// An expression with operators; `None` if parentheses or operands are missing.
    fn parse(text: &str) -> Option<Self> {
        let tokens = tokens(text);
        if tokens.len() > MAX_TOKENS {
            return None;
        }
        let mut nodes = Vec::new();
        let mut waiting: Vec<Token> = Vec::new();
        let mut operand_expected = true;
        for token in tokens {
            match token {
                Token::Words(words) => {
                    if !operand_expected {
                        return None;
                    }
                    nodes.push(Node::Term(term(&words)));
                    operand_expected = false;
                }
                Token::With(words) => match nodes.last_mut() {
                    Some(Node::Term(Term::License(license))) if !operand_expected && !words.is_empty() => {
                        license.exception = Some(spdx_ids::exception(&words));
                    }
                    Some(Node::Term(_)) if !operand_expected && !words.is_empty() => {}
                    _ => return None,
                },
                Token::Open => {
                    if !operand_expected {
                        return None;
                    }
                    waiting.push(Token::Open);
                }
                Token::Close => {
                    if operand_expected {
                        return None;
                    }
                    loop {
                        match waiting.pop()? {
                            Token::Open => break,
                            operator => nodes.push(operator.node()?),
                        }
                    }
                }
                operator @ (Token::And | Token::Or) => {
                    if operand_expected {
                        return None;
                    }
                    // AND binds closer than OR.
                    while let Some(top) = waiting.last() {
                        let applies = matches!((top, &operator), (Token::And, _) | (Token::Or, Token::Or));
                        if !applies {
                            break;
                        }
                        nodes.push(waiting.pop()?.node()?);
                    }
                    waiting.push(operator);
                    operand_expected = true;
                }
            }
        }
        if operand_expected {
            return None;
        }
        while let Some(operator) = waiting.pop() {
            nodes.push(operator.node()?);
        }
        Some(Self(nodes))
    }

    /// Values of the terms, combined. `None` only for an expression that no reader makes.
    pub(crate) fn fold<T>(
        &self,
        mut value: impl FnMut(&Term) -> T,
        and: impl Fn(T, T) -> T,
        or: impl Fn(T, T) -> T,
    ) -> Option<T> {
        let mut stack = Vec::new();
        for node in &self.0 {
            let folded = match node {
                Node::Term(term) => value(term),
                operator => {
                    let right = stack.pop()?;
                    let left = stack.pop()?;
                    if *operator == Node::And { and(left, right) } else { or(left, right) }
                }
            };
            stack.push(folded);
        }
        stack.pop()
    }
}

enum Token {
    /// A licence: an id or a name of several words.
    Words(String),
    /// An exception.
    With(String),
    And,
    Or,
    Open,
    Close,
}

impl Token {
    fn node(self) -> Option<Node> {
        match self {
            Self::And => Some(Node::And),
            Self::Or => Some(Node::Or),
            _ => None,
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    // `/` and `|` are how choices were once written; `,`, `;` and `&` list what applies together.
    let mut spaced = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '(' | ')' | '/' | '|' | ',' | ';' | '&' => spaced.extend([' ', c, ' ']),
            _ => spaced.push(c),
        }
    }
    let mut tokens = Vec::new();
    let mut run = String::new();
    let mut with = false;
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut index = 0;
    while let Some(word) = words.get(index).copied() {
        index += 1;
        let operator = match word {
            "(" => Some(Token::Open),
            ")" => Some(Token::Close),
            "/" | "|" => Some(Token::Or),
            "," | ";" | "&" => Some(Token::And),
            _ if word.eq_ignore_ascii_case("and") => Some(Token::And),
            _ if word.eq_ignore_ascii_case("or") => match later(&words[index..]) {
                // "GPL 2 or any later version" offers no second licence.
                Some(length) if !run.is_empty() => {
                    index += length;
                    run.push('+');
                    continue;
                }
                _ => Some(Token::Or),
            },
            _ if word.eq_ignore_ascii_case("with") => None,
            _ => {
                if !run.is_empty() {
                    run.push(' ');
                }
                run.push_str(word);
                continue;
            }
        };
        finish(&mut tokens, &mut run, &mut with);
        match operator {
            // "and/or" is one operator, the milder one.
            Some(Token::Or) if matches!(tokens.last(), Some(Token::And | Token::Or)) => {
                tokens.pop();
                tokens.push(Token::Or);
            }
            Some(operator) => tokens.push(operator),
            None => with = true,
        }
    }
    finish(&mut tokens, &mut run, &mut with);
    tokens
}

fn finish(tokens: &mut Vec<Token>, run: &mut String, with: &mut bool) {
    if *with {
        tokens.push(Token::With(std::mem::take(run)));
    } else if !run.is_empty() {
        tokens.push(Token::Words(std::mem::take(run)));
    }
    *with = false;
}

/// How many words say "later", if they do.
fn later(words: &[&str]) -> Option<usize> {
    let is = |at: usize, list: &[&str]| {
        words
            .get(at)
            .is_some_and(|word| list.iter().any(|other| word.trim_end_matches('.').eq_ignore_ascii_case(other)))
    };
    let any = usize::from(is(0, &["any"])) + usize::from(is(0, &["at"]) && is(1, &["your"])) * 3;
    let any = any + usize::from(any == 3 && is(3, &["any"]));
    if !is(any, &["later", "newer", "above", "greater", "higher"]) {
        return None;
    }
    Some(any + 1 + usize::from(is(any + 1, &["version", "versions"])))
}

/// The term that a text as a whole stands for, if it is one.
fn whole(text: &str) -> Option<Term> {
    if let Some(license) = spdx_ids::read(text) {
        return Some(Term::License(license));
    }
    if let Some(term) = names::read(text) {
        return Some(term);
    }
    let upper = text.to_ascii_uppercase();
    match upper.as_str() {
        "NONE" => return Some(Term::Nothing),
        "NOASSERTION" => return Some(Term::Unknown(String::from("NOASSERTION"))),
        _ => {}
    }
    let reference =
        upper.starts_with("LICENSEREF-") || (upper.starts_with("DOCUMENTREF-") && upper.contains(":LICENSEREF-"));
    if reference && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':')) {
        return Some(Term::Reference(text.to_owned()));
    }
    None
}

fn term(words: &str) -> Term {
    if let Some(term) = whole(words) {
        return term;
    }
    // A name with a `+` or "or later": the name's own meaning, and all versions after it.
    if let Some(Term::License(license)) = words.strip_suffix('+').and_then(|bare| whole(bare.trim_end())) {
        return Term::License(spdx_ids::License { or_later: true, ..license });
    }
    Term::Unknown(quote(words))
}
