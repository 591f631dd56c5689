//! What makes two names look alike?

/// Letters of a name, separators aside, from which on any one edit counts. In shorter ones only swapped and doubled letters
/// do: `yaml` and `toml` are two names, not one misspelt.
const LONG: usize = 7;
/// Letters, separators aside, below which nothing counts but what looks the same.
const SHORT: usize = 5;

/// Words that say no more than for which language something is.
const BEFORE: [&str; 4] = ["python-", "py-", "node-", "js-"];
const AFTER: [&str; 5] = ["-python", "-py", "-node", "-js", "-npm"];

/// Separators of words in names.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b'/' | b'@')
}

/// The name without its separators.
pub fn letters(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii() || !is_separator(*c as u8)).collect()
}

/// The name as it looks at a glance: characters that are taken for one another become one.
pub fn at_a_glance(letters: &str) -> String {
    let mut out = String::with_capacity(letters.len());
    let mut rest = letters.chars().peekable();
    while let Some(c) = rest.next() {
        let two = |next: char, rest: &std::iter::Peekable<std::str::Chars<'_>>| rest.clone().peek() == Some(&next);
        match c {
            'r' if two('n', &rest) => {
                rest.next();
                out.push('m');
            }
            'v' if two('v', &rest) => {
                rest.next();
                out.push('w');
            }
            '0' => out.push('o'),
            '1' | 'i' => out.push('l'),
            '5' => out.push('s'),
            '3' => out.push('e'),
            c => out.push(c),
        }
    }
    out
}

/// The words of a name in alphabetical order; `None` if it is one word.
pub fn words(name: &str) -> Option<String> {
    let mut words: Vec<&str> = name.split(|c: char| c.is_ascii() && is_separator(c as u8)).collect();
    words.retain(|word| !word.is_empty());
    if words.len() < 2 {
        return None;
    }
    words.sort_unstable();
    Some(words.join(" "))
}

/// The name without the word that says for which language it is.
pub fn without_language(name: &str) -> Option<&str> {
    let stripped = BEFORE.iter().find_map(|word| name.strip_prefix(word));
    stripped.or_else(|| AFTER.iter().find_map(|word| name.strip_suffix(word))).filter(|rest| rest.len() >= SHORT)
}

/// The scope of a name, if it has one: `@babel/core` is of `babel`.
pub fn scope(name: &str) -> Option<&str> {
    name.strip_prefix('@')?.split_once('/').map(|(scope, _)| scope)
}

/// True if one slip of the fingers makes `a` of `b`; both without separators.
pub fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let shorter = a.len().min(b.len());
    if shorter < SHORT || a == b || is_same_but_for_digits(a, b) {
        return false;
    }
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[start..], &b[start..]);
    match (rest_a, rest_b) {
        ([a0, a1, tail_a @ ..], [b0, b1, tail_b @ ..]) if a0 == b1 && a1 == b0 && tail_a == tail_b => true,
        _ if a.len() == b.len() => shorter >= LONG && rest_a.get(1..) == rest_b.get(1..),
        _ => {
            let (longer, other) = if rest_a.len() > rest_b.len() { (rest_a, rest_b) } else { (rest_b, rest_a) };
            let Some((extra, tail)) = longer.split_first() else { return false };
            // Doubled, or the first of a double left out: the letter before or after is the same.
            let doubled = (start > 0 && a.get(start - 1) == Some(extra)) || tail.first() == Some(extra);
            tail == other && (doubled || (shorter >= LONG && start > 0) || shorter > LONG + 1)
        }
    }
}

/// Names that differ in digits alone are versions of one thing: `psycopg2` and `psycopg3`.
fn is_same_but_for_digits(a: &[u8], b: &[u8]) -> bool {
    let without = |bytes: &[u8]| bytes.iter().filter(|byte| !byte.is_ascii_digit()).copied().collect::<Vec<u8>>();
    (a.iter().any(u8::is_ascii_digit) || b.iter().any(u8::is_ascii_digit)) && without(a) == without(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_an_edit_in_a_long_name_and_a_swap_or_double_in_a_short_one() {
        for (a, b) in [
            ("reqeusts", "requests"),
            ("requestss", "requests"),
            ("request", "requests"),
            ("requsts", "requests"),
            ("requezts", "requests"),
            ("djanggo", "django"),
            ("flsak", "flask"),
            ("crossenv", "crosenv"),
        ] {
            assert!(is_one_slip(a, b) && is_one_slip(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("requests", "requests"),
            ("toml", "yaml"),
            ("numpy", "nuumba"),
            ("flask", "flasks"),
            ("jinja2", "jinja3"),
            ("psycopg", "psycopg2"),
            ("requesting", "requests"),
        ] {
            assert!(!is_one_slip(a, b) && !is_one_slip(b, a), "{a} {b}");
        }
    }

    #[test]
    fn what_looks_the_same_at_a_glance_is_the_same() {
        for (a, b) in [("p1ll0w", "pillow"), ("nurnpy", "numpy"), ("vvheel", "wheel"), ("co1orama", "colorama")] {
            assert_eq!(at_a_glance(a), at_a_glance(b));
        }
        assert_ne!(at_a_glance("pandas"), at_a_glance("panda"));
    }

    #[test]
    fn words_have_no_order_and_languages_no_weight() {
        assert_eq!(words("toolbelt-requests"), words("requests_toolbelt"));
        assert_eq!(words("requests"), None);
        assert_eq!(without_language("python-dateutil"), Some("dateutil"));
        assert_eq!(without_language("lodash-js"), Some("lodash"));
        assert_eq!(without_language("node-gyp"), None);
        assert_eq!(scope("@babel/core"), Some("babel"));
        assert_eq!(letters("@babel/preset-env"), "babelpresetenv");
    }
}
