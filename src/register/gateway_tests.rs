use jiff::civil::date;

use super::*;
use crate::tabs::catalogue::Tab;

const TODAY: Date = date(2026, 11, 22);

fn gateway(kind: &str, evidence: &str) -> LegalGateway {
    toml::from_str(&format!(
        "kind = \"{kind}\"\nrationale = \"r\"\napproved_by = \"The group\"\napproved = 2026-01-01\nfrom = 2026-02-01\n\
         until = 2026-12-31\ntask = \"Count asthma reviews\"\nminimum = \"No names are needed\"\n{evidence}"
    ))
    .unwrap()
}

const ALL: [(&str, &str); 6] = [
    (
        "anonymised",
        "processor = \"The gateway's operator\"\nmethod = \"Counts, suppressed and rounded\"",
    ),
    (
        "explicit-consent",
        "consent_form = \"Form 3\"\nwithdrawal = \"By telephone\"",
    ),
    (
        "legal-requirement",
        "instrument = \"Order 12\"\nissued_by = \"The court\"\nissued_on = 2026-01-05",
    ),
    (
        "section-251",
        "cag_reference = \"26/CAG/0001\"\napproved_on = 2026-01-05\nreview_due = 2026-12-01",
    ),
    (
        "public-interest",
        "assessment = \"DOC-7\"\ncaldicott_guardian = \"Pat Example\"\nassessed_on = 2026-01-05",
    ),
    (
        "copi-notice",
        "notice = \"Notice of 2020\"\nissued_on = 2026-01-05",
    ),
];

fn ask(output: Output) -> GatewayAsk<'static> {
    GatewayAsk {
        purpose: "HRESCH",
        tabs: TabSet::from_iter([Tab::Problems]),
        output,
        patient: PatientChoice {
            consent: Some(true),
            national_opt_out: Some(false),
        },
        today: TODAY,
    }
}

fn may(gateway: Option<&LegalGateway>, ask: GatewayAsk<'_>) -> Result<GatewayKind, GatewayRefusal> {
    let tabs = TabSet::from_iter([Tab::Problems, Tab::Medication]);
    decide(gateway, &["HRESCH".to_owned()], tabs, ask)
}

// R170, R171: none, incomplete or expired is refused; each kind needs its own evidence
#[test]
fn each_gateway_needs_its_own_evidence_and_its_days() {
    assert_eq!(
        may(None, ask(Output::Anonymised)),
        Err(GatewayRefusal::None)
    );
    for (kind, evidence) in ALL {
        let whole = gateway(kind, evidence);
        assert_eq!(
            may(Some(&whole), ask(Output::Anonymised)),
            Ok(whole.kind),
            "{kind}"
        );
        for missing in evidence.lines() {
            let rest: Vec<_> = evidence.lines().filter(|line| *line != missing).collect();
            let less = gateway(kind, &rest.join("\n"));
            assert_eq!(
                may(Some(&less), ask(Output::Anonymised)),
                Err(GatewayRefusal::Evidence),
                "{kind}: {missing}"
            );
        }
        for (other, theirs) in ALL {
            if other != kind {
                let wrong = gateway(kind, theirs);
                assert!(
                    wrong.refusal(TODAY).is_some(),
                    "{kind} with the evidence of {other}"
                );
            }
        }
        for (today, holds) in [
            (date(2026, 1, 31), false),
            (date(2026, 2, 1), true),
            (date(2026, 12, 31), kind != "section-251"),
            (date(2027, 1, 1), false),
        ] {
            let ask = GatewayAsk {
                today,
                ..ask(Output::Anonymised)
            };
            assert_eq!(may(Some(&whole), ask).is_ok(), holds, "{kind} on {today}");
        }
    }
}

// R173: a COPI notice cannot be without an end
#[test]
fn the_copi_route_ends() {
    let (kind, evidence) = ALL[5];
    let notice = gateway(kind, evidence);
    let after = GatewayAsk {
        today: date(2027, 1, 1),
        ..ask(Output::Identifiable)
    };
    assert_eq!(may(Some(&notice), after), Err(GatewayRefusal::NotInForce));
    let endless = "kind = \"copi-notice\"\nrationale = \"r\"\napproved_by = \"g\"\napproved = 2026-01-01\nfrom = 2026-02-01\n\
                   task = \"t\"\nminimum = \"m\"\nnotice = \"n\"\nissued_on = 2026-01-05";
    assert!(toml::from_str::<LegalGateway>(endless).is_err());
}

// R174, R176, R171: what is identifiable, and whose
#[test]
fn what_names_a_patient_needs_what_its_gateway_needs() {
    let of = |n: usize| gateway(ALL[n].0, ALL[n].1);
    let named = |n: usize, consent, national_opt_out| {
        let patient = PatientChoice {
            consent,
            national_opt_out,
        };
        may(
            Some(&of(n)),
            GatewayAsk {
                patient,
                ..ask(Output::Identifiable)
            },
        )
    };
    assert_eq!(
        named(0, Some(true), Some(false)),
        Err(GatewayRefusal::IdentifiableFromAnonymised)
    );
    assert_eq!(
        named(1, Some(true), Some(true)),
        Ok(GatewayKind::ExplicitConsent)
    );
    for consent in [None, Some(false)] {
        assert_eq!(
            named(1, consent, Some(false)),
            Err(GatewayRefusal::NoConsent)
        );
    }
    assert_eq!(named(3, None, Some(false)), Ok(GatewayKind::Section251));
    for opted in [None, Some(true)] {
        assert_eq!(named(3, None, opted), Err(GatewayRefusal::NationalOptOut));
    }
    // It is consulted for section 251 and for nothing else.
    for n in [2, 4, 5] {
        assert!(named(n, None, Some(true)).is_ok());
    }
}

// R177: tied to a task, never the whole record, never beyond the protocol
#[test]
fn more_than_the_task_needs_is_refused() {
    let (kind, evidence) = ALL[0];
    let whole = gateway(kind, evidence);
    for tabs in [
        TabSet::ALL,
        TabSet::NONE,
        TabSet::from_iter([Tab::Problems, Tab::Events]),
    ] {
        let ask = GatewayAsk {
            tabs,
            ..ask(Output::Anonymised)
        };
        assert_eq!(
            may(Some(&whole), ask),
            Err(GatewayRefusal::MoreThanNecessary)
        );
    }
    for purpose in ["TREAT", "BTG", "PUBHLTH", "anything", ""] {
        let ask = GatewayAsk {
            purpose,
            ..ask(Output::Anonymised)
        };
        assert_eq!(
            may(Some(&whole), ask),
            Err(GatewayRefusal::Purpose),
            "{purpose}"
        );
    }
}
