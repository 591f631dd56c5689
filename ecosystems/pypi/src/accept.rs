//! Which form of a page a client wants: content negotiation as in PEP 691, over RFC 9110 §12.5.1.

use percent_encoding::percent_decode_str;
use weir_core::registry::Form;

use crate::index::{HTML, HTML_LEGACY, JSON};

/// Most media ranges of an `Accept` header that are looked at.
const MAX_RANGES: usize = 32;

/// The media types on offer with the form that each stands for; of equally wanted ones the first is served.
static OFFERS: [(&str, Form); 6] = [
    ("application/vnd.pypi.simple.v1+json", JSON),
    ("application/vnd.pypi.simple.latest+json", JSON),
    ("application/vnd.pypi.simple.v1+html", HTML),
    ("application/vnd.pypi.simple.latest+html", HTML),
    ("text/html", HTML_LEGACY),
    ("application/json", JSON),
];

/// The form that `?format=` names, else the one that `Accept` likes best, else `text/html`: whoever asks for nothing, or
/// for anything, may be older than the JSON form.
pub(crate) fn form(accept: Option<&str>, query: Option<&str>) -> Form {
    if let Some(form) = form_of_query(query) {
        return form;
    }
    let ranges = accept.unwrap_or_default().split(',').take(MAX_RANGES).filter_map(Range::read).collect::<Vec<_>>();
    let mut best: Option<(u16, u8, &Form)> = None;
    for (media_type, form) in &OFFERS {
        let Some((specificity, quality)) = ranges
            .iter()
            .filter_map(|range| Some((range.specificity(media_type)?, range.quality)))
            .max_by_key(|(specificity, _)| *specificity)
        else {
            continue;
        };
        // Matched by `*/*` alone, a type is as good as not asked for.
        let wanted = quality > 0 && specificity > 0;
        if wanted && best.is_none_or(|(q, s, _)| (quality, specificity) > (q, s)) {
            best = Some((quality, specificity, form));
        }
    }
    let anything =
        ranges.iter().filter(|range| range.media_type == "*/*").map(|range| range.quality).max().unwrap_or(0);
    match best {
        Some((quality, _, form)) if quality >= anything => form.clone(),
        _ => HTML_LEGACY,
    }
}

/// The part of a query that names a form, for an address that means the same.
pub(crate) fn query_of_form(query: Option<&str>) -> Option<&str> {
    query?.split('&').find(|pair| form_of_pair(pair).is_some())
}

fn form_of_query(query: Option<&str>) -> Option<Form> {
    query?.split('&').find_map(form_of_pair)
}

fn form_of_pair(pair: &str) -> Option<Form> {
    let value = percent_decode_str(pair.strip_prefix("format=")?).decode_utf8().ok()?;
    OFFERS.iter().find(|(media_type, _)| media_type.eq_ignore_ascii_case(&value)).map(|(_, form)| form.clone())
}

/// One media range of an `Accept` header.
struct Range {
    media_type: String,
    /// In thousandths.
    quality: u16,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next()?.to_ascii_lowercase();
        let quality = parts
            .find_map(|part| part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q")))
            .map_or(Some(1.0), |(_, value)| value.trim().parse::<f32>().ok())?;
        let quality = (quality.clamp(0.0, 1.0) * 1000.0).round() as u16;
        (!media_type.is_empty()).then_some(Self { media_type, quality })
    }

    /// How closely this range names `media_type`; `None` if not at all.
    fn specificity(&self, media_type: &str) -> Option<u8> {
        if self.media_type == media_type {
            return Some(2);
        }
        match self.media_type.strip_suffix("/*")? {
            "*" => Some(0),
            kind => media_type.split('/').next().filter(|of| *of == kind).map(|_| 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_gets_the_form_that_it_likes_best() {
        for (accept, kind) in [
            // pip and uv, poetry, a browser, curl, easy_install.
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
                "json",
            ),
            ("application/vnd.pypi.simple.v1+json", "json"),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html-legacy"),
            ("*/*", "html-legacy"),
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "html-legacy"),
            ("", "html-legacy"),
            ("application/vnd.pypi.simple.latest+json", "json"),
            ("application/vnd.pypi.simple.v1+html", "html"),
            ("application/vnd.pypi.simple.v1+html;q=0.5, application/vnd.pypi.simple.v1+json;q=0.4", "html"),
            ("application/vnd.pypi.simple.v1+json, text/html", "json"),
            ("application/vnd.pypi.simple.v1+json;q=0, text/html;q=0.1", "html-legacy"),
            ("application/vnd.pypi.simple.v1+json;q=0.5, */*", "html-legacy"),
            ("APPLICATION/VND.PYPI.SIMPLE.V1+JSON; Q=1.0", "json"),
            ("application/json", "json"),
            ("application/*", "json"),
            ("image/png", "html-legacy"),
            (";;;,=,q=", "html-legacy"),
        ] {
            assert_eq!(form(Some(accept), None).kind, kind, "{accept}");
        }
        assert_eq!(form(None, None).kind, "html-legacy");
    }

    #[test]
    fn a_query_overrides_the_header() {
        for query in
            ["format=application/vnd.pypi.simple.v1+json", "x=1&format=application%2Fvnd.pypi.simple.v1%2Bjson"]
        {
            assert_eq!(form(Some("text/html"), Some(query)).kind, "json");
        }
        assert_eq!(form(Some("text/html"), Some("format=pdf")).kind, "html-legacy");
    }
}
