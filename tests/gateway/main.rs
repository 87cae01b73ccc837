//! One integration binary: the real router and the real mock sources over real sockets, driven by HTTP alone.
//!
//! `support` starts the sandboxes. Tests that only read share one; tests that count, move the clock or make a source
//! misbehave share another, one at a time; tests that break something start their own.
#![cfg(test)]

mod ends;
mod reload;
mod stages;
mod support;

mod accounting;
mod alike;
mod audit;
mod bad_input;
mod browser;
mod clients;
mod commands;
mod crawl;
mod cross_source;
mod documented;
mod edge;
mod exclusions;
mod explain;
mod external;
mod faults;
mod fields;
mod forms;
mod free_text;
mod free_text_served;
mod heads;
mod holds;
mod launch;
mod layering;
mod mapping_tables;
mod oracle;
mod oversight;
mod patients;
mod people;
mod point_of_care;
mod population;
mod protocol;
mod provider_faults;
mod providers;
mod purposes;
mod relationship;
mod replicas;
mod reports;
mod requirements;
mod scopes;
mod secrets;
mod tabs;
mod telemetry;
mod terms;
mod tokens;
mod trail;
mod withdrawal;
