//! SystmOne-style source: ClientIntegration `GetPatientRecord` over HTTP POST or raw TCP.
