//! The sandbox's register files (`sandbox.md`): organisations, users, clients, protocols, written at start.
//!
//! They are real files that the ordinary loader reads, so that an app developer can open one, change it and see.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::ToSpan;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::cis2::PROVIDER;
use crate::register::{
    AGREEMENT, CLIENTS, GROUP, ORGANISATIONS, PROTOCOLS, Register, RegisterErrors, RegisterFiles,
    TERMS, USERS,
};
use crate::text::hex;

/// Where the parts of the sandbox listen, all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxPorts {
    /// Gateway and issuer.
    pub gateway: u16,
    /// EMIS-style source.
    pub emis: u16,
    /// SystmOne-style source over HTTP.
    pub systmone: u16,
    /// Trace service.
    pub trace: u16,
    /// Mock EHR with the worklists.
    pub ehr: u16,
    /// SystmOne-style source over TCP.
    pub systmone_tcp: u16,
}

impl SandboxPorts {
    /// The ports that follow from the first one; `None` where they would run past 65535.
    #[must_use]
    pub fn from_first(first: u16) -> Option<Self> {
        Some(Self {
            gateway: first,
            emis: first.checked_add(1)?,
            systmone: first.checked_add(2)?,
            trace: first.checked_add(3)?,
            ehr: first.checked_add(4)?,
            systmone_tcp: first.checked_add(12)?,
        })
    }

    fn gateway_url(self) -> String {
        format!("http://127.0.0.1:{}", self.gateway)
    }
}

/// Why the register files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SandboxRegisterError {
    /// No key set was given for this client.
    #[error("no key set for the client `{0}`")]
    NoKeys(&'static str),
    /// A file could not be written.
    #[error("{file}: {error}")]
    Write {
        /// Which.
        file: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// What was written does not hold together: a defect of this module.
    #[error(transparent)]
    Register(#[from] RegisterErrors),
}

/// The argon2id hash of the password `sandbox`, with a salt that says what it is: it protects nobody.
pub const PASSWORD_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$b3Blbm1pZyBzYW5kYm94IQ$rzyJpxKjTKZMUHwRyymAohsztnMNLvOx6z4PHLBJ4G4";

/// The terms of use, the same as in the example to copy.
const TERMS_OF_USE: &str = include_str!("../../docs/example/register/terms.toml");

/// The secret of `sandbox-web`, as the contract names it.
pub const WEB_SECRET: &str = "sandbox-web-secret";

/// The clients whose public key set must be given, each with its organisation.
const KEY_CLIENTS: [(&str, &str, bool); 8] = [
    ("sandbox-oversight", GROUP, false),
    ("sandbox-backend", "Z9H01", true),
    ("sandbox-backend-walkin", "Z9S01", true),
    ("sandbox-backend-research", "Z9R01", true),
    ("sandbox-audit-backend", "Z99001", false),
    ("sandbox-audit-backend-z99002", "Z99002", false),
    ("sandbox-web-keys", "", false),
    ("sandbox-ehr", "Z9O01", false),
];

/// What the files depend on.
#[derive(Debug, Clone)]
pub struct SandboxRegister<'a> {
    /// Ports.
    pub ports: SandboxPorts,
    /// Everything dated is anchored to this day.
    pub today: Date,
    /// Public key sets: client id → JWKS JSON, for every client of `sandbox.md` with keys but `sandbox-backend-es`.
    pub keys: &'a BTreeMap<String, String>,
    /// Secret of our own viewer, kept in the state directory.
    pub viewer_secret: &'a str,
}

impl SandboxRegister<'_> {
    /// Writes the files into `dir`, which must exist, and reads them back.
    ///
    /// # Errors
    /// A key set is missing, or a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Register, SandboxRegisterError> {
        let files = self.files()?;
        for (file, text) in [
            (AGREEMENT, &files.agreement),
            (ORGANISATIONS, &files.organisations),
            (USERS, &files.users),
            (CLIENTS, &files.clients),
            (PROTOCOLS, &files.protocols),
        ]
        .into_iter()
        .chain(files.terms.iter().map(|text| (TERMS, text)))
        {
            std::fs::write(dir.join(file), text)
                .map_err(|error| SandboxRegisterError::Write { file, error })?;
        }
        Ok(Register::load(dir, self.today)?)
    }

    /// The texts of the files.
    ///
    /// # Errors
    /// A key set is missing.
    pub fn files(&self) -> Result<RegisterFiles, SandboxRegisterError> {
        Ok(RegisterFiles {
            agreement: self.agreement(),
            organisations: self.organisations(),
            users: self.users(),
            clients: self.clients()?,
            protocols: self.protocols(),
            terms: Some(TERMS_OF_USE.to_owned()),
        })
    }

    /// `today` and some days, as TOML.
    fn day(&self, days: i32) -> Date {
        self.today
            .checked_add(days.days())
            .unwrap_or(if days < 0 { Date::MIN } else { Date::MAX })
    }

    fn agreement(&self) -> String {
        format!(
            r#"# The agreement of the sandbox, after the Leicester MIG Information Sharing Agreement.
name = "Sandbox Information Sharing Agreement"
versions = ["1.0"]
terms = "1"
policy = "https://openmig.org/policy/sandbox-information-sharing-agreement/1.0"
# The group governs; those that governed before are named, and what was signed under them stays signed.
group = "Sandbox Oversight Group"
former_group = [
    {{ name = "Sandbox Implementation Board", until = {former}, notified = {former}, reference = "letter to all parties, number 7" }},
]
issued = {issued}
live_from = {live}
review_due = {review}

# What the parties agreed on where the agreement leaves it open. The sandbox's files may be changed without an instruction.
[rules]
assurance_grace_days = 14
evidence = ["training", "information-security-policy"]
missing_evidence_blocks = false
objection_days = 28
changes_need_instruction = false
national_opt_out_days = 7

# The seven questions of paragraph 11.2, each answered.
[[review]]
date = {reviewed}
by = "Sandbox Oversight Group"
reference = "minutes of {reviewed}, item 2"
desired_effect = "Yes: out-of-hours clinicians report fewer repeated tests."
access_controls = "Yes: every sampled access had its treatment registration."
fair_processing = "Yes, after the walk-in centre was added."
patient_access = "Yes: all requests were answered by the practices."
quality_standards = "Yes."
security = "Yes: the one incident was investigated and the walk-in centre suspended."
audit_reports = "Received from both viewers."

[[instruction]]
id = "2025-1"
date = {instructed}
by = "Sandbox Oversight Group"
what = "Enable the practices that have signed, and both viewers."
reference = "minutes of {instructed}, item 3"

# Every role that a user may have. A clinical role lets nobody look until an organisation names it as qualified
# (organisations.toml) and a protocol covers it (protocols.toml).
[roles]
gp = {{ title = "General practitioner", clinical = true }}
consultant = {{ title = "Consultant", clinical = true }}
nurse = {{ title = "Nurse", clinical = true }}
research-clinician = {{ title = "Research clinician", clinical = true }}
receptionist = {{ title = "Receptionist", clinical = false }}
privacy-officer = {{ title = "Privacy officer", clinical = false, duties = ["review-access"] }}
practice-manager = {{ title = "Practice manager", clinical = false, duties = ["run-practice"] }}
dpo = {{ title = "Data protection officer", clinical = false, duties = ["oversee-practice"] }}
oversight = {{ title = "Member of the oversight group", clinical = false, duties = ["govern"] }}
"#,
            review = self.day(200),
            reviewed = self.day(-150),
            former = self.day(-300),
            issued = self.day(-430),
            live = self.day(-370),
            instructed = self.day(-380),
        )
    }

    fn organisations(&self) -> String {
        let SandboxPorts {
            emis,
            systmone,
            systmone_tcp,
            ..
        } = self.ports;
        let signature = |organisation: &str| {
            format!(
                r#"signature = {{ agreement = "1.0", name = "Pat Example", title = "Caldicott Guardian", office = "caldicott-guardian", organisation = "{organisation}", address = "1 Example Street, Leicester", date = {} }}"#,
                self.day(-400)
            )
        };
        let assurance = format!(
            "assurance_until = {}\nassurance = {{ status = \"standards-met\", submitted = {}, statement = {} }}",
            self.day(300),
            self.day(-65),
            self.day(-65)
        );
        let dpo = r#"contacts = { dpo = { name = "Robin Ashworth", email = "dpo@example.org", telephone = "0116 496 0000" } }"#;
        let evidence = format!(
            r#"evidence = [
    {{ kind = "training", reference = "IG training report", date = {day} }},
    {{ kind = "information-security-policy", reference = "policy 12, version 4", date = {day} }},
]"#,
            day = self.day(-60)
        );
        let enabled = |how: &str| {
            format!(
                r#"enablement = [{{ on = true, date = {}, by = "Morgan Tate, practice manager", how = "{how}" }}]"#,
                self.day(-370)
            )
        };
        let (by_emis, by_tpp) = (
            enabled("by the practice in EMIS Web"),
            enabled("with TPP, by its service desk"),
        );
        let suspended = format!(
            r#"suspended = {{ since = {}, by = "Sandbox Oversight Group", reason = "A shared smartcard; assurance is awaited." }}"#,
            self.day(-160)
        );
        let emis =
            format!(r#"source = {{ family = "emis", endpoint = "http://127.0.0.1:{emis}/" }}"#);
        let systmone = format!(
            r#"source = {{ family = "systmone", endpoint = "http://127.0.0.1:{systmone}/" }}"#
        );
        let tcp = format!(
            // Tried: asked for medication, it gives medication (docs/sources-wire.md).
            r#"source = {{ family = "systmone", endpoint = "tcp://127.0.0.1:{systmone_tcp}", narrows = true }}"#
        );
        let mut out = String::from(
            "# Who takes part: practices (data controllers of the records) and viewers, each with its signature.\n",
        );
        let mut add = |ods: &str, name: &str, kind: &str, lines: &[&str]| {
            out.push_str(&format!(
                "\n[[organisation]]\nods = \"{ods}\"\nname = \"{name}\"\nkind = \"{kind}\"\n"
            ));
            for line in lines {
                out.push_str(line);
                out.push('\n');
            }
        };
        let assured: &str = &assurance;
        for (ods, name, source, more) in [
            ("Z99001", "Fosse Way Surgery", &emis, vec![by_emis.as_str()]),
            (
                "Z99002",
                "Rutland Water Medical Centre",
                &systmone,
                vec![&by_tpp],
            ),
            ("Z99003", "Charnwood House Surgery", &emis, vec![]),
            ("Z99005", "Wigston Lane Surgery", &emis, vec![&by_emis]),
            (
                "Z99006",
                "Oadby Park Surgery",
                &tcp,
                vec![&by_tpp, "applies_exclusion_list = true"],
            ),
        ] {
            let signed = signature(name);
            let mut lines: Vec<&str> = vec![&signed, assured, dpo, source];
            lines.extend(more);
            add(ods, name, "practice", &lines);
        }
        add("Z99004", "Melton Brook Practice", "practice", &[&systmone]);
        for (ods, name, roles, more) in [
            (
                "Z9H01",
                "Sandbox University Hospitals",
                r#""consultant", "nurse""#,
                vec![
                    r#"sites = { Z9H01A = "Sandbox General Hospital", Z9H01B = "Sandbox Royal Infirmary" }"#,
                ],
            ),
            (
                "Z9O01",
                "Sandbox Out of Hours",
                r#""gp""#,
                vec![r#"relationship = "claim""#],
            ),
            (
                "Z9S01",
                "Sandbox Walk-in Centre",
                r#""gp""#,
                vec![suspended.as_str()],
            ),
            // Treats nobody: what it may have, it has through a legal gateway (protocols.toml).
            (
                "Z9R01",
                "Sandbox Health Research Unit",
                r#""research-clinician""#,
                vec![],
            ),
        ] {
            let (signed, roles) = (signature(name), format!("qualified_roles = [{roles}]"));
            let mut lines: Vec<&str> = vec![&signed, assured, &evidence, &roles];
            lines.extend(more);
            add(ods, name, "viewer", &lines);
        }
        add(
            "Z9C01",
            "Sandbox Commissioning Group",
            "commissioner",
            &[assured],
        );
        out
    }

    fn users(&self) -> String {
        let trained = self.day(300);
        let lapsed = self.day(-30);
        let accepted = self.day(-60);
        let mut out = String::from(
            "# Who may sign in or be named by a client, with the role that the employer verified. Every password is `sandbox`.\n",
        );
        let mut number = 0;
        for (username, name, organisations, role, training) in [
            ("clinician", "Dr Asha Rowan", "\"Z9O01\"", "gp", trained),
            (
                "hospital-doctor",
                "Dr Tomas Lindqvist",
                "\"Z9H01\"",
                "consultant",
                trained,
            ),
            (
                "hospital-nurse",
                "Nurse Grace Okoro",
                "\"Z9H01\"",
                "nurse",
                trained,
            ),
            ("walkin-doctor", "Dr Ravi Menon", "\"Z9S01\"", "gp", trained),
            (
                "researcher",
                "Dr Livia Brandt",
                "\"Z9R01\"",
                "research-clinician",
                trained,
            ),
            (
                "receptionist",
                "Sam Fielding",
                "\"Z9O01\"",
                "receptionist",
                trained,
            ),
            ("untrained", "Dr Ellis Marsh", "\"Z9O01\"", "gp", lapsed),
            (
                "privacy-officer",
                "Noor Haddad",
                "\"Z9O01\"",
                "privacy-officer",
                trained,
            ),
            (
                "hospital-privacy-officer",
                "Ines Carvalho",
                "\"Z9H01\"",
                "privacy-officer",
                trained,
            ),
            (
                "practice-manager",
                "Morgan Tate",
                "\"Z99001\"",
                "practice-manager",
                trained,
            ),
            (
                "dpo",
                "Robin Ashworth",
                "\"Z99001\", \"Z99002\"",
                "dpo",
                trained,
            ),
            ("oversight", "Alex Winter", "", "oversight", trained),
        ] {
            out.push_str(&format!(
                r#"
[[user]]
username = "{username}"
name = "{name}"
organisations = [{organisations}]
role = "{role}"
training_until = {training}
terms_accepted = {{ version = "1", date = {accepted} }}
password = '{PASSWORD_HASH}'
"#
            ));
            number += 1;
            out.push_str(&format!(
                "identities = {{ {PROVIDER} = \"9900000{number:05}\" }}\n"
            ));
            let profiles: Vec<String> = organisations
                .split(", ")
                .filter(|ods| !ods.is_empty())
                .enumerate()
                .map(|(n, ods)| format!("\"99{n}0001{number:05}\" = {ods}"))
                .collect();
            out.push_str(&format!("role_profiles = {{ {} }}\n", profiles.join(", ")));
        }
        out
    }

    fn clients(&self) -> Result<String, SandboxRegisterError> {
        let gateway = self.ports.gateway_url();
        let app = "http://127.0.0.1:9310/app.html";
        let mut out = String::from(
            "# OAuth clients. A client without organisation serves users of any organisation.\n",
        );
        out.push_str(&format!(
            r#"
[[client]]
id = "sandbox-spa"
name = "Sandbox app"
authentication = {{ public = true }}
redirect_uris = ["{app}"]

[[client]]
id = "sandbox-web"
name = "Sandbox web app"
authentication = {{ secret_sha256 = "{web}" }}
may_introspect = true
redirect_uris = ["{app}"]

[[client]]
id = "sandbox-viewer"
name = "OpenMIG viewer"
authentication = {{ secret_sha256 = "{viewer}" }}
redirect_uris = ["{gateway}/viewer/callback"]

# The one key set address that the sandbox exempts from the https and private-range guards.
[[client]]
id = "sandbox-backend-es"
organisation = "Z9O01"
authentication = {{ jwks_url = "{gateway}/sandbox/keys/sandbox-backend-es.jwks.json", local = true }}
named_clinician = true
oversight = "organisation"
"#,
            web = secret_hash(WEB_SECRET),
            viewer = secret_hash(self.viewer_secret),
        ));
        for (id, organisation, named_clinician) in KEY_CLIENTS {
            let keys = self.keys.get(id).ok_or(SandboxRegisterError::NoKeys(id))?;
            let organisation_line = format!("organisation = \"{organisation}\"");
            let purpose = match (id, named_clinician) {
                ("sandbox-oversight", _) => "oversight = \"group\"".to_owned(),
                ("sandbox-web-keys", _) => {
                    format!("name = \"Sandbox web app with keys\"\nredirect_uris = [\"{app}\"]")
                }
                ("sandbox-ehr", _) => format!(
                    "{organisation_line}\nlaunches = [\"sandbox-spa\", \"sandbox-web\", \"sandbox-web-keys\"]"
                ),
                // Backends that are there to try a suspension with, or other uses than direct care, and nothing else.
                ("sandbox-backend-walkin" | "sandbox-backend-research", _) => {
                    format!("{organisation_line}\nnamed_clinician = true")
                }
                (_, true) => format!(
                    "{organisation_line}\nnamed_clinician = true\noversight = \"organisation\""
                ),
                (_, false) => format!(
                    "{organisation_line}\naudit_of = \"{organisation}\"\noversight = \"organisation\""
                ),
            };
            let keys = toml::Value::String(keys.clone());
            out.push_str(&format!(
                r#"
[[client]]
id = "{id}"
authentication = {{ jwks = {keys} }}
{purpose}
"#
            ));
        }
        Ok(out)
    }

    fn protocols(&self) -> String {
        const ALL: &str = r#"["summary", "patient-details", "problems", "diagnosis", "medication", "risks-and-warnings", "procedures", "investigations", "examinations", "events"]"#;
        let (from, until, review) = (self.day(-365), self.day(730), self.day(365));
        let mut out = String::from(
            "# One protocol per agreed flow: which viewer, purposes and days, and which tabs each qualified role sees.\n",
        );
        for (id, viewer, tabs) in [
            ("out-of-hours-1", "Z9O01", format!("gp = {ALL}")),
            (
                "university-hospitals-1",
                "Z9H01",
                format!(
                    "consultant = {ALL}\nnurse = [\"summary\", \"medication\", \"risks-and-warnings\"]"
                ),
            ),
            // The centre itself is suspended (organisations.toml), which its protocol does not change.
            ("walk-in-centre-1", "Z9S01", format!("gp = {ALL}")),
        ] {
            out.push_str(&format!(
                r#"
[[protocol]]
id = "{id}"
viewer = "{viewer}"
purposes = ["TREAT", "ETREAT", "BTG"]
valid_from = {from}
valid_until = {until}
why = "To treat the patient who is here, with the GP record as it is now."
how = "Viewed beside the patient, on every occasion with explicit consent; never printed, copied or kept."
approval = {{ by = "Sandbox Oversight Group", minutes = {from}, reference = "item 4", representatives = ["Dr Farah Quill, LMC", "Robin Ashworth, DPO of the practices"] }}
law = {{ article_6 = "6(1)(e)", article_9 = "9(2)(h)", confidentiality = "explicit consent at the point of care" }}
override_law = {{ article_6 = "6(1)(d)", article_9 = "9(2)(c)", confidentiality = "overriding interest of the patient, who cannot consent" }}
review_due = {review}
[protocol.tabs]
{tabs}
"#
            ));
        }
        out + &super::other_uses::protocols(|days| self.day(days))
    }
}

/// SHA-256 of a client secret in lower-case hex, as `clients.toml` holds it.
#[must_use]
pub fn secret_hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::OdsCode;
    use crate::register::ClientAuthentication;
    use crate::tabs::catalogue::TabSet;
    use jiff::civil::date;

    pub(crate) const TODAY: Date = date(2026, 11, 22);

    /// The sandbox's register as of [`TODAY`], with stand-in keys, for tests of other modules.
    pub(crate) fn sandbox_register() -> Register {
        Register::read(&sandbox_files(), TODAY).unwrap()
    }

    pub(crate) fn sandbox_files() -> RegisterFiles {
        let keys = KEY_CLIENTS
            .into_iter()
            .map(|(id, ..)| {
                let set = format!(r#"{{"keys":[{{"kty":"RSA","kid":"{id}-1","alg":"RS384"}}]}}"#);
                (id.to_owned(), set)
            })
            .collect();
        SandboxRegister {
            ports: SandboxPorts::from_first(8080).unwrap(),
            today: TODAY,
            keys: &keys,
            viewer_secret: "viewer",
        }
        .files()
        .unwrap()
    }

    // R150, R160
    #[test]
    fn the_sandbox_is_as_its_contract_says() {
        let register = sandbox_register();
        assert_eq!(register.organisations.len(), 11);
        assert_eq!(register.users.len(), 12);
        assert_eq!(register.clients.len(), 12);
        let tabs = |protocol: &str, role: &str| register.protocols[protocol].roles[role];
        assert_eq!(tabs("out-of-hours-1", "gp"), TabSet::ALL);
        assert_eq!(tabs("university-hospitals-1", "consultant"), TabSet::ALL);
        assert_eq!(tabs("university-hospitals-1", "nurse").iter().count(), 3);
        let organisation = |ods: &str| &register.organisations[&OdsCode(ods.to_owned())];
        assert!(organisation("Z9S01").is_stopped());
        assert!(organisation("Z99003").signature.is_some() && !organisation("Z99003").is_enabled());
        assert!(organisation("Z99001").is_enabled() && organisation("Z99002").is_enabled());
        assert!(organisation("Z99004").signature.is_none());
        assert!(organisation("Z99006").applies_exclusion_list);
        assert_eq!(
            organisation("Z99006").source.as_ref().unwrap().endpoint,
            "tcp://127.0.0.1:8092"
        );
        assert!(matches!(
            &register.clients["sandbox-backend-es"].authentication,
            ClientAuthentication::KeysAt { local: true, url }
                if url == "http://127.0.0.1:8080/sandbox/keys/sandbox-backend-es.jwks.json"
        ));
        assert!(register.users["untrained"].training_until.unwrap() < TODAY);
    }

    #[test]
    fn a_missing_key_set_is_named() {
        let register = SandboxRegister {
            ports: SandboxPorts::from_first(8080).unwrap(),
            today: TODAY,
            keys: &BTreeMap::new(),
            viewer_secret: "viewer",
        };
        assert!(matches!(
            register.files(),
            Err(SandboxRegisterError::NoKeys("sandbox-oversight"))
        ));
    }
}
