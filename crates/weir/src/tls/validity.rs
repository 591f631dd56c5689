//! When a certificate ends: the one field of X.509 that Weir reads itself (RFC 5280 §4.1.2.5).

use weir_core::Timestamp;

/// DER tags.
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit tag of the version, which may be left out.
const VERSION: u8 = 0xa0;

/// The `notAfter` of a certificate in DER; `None` if it cannot be read.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut rest, _) = expect(SEQUENCE, certificate)?;
    if rest.first() == Some(&VERSION) {
        (_, _, rest) = element(rest)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (validity, _) = expect(SEQUENCE, rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    let time = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let time = match tag {
        // Two digits of the year: 50 to 99 are of the last century.
        UTC_TIME if time.len() == 12 => {
            let century = if time.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{time}")
        }
        GENERALIZED_TIME if time.len() == 14 => time.to_owned(),
        _ => return None,
    };
    if !time.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| time.get(range);
    let (date, clock) = ((part(0..4)?, part(4..6)?, part(6..8)?), (part(8..10)?, part(10..12)?, part(12..14)?));
    Timestamp::parse(&format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, clock.0, clock.1, clock.2))
}

fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// The first element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // One to four bytes of length follow.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use weir_testing::Authority;

    use super::*;

    fn der(until: (i32, u8, u8)) -> Vec<u8> {
        let chain = Authority::new().certificate_until(&["a.example"], until).chain;
        CertificateDer::from_pem_slice(chain.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_spellings_of_time() {
        for (until, told) in
            [((2031, 2, 3), "2031-02-03"), ((2049, 12, 31), "2049-12-31"), ((2050, 1, 1), "2050-01-01")]
        {
            assert_eq!(not_after(&der(until)).unwrap().date(), told);
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_no_time_and_no_panic() {
        let certificate = der((2031, 2, 3));
        for end in 0..certificate.len().min(300) {
            let _ = not_after(&certificate[..end]);
            let mut changed = certificate.clone();
            changed[end] ^= 0xff;
            let _ = not_after(&changed);
        }
        assert_eq!(not_after(&certificate[..20]), None);
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
