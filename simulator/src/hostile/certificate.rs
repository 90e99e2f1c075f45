//! The certificates that hostile servers show.

use rcgen::{CertificateParams, CustomExtension, DnType, Error, SanType};

use super::{Mischief, poison};

/// Certificates in a chain, and how long each is.
const CHAIN: usize = 17;
const BALLAST: usize = 60_000;
/// An OID of the arc that is set aside for examples.
const EXAMPLE: [u64; 3] = [2, 999, 1];
/// Names that make a certificate large and leave it small enough for TLS libraries, which take 64 KiB.
const NAMES: usize = 1_500;

/// Spoils a certificate before it is signed.
pub(crate) fn spoil(mischief: Mischief, params: &mut CertificateParams) -> Result<(), Error> {
    match mischief {
        Mischief::CertificateChain => {
            params.custom_extensions.push(CustomExtension::from_oid_content(&EXAMPLE, vec![b'A'; BALLAST]));
        }
        Mischief::CertificateNames => {
            let name = |number: usize| Ok(SanType::DnsName(format!("name-{number}.invalid").try_into()?));
            params.subject_alt_names = (0..NAMES).map(name).collect::<Result<_, Error>>()?;
        }
        _ => {
            if let Some(text) = poison::text(mischief) {
                for kind in [DnType::CommonName, DnType::OrganizationName] {
                    params.distinguished_name.push(kind, text);
                }
            }
        }
    }
    Ok(())
}

/// How often the certificate is in its own chain.
pub(crate) fn chain_length(mischief: Mischief) -> usize {
    if mischief == Mischief::CertificateChain { CHAIN } else { 1 }
}

#[cfg(test)]
mod tests {
    use rcgen::KeyPair;

    use super::*;

    fn certificate(mischief: Mischief) -> Vec<u8> {
        let mut params = CertificateParams::default();
        spoil(mischief, &mut params).expect("names");
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn certificates_are_large_or_poisoned() {
        assert!(certificate(Mischief::CertificateChain).len() > BALLAST);
        let names = certificate(Mischief::CertificateNames).len();
        assert!((20_000..60_000).contains(&names), "{names}");
        let escapes = certificate(Mischief::TerminalEscapes);
        assert!(escapes.windows(4).any(|bytes| bytes == b"\x1b[2J"));
        assert!(certificate(Mischief::OutOfOrder).len() < 1_000);
        assert_eq!(chain_length(Mischief::CertificateChain), 17);
        assert_eq!(chain_length(Mischief::OutOfOrder), 1);
    }
}
