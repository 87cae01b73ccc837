//! What was not read into the record, and why, in stable words (design.md 3: never lose silently).
//!
//! The words: `free-text` (never leaves), `deleted`, `reference-only`, `duplicate`, `duplicate-id`, `unparsed-date`,
//! `number-respelled` (the same number in another spelling: JSON cannot say `007`), `dangling-link`, `cyclic-link`, `missing-id`, `other-patient`, `header-range`, `administrative` (the practice's own business:
//! registration details, plumbing, money), `no-place` (known, clinical or nearly so, but the record has no field for it)
//! and `unknown-element` (not in the supplier's schema).

use std::collections::HashSet;
use std::sync::Arc;

use crate::record::{Coded, Loss, PartialDate};
use crate::source::emis::dates::Unreadable;
use crate::source::xml::Element;

/// Where a loss happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Spot {
    pub path: String,
    pub id: Option<Arc<str>>,
    pub code: Option<Arc<str>>,
}

impl Spot {
    pub fn new(path: impl Into<String>, id: Option<&str>) -> Self {
        Self {
            path: path.into(),
            id: id.map(Into::into),
            code: None,
        }
    }

    /// The same spot, now that its code is known.
    pub fn coded(mut self, code: &Coded) -> Self {
        self.code = code.codings.first().map(|c| c.code.as_str().into());
        self
    }
}

/// Bytes of a loss and of the room for it in their list while that grows.
const LOSS: usize = 2 * size_of::<Loss>() + size_of::<Loss>() / 4;
/// Bytes of a word beside its letters.
const WORD: usize = 16;
/// The same of a path, with its place in the set of all paths while that grows.
const PATH: usize = 100;

/// The losses of one message.
#[derive(Debug, Default)]
pub(super) struct Losses {
    list: Vec<Loss>,
    /// Every path once.
    paths: HashSet<Arc<str>>,
    /// Bytes of the words, each counted where it is kept first.
    words: usize,
}

impl Losses {
    /// Notes one loss; `below` is the path from the spot (empty: the spot itself).
    pub fn add(&mut self, spot: &Spot, below: &str, reason: &'static str) {
        let path = if below.is_empty() {
            spot.path.clone()
        } else {
            format!("{}/{below}", spot.path)
        };
        let path = match self.paths.get(path.as_str()) {
            Some(path) => Arc::clone(path),
            None => {
                let path: Arc<str> = path.into();
                self.words += PATH + path.len();
                self.paths.insert(Arc::clone(&path));
                path
            }
        };
        // What only its spot has is kept for this loss.
        let own = [&spot.id, &spot.code].into_iter().flatten();
        let own = own.filter(|word| Arc::strong_count(word) == 1);
        self.words += own.map(|word| WORD + word.len()).sum::<usize>();
        if self.list.len() == self.list.capacity() {
            self.list.reserve_exact(self.list.len() / 4 + 64);
        }
        self.list.push(Loss {
            path,
            native_id: spot.id.clone(),
            code: spot.code.clone(),
            reason,
        });
    }

    /// Bytes that they take.
    pub fn weight(&self) -> usize {
        self.list.len() * LOSS + self.words
    }

    /// Each of them.
    pub fn into_list(self) -> Vec<Loss> {
        self.list
    }

    /// A date, or none and a loss.
    pub fn date(
        &mut self,
        spot: &Spot,
        below: &str,
        date: Result<PartialDate, Unreadable>,
    ) -> Option<PartialDate> {
        match date {
            Ok(PartialDate::Unknown) => None,
            Ok(date) => Some(date),
            Err(Unreadable) => {
                self.add(spot, below, "unparsed-date");
                None
            }
        }
    }

    /// An instant, or none and a loss.
    pub fn instant(
        &mut self,
        spot: &Spot,
        below: &str,
        text: Option<&str>,
    ) -> Option<jiff::Timestamp> {
        let read = crate::source::emis::dates::instant(text?);
        if read.is_err() {
            self.add(spot, below, "unparsed-date");
        }
        read.ok()
    }

    /// A number that FHIR holds in another spelling is the same number, but not what was sent.
    pub fn number(&mut self, spot: &Spot, below: &str, text: Option<&str>) {
        if text.is_some_and(crate::source::emis::values::is_respelled) {
            self.add(spot, below, "number-respelled");
        }
    }

    /// Counts all that nobody asked for in this element.
    pub fn sweep(&mut self, spot: &Spot, element: &Element) {
        element.unread(&mut |path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            self.add(spot, path, reason(name));
        });
    }

    /// Counts all that nobody asked for in this element, for one reason.
    pub fn rest(&mut self, spot: &Spot, element: &Element, reason: &'static str) {
        element.unread(&mut |path| self.add(spot, path, reason));
    }

    /// Counts an element that is not read at all.
    pub fn whole(&mut self, spot: &Spot, element: &Element, reason: &'static str) {
        element.settle();
        if !element.is_blank() {
            self.add(spot, &element.name, reason);
        }
    }
}

/// Why an element of this name is not read.
fn reason(name: &str) -> &'static str {
    if FREE_TEXT.contains(&name) {
        "free-text"
    } else if ADMINISTRATIVE.contains(&name) || name.starts_with("@audit") {
        "administrative"
    } else if NO_PLACE.contains(&name) {
        "no-place"
    } else {
        "unknown-element"
    }
}

/// Elements that hold what somebody typed, in both formats.
pub(super) const FREE_TEXT: &[&str] = &[
    // OpenHR
    "associatedText",
    "reportSummary",
    "comment",
    "clinicalDetails",
    "pharmacyText",
    "patientText",
    "pharmacyMessage",
    "patientMessage",
    "cancellationText",
    "reason",
    "rejectedReason",
    "sectionData",
    "externalConsulter",
    "servicePerson",
    "description",
    "documentData",
    "data",
    "name",
    "annotations",
    "labDisplayTerm",
    "Notes",
    "notes",
    "durationTerm",
    // EMIS Open
    "DescriptiveText",
    "ExternalConsultant",
    "Comment",
    "PharmacyText",
    "RxText",
    "Advice",
    "UserComment",
    "ClinicalInformation",
    "ReferralReason",
    "RejectionReason",
    "SourceDescription",
    "Title",
    "AttachmentData",
    "Reminder",
    "DurationTerm",
    "Goal",
    "ExpectedValue",
    "ActualValue",
    "NoteText",
    "Reason",
    "ScreenMessage",
    "MedicationMessage",
    "ReportTextList",
    "ClinicalInformationList",
    "SpecimenTextList",
    "LabSpecifiedCommentList",
    "RangeFTXList",
    "CareAimList",
    "CarePlanList",
];

/// Elements that are the practice's or the system's own business, in both formats.
const ADMINISTRATIVE: &[&str] = &[
    // OpenHR, demographics beyond those that leave (R022)
    "callingName",
    "birthSurname",
    "previousSurname",
    "contact",
    "maritalStatus",
    "ethnicGroup",
    "religion",
    "nationality",
    "addressKey",
    "postcodeData",
    "previousGPName",
    "dateOfEntryCountry",
    "dateOfEntryArea",
    "PatientCarerDetails",
    "PatientContact",
    "property",
    "customRegistrationField",
    "emisPatientNumber",
    "problemPage",
    "preferredHCPUserInRole",
    "patientIdentifier",
    "address",
    "caseloadPatient",
    "caseloadPatientHistory",
    "patientPerson",
    "dateRecorded",
    // OpenHR, plumbing
    "template",
    "travelTime",
    "appointmentEvent",
    "accompanyingHCP",
    "@removeComponentsOnDelete",
    "@encoding",
    "@compression",
    "requestLabId",
    "requestDateTimeLab",
    "serviceOrganisation",
    "serviceLocation",
    "messageId",
    "messageInterchange",
    "orderHeader",
    "viewerUserInRole",
    "estimatedNHSCost",
    "pharmacyStamp",
    "dmdUnitOfMeasure",
    "compliance",
    "averageCompliance",
    "authorisingUserInRole",
    "enteredByUserInRole",
    "authorisedDate",
    "minNextIssueDays",
    "maxNextIssueDays",
    "cancelledByUserInRole",
    "linkedEvent",
    "triggerBookSlot",
    "triggerAriveSwap",
    "showConsultation",
    "reminder",
    "owner",
    "childProblem",
    "folder",
    "locator",
    "uploadUserInRole",
    "transport",
    "NHS",
    "community",
    "referralRef",
    "datedReferral",
    // EMIS Open, demographics
    "PreviousNames",
    "CallingName",
    "HomeTelephone",
    "WorkTelephone",
    "Mobile",
    "Email",
    "OldNhsNumber",
    "TradingHaID",
    "WalkingQuarters",
    "Dispensing",
    "RuralMileage",
    "DifficultQuarters",
    "ResidentialInstitute",
    "BlockedSpecial",
    "RecordsAt",
    "HospitalNumbers",
    "DateAdded",
    "HomeAddress",
    "HomeGP",
    "HomeGPCode",
    "CHINumber",
    "FootpathMiles",
    "WaterMiles",
    "ServiceNumber",
    "CustomRegistrationFields",
    "GRONumber",
    "UPCINumber",
    "MaritalStatus",
    "MedicationReviewDate",
    "ExemptionExpiry",
    "ReminderSent",
    "EthnicCode",
    "PrisonNumber",
    "PreviousPrisonNumbers",
    "PrisonDoctorGP",
    "SocialSecurityNumber",
    "SCN",
    "StatusDate",
    "StatusHistoryList",
    "RegistrationHistoryList",
    "HARegistered",
    // EMIS Open, plumbing
    "Sequence",
    "DataSource",
    "AssignedTime",
    "DisplayOrder",
    "ProblemSection",
    "TravelTime",
    "AppointmentSlotID",
    "AccompanyingHCPID",
    "TemplateID",
    "TemplateInstanceID",
    "TemplateComponentName",
    "Template",
    "TemplateComponent",
    "TemplateInstance",
    "GMS",
    "GroupingStatus",
    "ProblemType",
    "Owner",
    "EstimatedCost",
    "DateTimePrint",
    "DateTimeDispense",
    "DispenserID",
    "IssuerID",
    "ControlledDrug",
    "ServiceType",
    "DispensingInterval",
    "RepeatInterval",
    "ETPIssue",
    "MixtureIndicator",
    "DoseAbbreviation",
    "Book",
    "AriveSwap",
    "Address",
    "Version",
    "DDSIdentifier",
    "ReminderType",
    "Consultant",
    "Team",
    "Community",
    "Transport",
    "ReferralRef",
    "SourceType",
    "SourceSpeciality",
    "DatedReferral",
    "ConsultationRef",
    "Box",
    "RequestID",
    "RequestDateTime",
    "CurrentOwner",
    "Identifiers",
    "OriginalRequestor",
    "MessageRecepient",
    "ServiceProvider",
    "OriginalMessageDetails",
    "ViewedBy",
    "TrueReportID",
    "NumberOfTests",
    "RepInvNumber",
    "TestNumber",
    "DataType",
    "UserCommentAppliedBy",
    "InvContainsStandAloneTest",
    "RecordFileStatus",
    "Requestor",
    "CopyTo",
    "FormDestination",
    "HeaderID",
    "LastStatusDate",
    "DateLastXRay",
    "DateCreated",
    "DateForTest",
    "NHS",
    "Priority",
];

/// Elements that say something of the patient's care for which the record has no field, in both formats.
const NO_PLACE: &[&str] = &[
    "qualifier",
    "organisation",
    "location",
    "clinicalPurpose",
    "prescribedAsContraceptive",
    "repeatDispensingInterval",
    "repeatDispensingIssueCount",
    "batchNumber",
    "prescriptionType",
    "mostRecentIssueMethod",
    "firstIssueDate",
    "targetUserInRole",
    "referralActivity",
    "locationType",
    "fastingStatus",
    "volume",
    "volumeUnits",
    "collectionProcedure",
    "anatomicalOrigin",
    "labSpecimenReference",
    "collectionEndDate",
    "eventType",
    "eventLinkType",
    "observation",
    "referenceDocument",
    "constituent",
    "@resultStatus",
    "parentLink",
    "parentProblem",
    "receivedDate",
    "code",
    "value",
    "abnormal",
    "complexObservation",
    "availableRange",
    // EMIS Open
    "QualifierList",
    "ReferralLinkList",
    "LocationID",
    "Exclude",
    "LinkType",
    "DrugSource",
    "DrugDelivery",
    "ContraceptiveIssue",
    "BatchNumber",
    "RepeatIssueCount",
    "PrescriptionType",
    "DateLastIssue",
    "DateRxExpire",
    "RxReviewDate",
    "AuthorisedIssue",
    "IssueCount",
    "Status",
    "Constituents",
    "StrengthQuantity",
    "QualifiedTerm",
    "QualifiedCode",
    "LocationTypeID",
    "InterventionTarget",
    "ReasonTerm",
    "FastingStatus",
    "SpecimenVolume",
    "SpecimenUnits",
    "CollectionProcedure",
    "AnotomicalOrigin",
    "CollectionEndDate",
    "SpecimenType",
    "SpecimenTypeCode",
    "CollectionDate",
    "Reference",
    "ResultsRef",
    "InvestigationRef",
    "ResultsDate",
    "InnoculationRisk",
    "Fasted",
    "LastMenstualPeriod",
    "Pregnant",
    "OrderCategory",
    "Provider",
    "ReportReceivedDateTime",
    "AbnormalIndicator",
    "FiledCode",
];
