//! `openmig explain`: a past decision from the trail, rule by rule, or a question that begins with "what if". Asks nobody.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use uuid::Uuid;

use super::fail;
use super::place::{Opened, Place, today};
use crate::access::basis::Basis;
use crate::access::identity::IdentityFindings;
use crate::access::{
    AfterSourceInputs, AfterTraceInputs, AgeBand, BeforeInputs, Fact, Inputs, Proof, SharingFact,
    TabCodes,
};
use crate::audit::reader::{AuditReader, Filter};
use crate::fhir::{IdKey, PatientId};
use crate::occasion::RegisterView;
use crate::oversight::difference::changes;
use crate::oversight::explain::{explain, moment, other_use, outcome, rules, stage, what_if};
use crate::oversight::try_out::{CONSENT, OVERRIDE, consent_to_this_use};
use crate::record::{NhsNumber, OdsCode};
use crate::register::{GatewayKind, Register, RegisterFiles, use_of};
use crate::sandbox::population;
use crate::store::OccasionStore;
use crate::store::holds::RegisterStore;
use crate::store::terms::TermsStore;
use crate::tabs::catalogue::Tab;

/// Arguments of `openmig explain`.
#[derive(Debug, Args)]
pub struct ExplainCommand {
    #[command(flatten)]
    place: Place,
    /// Id of a row of the trail (an AuditEvent's id), or of a request (`X-Request-Id` of its answer)
    #[arg(required_unless_present = "what_if")]
    row: Option<Uuid>,
    /// Could this person see this tab of this patient, and why not?
    #[arg(long, conflicts_with = "row", requires_all = ["user", "organisation", "patient", "tab"])]
    what_if: bool,
    /// Username
    #[arg(long)]
    user: Option<String>,
    /// Viewing organisation (ODS code)
    #[arg(long)]
    organisation: Option<String>,
    /// FHIR id or NHS number; `-` reads it from standard input, because a command line is seen by everybody who may list processes
    #[arg(long)]
    patient: Option<String>,
    /// Code of the tab
    #[arg(long)]
    tab: Option<String>,
    #[command(flatten)]
    facts: Facts,
}

/// What only a look-up could tell, or what depends on the day: taken as given, never looked up.
#[derive(Debug, Args)]
struct Facts {
    /// The patient's practice (ODS code); where it is not given, the one at which the trail or the sandbox knows the patient
    #[arg(long)]
    practice: Option<String>,
    /// By an emergency override instead of consent
    #[arg(long)]
    by_override: bool,
    /// The clinician signed in, instead of being named by a client
    #[arg(long)]
    authenticated: bool,
    /// For another use than direct care (v3-ActReason code), with whatever consent its legal gateway asks for
    #[arg(long, conflicts_with = "by_override")]
    purpose: Option<String>,
    /// Has a national data opt-out, which counts where section 251 is the gateway
    #[arg(long)]
    national_opt_out: bool,
    /// Not registered for treatment at the viewing organisation
    #[arg(long)]
    not_registered_for_treatment: bool,
    /// The viewing organisation's system does not name the clinician in the patient's treatment
    #[arg(long)]
    no_relationship: bool,
    /// The clinician says that they care for the patient
    #[arg(long)]
    claims_relationship: bool,
    /// The number is not traced
    #[arg(long)]
    untraced: bool,
    /// Marked sensitive by the trace
    #[arg(long)]
    sensitive: bool,
    /// Died
    #[arg(long)]
    deceased: bool,
    /// Under 16; the conversation is then an adult's, and refused for it
    #[arg(long)]
    child: bool,
    /// Temporary or other registration at the practice
    #[arg(long)]
    not_fully_registered: bool,
    /// The practice's system restricts the record
    #[arg(long)]
    restricted: bool,
    /// What the practice's system says of sharing
    #[arg(long, value_enum, default_value = "implied")]
    sharing: SharingSaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SharingSaid {
    Implied,
    Express,
    OptedOut,
    Unknown,
}

/// No id and no NHS number is longer, spaces included.
const LONGEST_ID: u64 = 256;

type Failure = Box<dyn std::error::Error>;

/// Runs the command. 0 = explained, or the answer is yes; 1 = failed; 3 = the answer is no, or the past decision does not replay.
pub fn run(command: ExplainCommand) -> ExitCode {
    let told = match command.row {
        Some(row) => past(&command.place, row),
        None => question(&command),
    };
    match told {
        Ok((text, well)) => {
            print!("{text}");
            if well {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(3)
            }
        }
        Err(error) => fail(&error, 1),
    }
}

fn past(place: &Place, row: Uuid) -> Result<(String, bool), Failure> {
    let Opened {
        register,
        store,
        clock,
    } = place.open()?;
    let by_id = Filter {
        id: Some(row),
        ..Filter::default()
    };
    // A request may have several rows: the one that decided tells most.
    let by_request = Filter {
        request: Some(row.to_string()),
        ..Filter::default()
    };
    let mut found = store.events(&by_id, 1, None)?.events;
    found.extend(store.events(&by_request, 20, None)?.events);
    let event = found
        .iter()
        .find(|event| event.decision.is_some())
        .or_else(|| found.first())
        .ok_or(crate::oversight::explain::ExplainError::NoRow)?;
    let (current, holds) = (register.current(), register.holds(clock.now())?);
    let view = RegisterView {
        register: &current,
        holds: &holds,
        today: today(),
    };
    let accepted = store.acceptances_of(event.clinician.as_deref().unwrap_or_default())?;
    let again = explain(store.as_ref(), event, &view, &accepted)?;
    let mut out = String::new();
    let unknown = "nobody known";
    writeln!(
        out,
        "row {} of {}: {}{}; `{}` for {}, patient {}",
        event.seq,
        moment(event.at),
        event.happening.code(),
        event
            .failure
            .as_ref()
            .map_or_else(String::new, |failure| format!(", failed: {failure}")),
        event.clinician.as_deref().unwrap_or(unknown),
        event.viewer.as_ref().map_or(unknown, |ods| &ods.0),
        event.patient.as_ref().map_or(unknown, PatientId::as_str),
    )?;
    let mut well = true;
    for one in &again {
        let record = &one.record;
        well &= one.same;
        writeln!(out, "\n{}:", stage(&record.inputs))?;
        out.push_str(&rules(&record.rules));
        out.push_str(&other_use(&record.inputs).unwrap_or_default());
        if let Some(protocol) = &record.protocol {
            let law = record.law.as_ref().map_or_else(String::new, |law| {
                format!(
                    "; lawful by UK GDPR {} and {}, {}",
                    law.article_6, law.article_9, law.confidentiality
                )
            });
            writeln!(out, "  in the flow `{protocol}`{law}")?;
        }
        writeln!(
            out,
            "  then: {}",
            outcome(record.reason.as_deref(), record.tabs.0)
        )?;
        writeln!(
            out,
            "  decided again on what was recorded: {}",
            if one.same {
                "the same"
            } else {
                "ANOTHER OUTCOME"
            }
        )?;
        let now = outcome(one.now.reason.as_deref(), one.now.tabs.0);
        if one.differs_now() {
            writeln!(out, "  with the register and the holds of today: {now}")?;
        } else {
            writeln!(out, "  with the register and the holds of today: the same")?;
        }
    }
    if again
        .iter()
        .any(|one| matches!(one.record.inputs, Inputs::OnRead(_)))
    {
        writeln!(
            out,
            "\n(the occasion is taken as it stood then: time itself would have closed it)"
        )?;
    }
    then_and_now(&mut out, event.policy.as_deref(), &current, store.as_ref())?;
    Ok((out, well))
}

/// What has changed in the register since.
fn then_and_now(
    out: &mut String,
    then: Option<&str>,
    now: &Register,
    store: &dyn RegisterStore,
) -> Result<(), Failure> {
    let Some(hash) = then else { return Ok(()) };
    let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
    if hash == now.hash {
        writeln!(
            out,
            "\nthe register is still the one of then ({})",
            short(hash)
        )?;
        return Ok(());
    }
    let kept = store
        .find_register(hash)?
        .and_then(|text| RegisterFiles::from_canonical(&text))
        .filter(|files| files.hash() == hash)
        .and_then(|files| Register::read(&files, today()).ok());
    let Some(kept) = kept else {
        writeln!(
            out,
            "\nthe register of then ({}) is not kept here",
            short(hash)
        )?;
        return Ok(());
    };
    writeln!(
        out,
        "\nthe register has changed since, from {} to {}:",
        short(hash),
        short(&now.hash)
    )?;
    for change in changes(&kept, now, today()) {
        writeln!(out, "  {:<8} {}", change.effect.word(), change.text)?;
    }
    Ok(())
}

fn question(command: &ExplainCommand) -> Result<(String, bool), Failure> {
    let Opened {
        register,
        store,
        clock,
    } = command.place.open()?;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (user, viewer) = (text(&command.user), OdsCode(text(&command.organisation)));
    let asked = match command.patient.as_deref() {
        Some("-") => std::io::read_to_string(std::io::stdin().lock().take(LONGEST_ID))?
            .trim()
            .to_owned(),
        given => given.unwrap_or_default().to_owned(),
    };
    let tab = Tab::from_code(&text(&command.tab)).ok_or("there is no such tab")?;
    let number = NhsNumber::parse(&asked).ok();
    let patient = match &number {
        Some(number) => Some(id_key(&command.place)?.patient(number)),
        None => PatientId::owner_of(&asked),
    }
    .ok_or("the patient is neither an NHS number nor a FHIR id of this gateway")?;
    let facts = &command.facts;
    let (practice, from) = practice(command, &patient, number.as_ref(), store.as_ref())?;
    let decided = match &practice {
        Some(practice) => store.decided_opt_out(&patient, practice)?,
        None => None,
    };
    let now = clock.now();
    let (current, holds) = (register.current(), register.holds(now)?);
    let view = RegisterView {
        register: &current,
        holds: &holds,
        today: today(),
    };
    let purposes: Vec<String> = match (&facts.purpose, facts.by_override) {
        (Some(purpose), _) => vec![purpose.as_str()],
        (None, true) => vec!["BTG", "ETREAT"],
        (None, false) => vec!["TREAT"],
    }
    .into_iter()
    .map(str::to_owned)
    .collect();
    let basis = basis(&current, &viewer, facts);
    let clinician = view.clinician(&user, &viewer, &viewer, &store.acceptances_of(&user)?);
    let role = clinician.known().map(|one| one.role.clone());
    let refused = store.standing_refusals(&viewer, &user, &patient, now)?;
    let (own, other): (Vec<String>, Vec<String>) = refused
        .into_iter()
        .map(|row| row.purpose)
        .partition(|refused| refused == use_of(&purposes));
    let before = BeforeInputs {
        today: view.today,
        network_allowed: Fact::Known(true),
        client_authenticated: Fact::Known(true),
        viewer: view.viewer(&viewer),
        protocols: view.protocols(&viewer, role.as_deref(), None, &purposes),
        clinician,
        terms: current.agreement.terms.clone(),
        purposes,
        asked: Some(TabCodes([tab].into_iter().collect())),
        treatment_registered: Fact::Known(!facts.not_registered_for_treatment),
        linked: Fact::Known(!facts.no_relationship),
        claimed: facts.claims_relationship,
        refusal_stands: Fact::Known(!own.is_empty()),
        also_refused: other,
        basis: Fact::Known(basis),
    };
    let first = Inputs::Before(before.clone()).decide();
    let protocol = first.protocol.clone().unwrap_or_default();
    let trace = AfterTraceInputs {
        traced: Fact::Known(!facts.untraced),
        sensitive: Fact::Known(facts.sensitive),
        deceased: Fact::Known(facts.deceased),
        practice: view.practice(practice.as_ref(), &viewer, &protocol),
        proof: if facts.authenticated {
            Proof::Authenticated
        } else {
            Proof::Asserted
        },
        age: Fact::Known(if facts.child {
            AgeBand::Child
        } else {
            AgeBand::Adult
        }),
        basis,
    };
    let source = AfterSourceInputs {
        practice: practice.clone().unwrap_or_else(|| OdsCode(String::new())),
        refusal: None,
        identity: Fact::Known(IdentityFindings {
            family: true,
            given: true,
            birth_date: true,
        }),
        fully_registered: Fact::Known(!facts.not_fully_registered),
        restricted: Fact::Known(facts.restricted),
        sharing: match facts.sharing {
            // As when it is decided in earnest: what a practice granted here stands, whatever its system says.
            _ if decided.is_some() => Fact::Known(SharingFact::OptedOut),
            SharingSaid::Implied => Fact::Known(SharingFact::Implied),
            SharingSaid::Express => Fact::Known(SharingFact::Express),
            SharingSaid::OptedOut => Fact::Known(SharingFact::OptedOut),
            SharingSaid::Unknown => Fact::Unknown,
        },
        remembered_opt_out: Fact::Known(store.remembered_opt_out(&patient)?),
        cleared: (first.gateway == Some(GatewayKind::Section251))
            .then_some(Fact::Known(!facts.national_opt_out)),
    };
    let mut out = String::new();
    writeln!(
        out,
        "could `{user}` for {viewer} see the tab `{}` of patient {patient}{}?",
        tab.code(),
        match (&facts.purpose, facts.by_override) {
            (Some(purpose), _) => format!(" for {purpose}"),
            (None, true) => " by override".to_owned(),
            (None, false) => " with consent".to_owned(),
        }
    )?;
    let taken = what_if(vec![
        Inputs::Before(before),
        Inputs::AfterTrace(trace),
        Inputs::AfterSource(source),
    ]);
    let mut refused = None;
    for (inputs, decision) in &taken {
        writeln!(
            out,
            "\n{}:",
            stage(inputs).replace(" was", " is").replace(" had", " has")
        )?;
        out.push_str(&rules(&decision.rules));
        out.push_str(&other_use(inputs).unwrap_or_default());
        refused = decision.denied_by().map(|rule| inputs.reason(rule));
    }
    writeln!(
        out,
        "\nfrom the register, the holds and the store: everything about the organisation, the person, the flow, the practice \
         ({}), standing refusals, opt-outs granted here or remembered",
        practice.as_ref().map_or("unknown", |ods| &ods.0)
    )?;
    writeln!(out, "the practice is {from}")?;
    writeln!(
        out,
        "taken as given, because only a look-up could tell (options change each): network and client in order; {}",
        assumed(facts)
    )?;
    match refused {
        None => writeln!(out, "\nYES, if all that is taken as given is so")?,
        Some(reason) => {
            let entry = crate::access::catalogue::entry(reason);
            writeln!(
                out,
                "\nNO: {reason}: {} {}",
                crate::access::catalogue::description(reason),
                entry.map_or("", |entry| entry.action.as_str())
            )?;
        }
    }
    Ok((out, refused.is_none()))
}

/// The conversation or emergency to decide on; for another use, what its flow's gateway asks for.
fn basis(register: &Register, viewer: &OdsCode, facts: &Facts) -> Basis {
    let Some(purpose) = &facts.purpose else {
        return if facts.by_override { OVERRIDE } else { CONSENT };
    };
    let consent = register.protocols.values().any(|flow| {
        let gateway = flow.gateway.as_ref().map(|gateway| gateway.kind);
        flow.viewer == *viewer
            && flow.purposes.contains(purpose)
            && gateway == Some(GatewayKind::ExplicitConsent)
    });
    if consent {
        consent_to_this_use()
    } else {
        Basis::Gateway
    }
}

fn assumed(facts: &Facts) -> String {
    let pick = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    [
        pick(
            facts.authenticated,
            "clinician signed in",
            "clinician named by the client",
        ),
        pick(
            facts.not_registered_for_treatment,
            "not registered for treatment",
            "registered for treatment",
        ),
        match (facts.no_relationship, facts.claims_relationship) {
            (false, _) => "clinician named in the treatment",
            (true, false) => "clinician not named in the treatment",
            (true, true) => "clinician not named in the treatment, claims to care for the patient",
        },
        pick(facts.untraced, "number not traced", "number traced"),
        pick(facts.sensitive, "sensitive", "not sensitive"),
        pick(facts.deceased, "deceased", "alive"),
        pick(facts.child, "under 16", "16 or over"),
        pick(
            facts.not_fully_registered,
            "not fully registered",
            "fully registered",
        ),
        pick(
            facts.restricted,
            "record restricted",
            "record not restricted",
        ),
        match facts.sharing {
            SharingSaid::Implied => "sharing not objected to",
            SharingSaid::Express => "sharing expressly consented to",
            SharingSaid::OptedOut => "opted out",
            SharingSaid::Unknown => "opt-out not known",
        },
    ]
    .join(", ")
}

/// The practice to decide on, and how it is known. Nobody outside is asked.
fn practice(
    command: &ExplainCommand,
    patient: &PatientId,
    number: Option<&NhsNumber>,
    trail: &dyn AuditReader,
) -> Result<(Option<OdsCode>, &'static str), Failure> {
    if let Some(given) = &command.facts.practice {
        return Ok((Some(OdsCode(given.clone())), "as given"));
    }
    let filter = Filter {
        patient: Some(patient.clone()),
        ..Filter::default()
    };
    let page = trail.events(&filter, 50, None)?;
    if let Some(ods) = page.events.into_iter().find_map(|event| event.practice) {
        return Ok((Some(ods), "the one that the trail knows last"));
    }
    let key = command.place.is_sandbox().then(crate::sandbox::run::id_key);
    if let Some(key) = key {
        let known = population::contract(today()).into_iter().find(|person| {
            number.is_some_and(|number| number.as_str() == person.nhs_number)
                || NhsNumber::parse(&person.nhs_number)
                    .is_ok_and(|number| key.patient(&number) == *patient)
        });
        if let Some(person) = known {
            return Ok((
                Some(OdsCode(person.practice.to_owned())),
                "the one of the sandbox's contract",
            ));
        }
    }
    Ok((None, "not known: give it with --practice"))
}

fn id_key(place: &Place) -> Result<IdKey, Failure> {
    if place.is_sandbox() {
        return Ok(crate::sandbox::run::id_key());
    }
    Ok(place.id_key()?)
}
