//! How one can ask: methods, and headers that might turn a refusal into something else.

/// One way to ask.
#[derive(Clone, Debug)]
pub struct Way {
    pub family: &'static str,
    pub method: &'static str,
    /// Header lines, each with its end. `TAG`, `TOKEN` and `OTHER` stand for the tag of what is asked for, and for tokens
    /// of the stage and of the other one.
    pub headers: &'static str,
}

/// For every spelling. A Range of the tail is how some clients read a wheel's metadata.
pub const EVERYWHERE: [(&str, &str); 3] = [("GET", ""), ("HEAD", ""), ("GET", "Range: bytes=-100\r\n")];

const METHODS: &str = "methods";
const RANGES: &str = "Range";
const CONDITIONS: &str = "If-None-Match and other conditions";
const ACCEPTED: &str = "what is accepted";
const PLACES: &str = "headers that name another place";
const CREDENTIALS: &str = "credentials";

/// For an address as it is.
pub const PLAIN: &[Way] = &[
    way(METHODS, "POST", "Content-Length: 0\r\n"),
    way(METHODS, "POST", "Content-Length: 0\r\nX-HTTP-Method-Override: GET\r\n"),
    way(METHODS, "PUT", "Content-Length: 0\r\n"),
    way(METHODS, "PATCH", "Content-Length: 0\r\n"),
    way(METHODS, "DELETE", ""),
    way(METHODS, "OPTIONS", ""),
    way(METHODS, "TRACE", ""),
    way(METHODS, "PROPFIND", ""),
    way(METHODS, "SEARCH", ""),
    way(METHODS, "QUERY", ""),
    way(METHODS, "COPY", "Destination: /open/\r\n"),
    way(METHODS, "PURGE", ""),
    way(METHODS, "get", ""),
    way(METHODS, "Get", ""),
    way(METHODS, "head", ""),
    way(METHODS, "GETT", ""),
    way(METHODS, "GET\0", ""),
    way(RANGES, "GET", "Range: bytes=0-\r\n"),
    way(RANGES, "GET", "Range: bytes=0-0\r\n"),
    way(RANGES, "GET", "Range: bytes=-1\r\n"),
    way(RANGES, "GET", "Range: bytes=0-1,5-6\r\n"),
    way(RANGES, "GET", "Range: bytes=0-0,-1\r\n"),
    way(RANGES, "GET", "Range: bytes=0-,0-,0-,0-\r\n"),
    way(RANGES, "GET", "Range: bytes=99999999-\r\n"),
    way(RANGES, "GET", "Range: bytes=0-18446744073709551616\r\n"),
    way(RANGES, "GET", "Range: bytes=9-0\r\n"),
    way(RANGES, "GET", "Range: bytes=-0\r\n"),
    way(RANGES, "GET", "Range: bits=0-9\r\n"),
    way(RANGES, "GET", "Range: bytes=0-9\r\nRange: bytes=10-19\r\n"),
    way(RANGES, "HEAD", "Range: bytes=0-9\r\n"),
    way(CONDITIONS, "GET", "If-None-Match: *\r\n"),
    way(CONDITIONS, "GET", "If-None-Match: TAG\r\n"),
    way(CONDITIONS, "GET", "If-None-Match: \"guess\", W/TAG\r\n"),
    way(CONDITIONS, "HEAD", "If-None-Match: TAG\r\n"),
    way(CONDITIONS, "GET", "If-Match: *\r\n"),
    way(CONDITIONS, "GET", "If-Match: TAG\r\n"),
    way(CONDITIONS, "GET", "Range: bytes=0-9\r\nIf-Range: TAG\r\n"),
    way(CONDITIONS, "GET", "Range: bytes=0-9\r\nIf-Range: \"x\"\r\n"),
    way(CONDITIONS, "GET", "If-Modified-Since: Sun, 01 Nov 2037 12:00:00 GMT\r\n"),
    way(CONDITIONS, "GET", "If-Unmodified-Since: Sun, 01 Nov 2037 12:00:00 GMT\r\n"),
    way(CONDITIONS, "GET", "Cache-Control: only-if-cached\r\n"),
    way(CONDITIONS, "GET", "Cache-Control: no-cache\r\nPragma: no-cache\r\n"),
    way(ACCEPTED, "GET", "Accept: text/html\r\n"),
    way(ACCEPTED, "GET", "Accept: application/vnd.pypi.simple.v1+html\r\n"),
    way(ACCEPTED, "GET", "Accept: application/vnd.pypi.simple.latest+json\r\n"),
    way(ACCEPTED, "GET", "Accept: application/vnd.npm.install-v1+json\r\n"),
    way(ACCEPTED, "GET", "Accept: application/json\r\n"),
    way(ACCEPTED, "GET", "Accept: application/octet-stream\r\n"),
    way(ACCEPTED, "GET", "Accept: text/plain;q=0\r\n"),
    way(ACCEPTED, "GET", "Accept:\r\n"),
    way(ACCEPTED, "GET", "Accept-Encoding: gzip, zstd, br\r\n"),
    way(ACCEPTED, "GET", "Accept-Encoding: identity;q=0\r\n"),
    way(ACCEPTED, "GET", "TE: trailers, deflate\r\n"),
    way(PLACES, "GET", "X-Original-URL: /open/\r\nX-Rewrite-URL: /open/\r\n"),
    way(PLACES, "GET", "X-Forwarded-Host: weir.example\r\nX-Forwarded-Proto: https\r\n"),
    way(PLACES, "GET", "X-Forwarded-Prefix: /open\r\nX-Script-Name: /open\r\n"),
    way(PLACES, "GET", "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"),
    way(PLACES, "GET", "Forwarded: for=127.0.0.1;host=weir.example;proto=https\r\n"),
    way(PLACES, "GET", "Referer: /open/\r\nOrigin: http://weir.example\r\n"),
    way(PLACES, "GET", "Connection: close, authorization\r\n"),
    way(PLACES, "GET", "Weir-Stage: open\r\nWeir-Decision: aaaaaaaaaaaaaaaa\r\n"),
    way(CREDENTIALS, "GET", "Authorization: Bearer TOKEN\r\n"),
    way(CREDENTIALS, "GET", "Authorization: Bearer OTHER\r\n"),
    way(CREDENTIALS, "GET", "Authorization: Bearer OTHER\r\nAuthorization: Bearer TOKEN\r\n"),
    way(CREDENTIALS, "GET", "Authorization: Bearer open\r\n"),
    way(CREDENTIALS, "GET", "Authorization: Basic b3Blbjo=\r\n"),
    way(CREDENTIALS, "GET", "Authorization: Digest username=\"open\"\r\n"),
    way(CREDENTIALS, "GET", "Cookie: stage=open; token=open\r\n"),
    way(CREDENTIALS, "GET", "npm-auth-type: web\r\nnpm-otp: 123456\r\n"),
];

const fn way(family: &'static str, method: &'static str, headers: &'static str) -> Way {
    Way { family, method, headers }
}
