//! Certificates, made for one test.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// An authority that nobody else knows.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key, as they stand in files.
#[derive(Clone)]
pub struct Identity {
    /// PEM: the certificate, then the authority's.
    pub chain: String,
    /// PEM: the private key, PKCS#8.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Makes one.
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = named("authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate in PEM: what clients are told to trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names and addresses.
    pub fn certificate(&self, names: &[&str]) -> Identity {
        self.signed(names, None)
    }

    /// A certificate that ends at the beginning of a day: year, month, day.
    pub fn certificate_until(&self, names: &[&str], until: (i32, u8, u8)) -> Identity {
        self.signed(names, Some(until))
    }

    fn signed(&self, names: &[&str], until: Option<(i32, u8, u8)>) -> Identity {
        // A certificate with the name of its issuer is taken for one that signed itself.
        let subject = named(names.first().unwrap());
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = subject;
        if let Some((year, month, day)) = until {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, month, day);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: certificate.pem() + &self.pem, key: key.serialize_pem() }
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
