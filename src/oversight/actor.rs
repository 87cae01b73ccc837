//! A person of oversight, as the register knows them now.

use std::collections::BTreeSet;

use crate::record::OdsCode;
use crate::register::{Duty, Register};

/// Somebody who may do more than look at records, or nothing at all: what they may is in the register, not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    username: String,
    organisations: BTreeSet<OdsCode>,
    duties: BTreeSet<Duty>,
}

/// This person may not do this here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this person's role does not allow this, or not for this organisation")]
pub struct NotAllowed;

impl Actor {
    /// The person of this username; `None` if the register does not know them or has revoked them (R108).
    #[must_use]
    pub fn of(register: &Register, username: &str) -> Option<Self> {
        let user = register.users.get(username).filter(|user| !user.revoked)?;
        let role = register.agreement.roles.get(&user.role)?;
        Some(Self {
            username: user.username.clone(),
            organisations: user.organisations.iter().cloned().collect(),
            duties: role.duties.clone(),
        })
    }

    /// The same person as the token of one organisation's client lets them act: for that organisation only, and without the
    /// group's duty. `None` is the group's own client: nothing but the group's duty is left.
    #[must_use]
    pub fn bound_to(mut self, organisation: Option<&OdsCode>) -> Self {
        self.organisations.retain(|own| organisation == Some(own));
        match organisation {
            Some(_) => self.duties.remove(&Duty::Govern),
            None => {
                self.duties.retain(|duty| *duty == Duty::Govern);
                true
            }
        };
        self
    }

    /// The duties.
    pub fn duties(&self) -> impl Iterator<Item = Duty> {
        self.duties.iter().copied()
    }

    /// Username, as it goes into histories and the audit trail.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The organisations that the person acts for; none for the oversight group.
    #[must_use]
    pub fn organisations(&self) -> &BTreeSet<OdsCode> {
        &self.organisations
    }

    /// The person has this duty somewhere.
    #[must_use]
    pub fn has(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }

    /// The person may do this for this organisation; the oversight group's duty reaches every organisation.
    ///
    /// # Errors
    /// They may not.
    pub fn must(&self, duty: Duty, organisation: &OdsCode) -> Result<(), NotAllowed> {
        let reaches = duty == Duty::Govern || self.organisations.contains(organisation);
        if self.has(duty) && reaches {
            Ok(())
        } else {
            Err(NotAllowed)
        }
    }

    /// The person belongs to the oversight group.
    ///
    /// # Errors
    /// They do not.
    pub fn must_govern(&self) -> Result<(), NotAllowed> {
        if self.has(Duty::Govern) {
            Ok(())
        } else {
            Err(NotAllowed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::register::tests::sandbox_register;

    fn ods(code: &str) -> OdsCode {
        OdsCode(code.to_owned())
    }

    // R063, R066, R093, R183
    #[test]
    fn a_duty_reaches_ones_own_organisations_and_the_groups_reaches_all() {
        let register = sandbox_register();
        let actor = |name: &str| Actor::of(&register, name).unwrap();
        let manager = actor("practice-manager");
        assert_eq!(manager.must(Duty::RunPractice, &ods("Z99001")), Ok(()));
        assert_eq!(
            manager.must(Duty::RunPractice, &ods("Z99002")),
            Err(NotAllowed)
        );
        assert_eq!(
            manager.must(Duty::ReviewAccess, &ods("Z99001")),
            Err(NotAllowed)
        );
        assert_eq!(manager.must_govern(), Err(NotAllowed));
        let dpo = actor("dpo");
        assert_eq!(dpo.must(Duty::OverseePractice, &ods("Z99002")), Ok(()));
        let group = actor("oversight");
        assert_eq!(group.must(Duty::Govern, &ods("Z99002")), Ok(()));
        assert_eq!(
            group.must(Duty::RunPractice, &ods("Z99002")),
            Err(NotAllowed)
        );
    }

    // R108, R112: a token reaches no further than the client that asked for it
    #[test]
    fn a_client_binds_a_person_to_its_own_organisation() {
        let register = sandbox_register();
        let dpo = Actor::of(&register, "dpo").unwrap();
        let bound = dpo.clone().bound_to(Some(&ods("Z99001")));
        assert_eq!(bound.must(Duty::OverseePractice, &ods("Z99001")), Ok(()));
        assert_eq!(
            bound.must(Duty::OverseePractice, &ods("Z99002")),
            Err(NotAllowed)
        );
        assert_eq!(dpo.bound_to(None).duties().count(), 0);
        let group = Actor::of(&register, "oversight").unwrap();
        assert_eq!(group.clone().bound_to(None).must_govern(), Ok(()));
        assert_eq!(
            group.bound_to(Some(&ods("Z99001"))).must_govern(),
            Err(NotAllowed)
        );
    }

    // R093, R108
    #[test]
    fn a_clinician_has_no_duty_and_a_revoked_person_is_nobody() {
        let mut register = sandbox_register();
        let clinician = Actor::of(&register, "clinician").unwrap();
        for duty in [
            Duty::ReviewAccess,
            Duty::RunPractice,
            Duty::OverseePractice,
            Duty::Govern,
        ] {
            assert!(!clinician.has(duty));
        }
        register.users.get_mut("oversight").unwrap().revoked = true;
        assert_eq!(Actor::of(&register, "oversight"), None);
        assert_eq!(Actor::of(&register, "nobody"), None);
    }
}
