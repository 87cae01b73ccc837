use std::fmt::Write;
use std::path::PathBuf;

use super::*;
use crate::occasion::RegisterView;
use crate::register::Holds;

/// Every combination of who asks, why, on what basis, about whom: what comes out, as a table for people to read.
#[test]
fn the_decision_matrix_is_as_it_was() {
    let text = matrix();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decision-matrix.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (n, (kept, now)) in kept.lines().zip(text.lines()).enumerate() {
        assert_eq!(kept, now, "line {}; UPDATE_GOLDEN=1 writes it anew", n + 1);
    }
    assert_eq!(kept.lines().count(), text.lines().count());
}

fn matrix() -> String {
    let parent = ProxyFacts {
        basis: Some(ProxyBasis::ParentalResponsibility),
        named: true,
        related: true,
    };
    let legal = ProxyFacts {
        basis: Some(ProxyBasis::LegalPower),
        ..parent
    };
    let agrees = ChildFacts {
        asked: true,
        view: Some(ChildSays::Agrees),
    };
    let bases: [(&str, Basis); 14] = [
        ("yes", Basis::Consent(GOOD)),
        (
            "yes, changed mind",
            Basis::Consent(Talk {
                changed_mind: true,
                ..GOOD
            }),
        ),
        (
            "yes, parent, child agrees",
            Basis::Consent(Talk {
                proxy: Some(parent),
                child: Some(agrees),
                ..GOOD
            }),
        ),
        (
            "yes, parent, child objects",
            Basis::Consent(Talk {
                proxy: Some(parent),
                child: Some(ChildFacts {
                    view: Some(ChildSays::Objects),
                    ..agrees
                }),
                ..GOOD
            }),
        ),
        (
            "yes, child agrees",
            Basis::Consent(Talk {
                child: Some(agrees),
                ..GOOD
            }),
        ),
        (
            "no capacity, legal power",
            Basis::Consent(Talk {
                capacity: Some(false),
                proxy: Some(legal),
                ..GOOD
            }),
        ),
        (
            "no capacity",
            Basis::Consent(Talk {
                capacity: Some(false),
                ..GOOD
            }),
        ),
        (
            "not told why",
            Basis::Consent(Talk {
                told_why: None,
                ..GOOD
            }),
        ),
        (
            "no",
            Basis::Consent(Talk {
                answer: Answer::No,
                ..GOOD
            }),
        ),
        ("nothing", Basis::Consent(Talk::default())),
        ("override unconscious", OVERRIDE),
        (
            "override life-threatening",
            Basis::Override {
                reason: Some(OverrideReason::LifeThreatening),
                words: Words::Fair,
            },
        ),
        (
            "override, another reason",
            Basis::Override {
                reason: None,
                words: Words::Fair,
            },
        ),
        (
            "override, few words",
            Basis::Override {
                reason: Some(OverrideReason::Unconscious),
                words: Words::Short,
            },
        ),
    ];
    type Patient = (
        &'static str,
        fn(&mut BeforeInputs, &mut AfterTraceInputs, &mut AfterSourceInputs),
    );
    let patients: [Patient; 23] = [
        ("adult", |_, _, _| {}),
        ("child", |_, t, _| t.age = Fact::Known(AgeBand::Child)),
        ("refusal stands", |b, _, _| {
            b.refusal_stands = Fact::Known(true)
        }),
        ("refused research", |b, _, _| {
            b.also_refused = vec!["HRESCH".to_owned()];
        }),
        ("not on the worklist", |b, _, _| {
            b.treatment_registered = Fact::Known(false)
        }),
        ("no part in the episode", |b, _, _| {
            b.linked = Fact::Known(false)
        }),
        ("claims to care for them", |b, _, _| {
            b.linked = Fact::Known(false);
            b.claimed = true;
        }),
        ("not found by the trace", |_, t, _| {
            t.traced = Fact::Known(false);
            t.sensitive = Fact::NotAsked;
            t.deceased = Fact::NotAsked;
            t.practice = Fact::NotAsked;
            t.age = Fact::NotAsked;
        }),
        ("not verified", |_, t, _| t.traced = Fact::Known(false)),
        ("S-flag", |_, t, _| t.sensitive = Fact::Known(true)),
        ("deceased", |_, t, _| t.deceased = Fact::Known(true)),
        ("practice never signed", |_, t, _| {
            t.practice = Fact::Known(PracticeFacts {
                ods: ods("Z99004"),
                signed: false,
                enabled: false,
                demands_proof: false,
            })
        }),
        ("practice not enabled", |_, t, _| {
            t.practice = Fact::Known(PracticeFacts {
                ods: ods("Z99003"),
                signed: true,
                enabled: false,
                demands_proof: false,
            })
        }),
        ("practice demands proof, clinician asserted", |_, t, _| {
            t.practice = demanding()
        }),
        (
            "practice demands proof, clinician authenticated",
            |_, t, _| {
                t.practice = demanding();
                t.proof = Proof::Authenticated;
            },
        ),
        ("no practice", |_, t, _| t.practice = Fact::Unknown),
        ("temporary", |_, _, s| {
            s.fully_registered = Fact::Known(false)
        }),
        ("restricted", |_, _, s| {
            s.refusal = Some(SourceRefusal::Restricted)
        }),
        ("opted out", |_, _, s| {
            s.sharing = Fact::Known(SharingFact::OptedOut)
        }),
        ("opted out before", |_, _, s| {
            s.remembered_opt_out = Fact::Known(Some(ods("Z99002")))
        }),
        ("opted out before, express now", |_, _, s| {
            s.remembered_opt_out = Fact::Known(Some(ods("Z99002")));
            s.sharing = Fact::Known(SharingFact::Express);
        }),
        ("opt-out unknown", |_, _, s| s.sharing = Fact::Unknown),
        ("another person at the source", |_, _, s| {
            s.identity = Fact::Known(IdentityFindings {
                family: false,
                given: true,
                birth_date: false,
            })
        }),
    ];

    let register = crate::sandbox::register::tests::sandbox_register();
    let today = crate::sandbox::register::tests::TODAY;
    let mut out = String::from(
        "# Who may look: every user of the sandbox, every purpose, every basis, every kind of patient.\n\
         # Generated by the decisions themselves; UPDATE_GOLDEN=1 writes it anew. Read a change before you keep it.\n\
         # `heard` is what the caller learns; a patient who is not named has the line's outcome.\n",
    );
    for user in register.users.values() {
        // One user everywhere, so that every organisation is in the table; the others where they belong.
        let viewers: Vec<OdsCode> = match user.username.as_str() {
            "clinician" => register.organisations.keys().cloned().collect(),
            _ if user.organisations.is_empty() => vec![ods("Z9O01")],
            _ => user.organisations.clone(),
        };
        for viewer in &viewers {
            for purpose in ["TREAT", "HRESCH", "HOPERAT"] {
                let _ = writeln!(
                    out,
                    "\n{} ({}) at {viewer}, {purpose}",
                    user.username, user.role
                );
                for (name, basis) in &bases {
                    let purposes: Vec<String> = match (basis, purpose) {
                        (Basis::Override { .. }, "TREAT") => {
                            vec!["BTG".to_owned(), "ETREAT".to_owned()]
                        }
                        _ => vec![purpose.to_owned()],
                    };
                    let outcomes: Vec<(&str, String)> = patients
                        .iter()
                        .map(|(patient, change)| {
                            let (mut b, mut t, mut s) = (
                                of_register(&register, today, &user.username, viewer),
                                good_trace(),
                                good_source(),
                            );
                            b.purposes.clone_from(&purposes);
                            b.basis = Fact::Known(*basis);
                            t.basis = *basis;
                            change(&mut b, &mut t, &mut s);
                            (*patient, outcome(b, t, s))
                        })
                        .collect();
                    write_line(&mut out, name, &outcomes);
                }
            }
        }
    }
    other_uses(&mut out, &register, today);
    out
}

/// A practice that takes part and does not take a clinician's identity on somebody's word.
fn demanding() -> Fact<PracticeFacts> {
    Fact::Known(PracticeFacts {
        ods: ods("Z99001"),
        signed: true,
        enabled: true,
        demands_proof: true,
    })
}

/// Every flow of the sandbox that is not for direct care: what is asked for, on what basis, about whom (S3; R170 to R177).
fn other_uses(out: &mut String, register: &crate::register::Register, today: jiff::civil::Date) {
    let viewer = ods("Z9R01");
    let this_use = |to_this_use| {
        Basis::Consent(Talk {
            to_this_use,
            ..GOOD
        })
    };
    let refuses = Basis::Consent(Talk {
        answer: Answer::No,
        to_this_use: Some(true),
        ..GOOD
    });
    type Patient = (&'static str, fn(&mut BeforeInputs, &mut AfterSourceInputs));
    let patients: [Patient; 7] = [
        ("adult without national opt-out", |_, _| {}),
        ("national opt-out, or never asked about", |_, s| {
            if s.cleared.is_some() {
                s.cleared = Some(Fact::Unknown);
            }
        }),
        ("cleared too long ago", |_, s| {
            if s.cleared.is_some() {
                s.cleared = Some(Fact::Known(false));
            }
        }),
        ("opted out at the practice", |_, s| {
            s.sharing = Fact::Known(SharingFact::OptedOut)
        }),
        ("refusal stands", |b, _| {
            b.refusal_stands = Fact::Known(true)
        }),
        ("refused care by the same person", |b, _| {
            b.also_refused = vec!["TREAT".to_owned()];
        }),
        ("restricted", |_, s| {
            s.refusal = Some(SourceRefusal::Restricted)
        }),
    ];
    let purposes = [
        "HRESCH",
        "PUBHLTH",
        "HOPERAT",
        "HLEGAL",
        "HQUALIMP",
        "CLINTRCH",
        "HSYSADMIN",
        "HRESCH TREAT",
        "HRESCH PUBHLTH",
        "HRESCH BTG ETREAT",
    ];
    for (day, on) in [
        (today, "today"),
        (
            today.checked_add(jiff::Span::new().days(400)).unwrap(),
            "in 400 days",
        ),
    ] {
        for purpose in purposes {
            let _ = writeln!(
                out,
                "\nresearcher (research-clinician) at {viewer}, {purpose}, {on}"
            );
            let own: TabSet = register
                .protocols
                .values()
                .filter(|flow| flow.viewer == viewer && purpose.starts_with(&flow.purposes[0]))
                .flat_map(|flow| flow.roles.values().flat_map(|tabs| tabs.iter()))
                .collect();
            for (asks, asked) in [
                ("the flow's tabs", Some(own)),
                ("another tab", Some([Tab::Summary].into_iter().collect())),
                ("every tab", Some(TabSet::ALL)),
                ("no tab named", None),
            ] {
                for (name, basis) in [
                    ("nothing but the gateway", Basis::Gateway),
                    ("yes, to this use", this_use(Some(true))),
                    ("yes, to treatment", this_use(None)),
                    ("yes, to another use", this_use(Some(false))),
                    ("no", refuses),
                    ("override", OVERRIDE),
                ] {
                    let outcomes: Vec<(&str, String)> = patients
                        .iter()
                        .map(|(patient, change)| {
                            let mut b = of_register(register, day, "researcher", &viewer);
                            b.purposes = purpose.split(' ').map(str::to_owned).collect();
                            b.asked = asked.map(TabCodes);
                            b.treatment_registered = Fact::Known(false);
                            b.basis = Fact::Known(basis);
                            if let Fact::Known(viewer) = &mut b.viewer {
                                viewer.assurance_until = Some(day);
                            }
                            if let Fact::Known(clinician) = &mut b.clinician {
                                clinician.training_until = Some(day);
                            }
                            let mut s = good_source();
                            let gateway = Inputs::Before(b.clone()).decide().gateway;
                            s.cleared = (gateway == Some(GatewayKind::Section251))
                                .then_some(Fact::Known(true));
                            let t = AfterTraceInputs {
                                basis,
                                ..good_trace()
                            };
                            change(&mut b, &mut s);
                            (*patient, outcome(b, t, s))
                        })
                        .collect();
                    write_line(out, &format!("{asks}; {name}"), &outcomes);
                }
            }
        }
    }
}

pub(super) fn of_register(
    register: &crate::register::Register,
    today: jiff::civil::Date,
    username: &str,
    viewer: &OdsCode,
) -> BeforeInputs {
    let holds = Holds::default();
    let view = RegisterView {
        register,
        holds: &holds,
        today,
    };
    let role = &register.users[username].role;
    let good = good_before();
    BeforeInputs {
        today,
        viewer: view.viewer(viewer),
        clinician: view.clinician(username, viewer, viewer, &[]),
        terms: register.agreement.terms.clone(),
        protocols: view.protocols(viewer, Some(role), None, &good.purposes),
        ..good
    }
}

fn outcome(before: BeforeInputs, trace: AfterTraceInputs, source: AfterSourceInputs) -> String {
    let mut tabs = 0;
    for inputs in [
        Inputs::Before(before),
        Inputs::AfterTrace(trace),
        Inputs::AfterSource(source),
    ] {
        let decision = inputs.decide();
        if let Some(rule) = decision.denied_by() {
            let heard = match rule.mendable() {
                Some(_) => "",
                None => " (heard: no-record-available)",
            };
            return format!("{}{heard}", inputs.reason(rule));
        }
        assert!(decision.permitted());
        if matches!(inputs, Inputs::Before(_)) {
            tabs = decision.tabs.iter().count();
        }
    }
    format!("PERMIT, {tabs} tabs")
}

fn write_line(out: &mut String, name: &str, outcomes: &[(&str, String)]) {
    let common = outcomes
        .iter()
        .max_by_key(|(_, outcome)| outcomes.iter().filter(|(_, o)| o == outcome).count())
        .map(|(_, outcome)| outcome.clone())
        .unwrap_or_default();
    // The plain adult's outcome leads, so that a permit is always named first.
    let lead = if outcomes[0].1.starts_with("PERMIT") {
        outcomes[0].1.clone()
    } else {
        common
    };
    let _ = writeln!(out, "  {name}: {lead}");
    for (patient, outcome) in outcomes.iter().filter(|(_, outcome)| *outcome != lead) {
        let _ = writeln!(out, "    {patient}: {outcome}");
    }
}
