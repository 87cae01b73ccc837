//! A limit of requests a minute from one address (threat: enumeration; a bad assertion never locks its client).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;

use jiff::Timestamp;

/// Counts requests of the current minute. An IPv6 network of 64 bits counts as one address.
pub struct AddressLimit {
    per_minute: u32,
    counted: Mutex<(i64, HashMap<IpAddr, u32>)>,
}

impl AddressLimit {
    /// So many a minute.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            counted: Mutex::default(),
        }
    }

    /// Counts one request; `Err` holds the seconds until the next minute where there were too many.
    ///
    /// # Errors
    /// Too many.
    pub fn count(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), u64> {
        let Some(address) = address else {
            return Ok(());
        };
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
            v4 @ IpAddr::V4(_) => v4,
        };
        let minute = now.as_second().div_euclid(60);
        let mut counted = match self.counted.lock() {
            Ok(counted) => counted,
            Err(poisoned) => poisoned.into_inner(),
        };
        if counted.0 != minute {
            *counted = (minute, HashMap::new());
        }
        let count = counted.1.entry(address).or_default();
        *count = count.saturating_add(1);
        if *count > self.per_minute {
            Err(60 - now.as_second().rem_euclid(60).unsigned_abs())
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_own_count_and_a_new_one_each_minute() {
        let limit = AddressLimit::new(2);
        let at = |second| Timestamp::from_second(second).unwrap();
        let a = Some("192.0.2.1".parse().unwrap());
        assert!(limit.count(a, at(600)).is_ok() && limit.count(a, at(601)).is_ok());
        assert_eq!(limit.count(a, at(615)), Err(45));
        assert!(
            limit
                .count(Some("192.0.2.2".parse().unwrap()), at(615))
                .is_ok()
        );
        assert!(limit.count(a, at(660)).is_ok());
        for last in 1..3 {
            let v6 = Some(format!("2001:db8::{last}").parse().unwrap());
            assert!(limit.count(v6, at(660)).is_ok());
        }
        assert!(
            limit
                .count(Some("2001:db8::9".parse().unwrap()), at(661))
                .is_err()
        );
        assert!(limit.count(None, at(661)).is_ok());
    }
}
