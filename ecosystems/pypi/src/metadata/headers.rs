//! Header blocks as Python's mail parser reads them: what `METADATA`, `PKG-INFO` and `WHEEL` are written in.

/// Most bytes of a file in which headers are looked for; a description behind them may be longer.
pub const MAX_BLOCK: usize = 1024 * 1024;

/// Most header lines that are read.
pub const MAX_LINES: usize = 20_000;

/// The headers of a file, in its order.
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads up to the first empty line, or the first that is neither a header nor continues one.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_BLOCK)]);
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).take(MAX_LINES) {
            if line.starts_with([' ', '\t']) {
                let Some((_, value)) = headers.last_mut() else { break };
                value.push('\n');
                value.push_str(line.trim());
                continue;
            }
            let Some((name, value)) = line.split_once(':') else { break };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                break;
            }
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Self(headers)
    }

    /// The first value of a field, named in lower case.
    pub(super) fn first(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    /// All values of a field, named in lower case.
    pub(super) fn all<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == field).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_where_the_description_begins() {
        let headers = Headers::read(b"Name: x\r\nLicense: one\r\n  two\nKeywords:\n\nVersion: 9\n");
        assert_eq!(headers.first("name"), Some("x"));
        assert_eq!(headers.first("license"), Some("one\ntwo"));
        assert_eq!(headers.first("keywords"), Some(""));
        assert_eq!(headers.first("version"), None);
    }

    #[test]
    fn what_is_no_header_ends_them() {
        for text in
            ["Name: x\nno header\nVersion: 1", "Name: x\nan odd name: y\nVersion: 1", "Name: x\n: y\nVersion: 1"]
        {
            let headers = Headers::read(text.as_bytes());
            assert_eq!((headers.first("name"), headers.first("version")), (Some("x"), None), "{text}");
        }
        assert!(Headers::read(b" begins with a continuation\nName: x").first("name").is_none());
        assert!(Headers::read(&[0xff, 0xfe, 0]).first("name").is_none());
    }
}
