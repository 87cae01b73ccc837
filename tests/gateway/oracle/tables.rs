//! How an STU3 code of GP Connect reads in R4, as EMIS Web uses it. A code that is not here is the same in both.

/// (resource.element, STU3, R4, why).
pub const STATUS: &[(&str, &str, &str, &str)] = &[
    (
        "Observation.status",
        "unknown",
        "final",
        "EMIS sends `unknown` with every filed result and says nothing of a status in its own record: no resultStatus is a filed result",
    ),
    (
        "DiagnosticReport.status",
        "unknown",
        "final",
        "the same, for the report",
    ),
    (
        "MedicationRequest.status",
        "stopped",
        "cancelled",
        "an issue that was cancelled: R4 keeps `stopped` for what was being taken",
    ),
    (
        "Observation.interpretation",
        "HI - Above high reference limit",
        "H",
        "HL7 v3 code for EMIS's words",
    ),
    (
        "Observation.interpretation",
        "LO - Below low reference limit",
        "L",
        "HL7 v3 code for EMIS's words",
    ),
    (
        "Observation.interpretation",
        "OR - Outside reference range",
        "A",
        "HL7 v3 code for EMIS's words",
    ),
    (
        "Observation.interpretation",
        "PA - Potentially abnormal",
        "A",
        "HL7 v3 code for EMIS's words",
    ),
    (
        "MedicationRequest.courseOfTherapyType",
        "repeat",
        "continuous",
        "HL7 course of therapy",
    ),
    (
        "MedicationRequest.courseOfTherapyType",
        "repeat-dispensing",
        "continuous-repeating-dispensing",
        "UK Core course of therapy",
    ),
    (
        "DiagnosticReport.category",
        "PAT",
        "LAB",
        "EMIS calls every laboratory report pathology; UK Core's laboratory profile wants LAB",
    ),
];

/// The R4 code of an STU3 code, and whether the table was needed.
pub fn r4(element: &str, stu3: &str) -> Option<&'static str> {
    STATUS
        .iter()
        .find(|(of, from, _, _)| *of == element && *from == stu3)
        .map(|(_, _, to, _)| *to)
}
