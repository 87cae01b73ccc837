//! Which network addresses may ask at all (S2 7.4.4, R109). The default is loopback only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Allowed address ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRanges(Vec<(IpAddr, u8)>);

/// A text is no address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address range such as 10.0.0.0/8 or ::1/128")]
pub struct RangeError(pub String);

impl Default for AddressRanges {
    fn default() -> Self {
        Self(vec![
            (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
            (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        ])
    }
}

impl AddressRanges {
    /// Reads ranges in CIDR notation; an address alone means just itself.
    ///
    /// # Errors
    /// The first text that is none.
    pub fn parse<S: AsRef<str>>(ranges: &[S]) -> Result<Self, RangeError> {
        ranges
            .iter()
            .map(|range| range.as_ref())
            .map(|text| read(text).ok_or_else(|| RangeError(text.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Is this address in one of the ranges? An IPv4 address written as IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(base, bits)| match (base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(*bits);
                let head = |a: Ipv4Addr| u64::from(a.to_bits()) >> shift;
                head(*base) == head(address)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(*bits);
                let head = |a: Ipv6Addr| a.to_bits().checked_shr(shift).unwrap_or(0);
                head(*base) == head(address)
            }
            _ => false,
        })
    }
}

fn read(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address = IpAddr::from_str(address).ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
        None => most,
    };
    Some((address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    // R109
    #[test]
    fn ranges_hold_what_they_say() {
        let ranges = AddressRanges::parse(&["10.20.0.0/16", "2001:db8::/32", "192.0.2.7"]).unwrap();
        for (address, inside) in [
            ("10.20.255.1", true),
            ("10.21.0.1", false),
            ("::ffff:10.20.0.9", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(
                ranges.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
        let all = AddressRanges::parse(&["0.0.0.0/0", "::/0"]).unwrap();
        assert!(all.contains("203.0.113.1".parse().unwrap()));
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        let default = AddressRanges::default();
        assert!(default.contains("127.9.9.9".parse().unwrap()));
        assert!(default.contains("127.255.0.1".parse().unwrap()));
        assert!(!default.contains("126.0.0.1".parse().unwrap()));
        assert!(!default.contains("128.0.0.1".parse().unwrap()));
        assert!(!default.contains("::".parse().unwrap()));
        let one = AddressRanges::parse(&["192.0.2.6/32", "2001:db8::6/128"]).unwrap();
        for (address, inside) in [
            ("192.0.2.6", true),
            ("192.0.2.7", false),
            ("2001:db8::6", true),
            ("2001:db8::7", false),
        ] {
            assert_eq!(one.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(default.contains("::1".parse().unwrap()));
        assert!(!default.contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::1/129",
            "10.0.0.0/-1",
            "n3",
        ] {
            assert!(AddressRanges::parse(&[text]).is_err(), "{text}");
        }
    }
}
