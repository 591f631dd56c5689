//! How a page looks. No scripts, one style sheet, works in a text browser.

use std::fmt;

/// The style sheet, served under `/static/weir.css`.
pub const STYLE: &str = include_str!("weir.css");

/// What a page may load: its own style sheet, nothing else.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Text inside HTML, escaped for content and for quoted attributes alike.
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// A whole page around `body`, which is HTML. `public_url` is the address under which people reach this Weir.
pub fn page(title: &str, body: &str, public_url: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Weir</title>\n<link rel=\"stylesheet\" href=\"{root}/static/weir.css\">\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        title = Text(title),
        root = Text(prefix(public_url)),
    )
}

/// The path of a public address, without a slash at its end: what stands before every path of this Weir.
pub fn prefix(public_url: &str) -> &str {
    let authority = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    authority.find('/').map_or("", |slash| authority[slash..].trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_the_path_of_the_public_address() {
        for (url, expected) in [
            ("https://a.example", ""),
            ("https://a.example/", ""),
            ("https://a.example/weir", "/weir"),
            ("https://a.example:1/b/weir/", "/b/weir"),
        ] {
            assert_eq!(prefix(url), expected, "{url}");
        }
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(Text("<b x='1'>&\"").to_string(), "&lt;b x=&#39;1&#39;&gt;&amp;&quot;");
    }
}
