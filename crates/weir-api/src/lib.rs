//! Tokens, health, metrics and the decision page.
