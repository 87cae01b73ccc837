//! EMIS-style source: SOAP and ITK around OpenHR 2.1 or an EMIS Open `MedicalRecord`.
