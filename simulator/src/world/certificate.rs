//! Certificates as operators make them: the same to the byte for a seed.
//!
//! All keys are Ed25519, which real servers seldom have: it is the only kind whose key is any 32 bytes and whose
//! signatures hold no chance, so that a seed decides every byte. What operators are told apart by (whose key, which
//! names, which dates) is as in the field.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::{Calendar, draft::Draft};
use crate::{
    chain::ChainPlan,
    chance::Chance,
    hostile::{self, Mischief},
    scenario::Certificate,
    serve::Credentials,
};

/// PKCS #8 around 32 bytes of an Ed25519 key (RFC 8410).
const KEY_FRAME: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const DAY: u64 = 86_400;
/// How long a certificate that operators make themselves is good for, and an issued one.
const LONG: u64 = 3_650 * DAY;
const SHORT: u64 = 90 * DAY;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct CertificateError(#[from] rcgen::Error);

/// Makes certificates, and remembers those that several show.
pub(super) struct Authority {
    seed: u64,
    /// When the world began, in seconds since 1970.
    start: u64,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    shared: BTreeMap<String, Arc<Credentials>>,
}

/// What a certificate says.
struct Says {
    name: String,
    /// In seconds since 1970.
    since: u64,
    long: u64,
}

impl Authority {
    pub(super) fn new(seed: u64) -> Result<Self, CertificateError> {
        let start = u64::from(ChainPlan::default().start);
        let mut chance = Chance::new(seed, "authority", &[]);
        let key = key(&mut chance)?;
        let says = Says { name: "Loopback Authority R1".to_owned(), since: start - 1_000 * DAY, long: LONG };
        let mut params = says.params(&mut chance);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let root = params.self_signed(&key)?.into();
        Ok(Self { seed, start, issuer: Issuer::new(params, key), root, shared: BTreeMap::new() })
    }

    /// What a server shows.
    pub(super) fn credentials(
        &mut self,
        draft: &Draft,
        calendar: Calendar,
    ) -> Result<Arc<Credentials>, CertificateError> {
        // The name that it had when it appeared: who is renamed keeps the certificate.
        let host =
            || draft.hosts(calendar, draft.life.existence().start).into_iter().next().unwrap_or_default();
        let named = |name: &str| Chance::new(self.seed, &format!("certificate {name}"), &[]);
        let mut chance = named(&draft.name());
        let age = chance.below(900) * DAY + chance.below(DAY);
        let own = |name: String| Says { name, since: self.start - age, long: LONG };
        if let Some(mischief) = draft.group.hostile {
            return spoilt(mischief, &own(host()), &mut chance);
        }
        match &draft.group.certificate {
            Certificate::Own => self_signed(&own(host()), &mut chance),
            Certificate::Shared(name) => {
                if let Some(credentials) = self.shared.get(name) {
                    return Ok(Arc::clone(credentials));
                }
                let credentials = self_signed(&own(format!("{name}.example")), &mut named(name))?;
                self.shared.insert(name.clone(), Arc::clone(&credentials));
                Ok(credentials)
            }
            Certificate::Template(template) => {
                let made = named(&draft.group.name).below(300) * DAY;
                let number = draft.number as u64 + 1;
                let says = Says {
                    name: template.name.replace("{n}", &number.to_string()),
                    since: self.start - made - DAY + number * u64::from(template.apart),
                    long: LONG,
                };
                self_signed(&says, &mut chance)
            }
            Certificate::Issued => {
                let says = Says { since: self.start - age % (60 * DAY), long: SHORT, name: host() };
                let key = key(&mut chance)?;
                let certificate = says.params(&mut chance).signed_by(&key, &self.issuer)?;
                Ok(credentials(vec![certificate.into(), self.root.clone()], &key))
            }
        }
    }
}

impl Says {
    fn params(&self, chance: &mut Chance) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, self.name.as_str());
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(self.since);
        params.not_after = epoch + Duration::from_secs(self.since + self.long);
        let mut serial: [u8; 16] = chance.bytes();
        // Positive, and without leading zeros.
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params
    }
}

fn self_signed(says: &Says, chance: &mut Chance) -> Result<Arc<Credentials>, CertificateError> {
    let key = key(chance)?;
    let certificate = says.params(chance).self_signed(&key)?;
    Ok(credentials(vec![certificate.into()], &key))
}

fn spoilt(
    mischief: Mischief,
    says: &Says,
    chance: &mut Chance,
) -> Result<Arc<Credentials>, CertificateError> {
    let key = key(chance)?;
    let mut params = says.params(chance);
    hostile::spoil(mischief, &mut params)?;
    let certificate: CertificateDer<'static> = params.self_signed(&key)?.into();
    Ok(credentials(vec![certificate; hostile::chain_length(mischief)], &key))
}

fn credentials(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<Credentials> {
    Arc::new(Credentials::new(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}

fn key(chance: &mut Chance) -> Result<KeyPair, CertificateError> {
    let mut der = KEY_FRAME.to_vec();
    der.extend_from_slice(&chance.bytes::<32>());
    Ok(KeyPair::try_from(&PrivatePkcs8KeyDer::from(der))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_the_same_to_the_byte_for_a_seed() {
        let made = |seed: u64| {
            let mut chance = Chance::new(seed, "test", &[]);
            let key = key(&mut chance).expect("a key");
            let says = Says { name: "node-1".to_owned(), since: 1_700_000_000, long: DAY };
            says.params(&mut chance).self_signed(&key).expect("a certificate").der().to_vec()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }
}
