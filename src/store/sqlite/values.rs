//! Values of this program as SQLite holds them.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::fhir::PatientId;
use crate::record::OdsCode;

/// A time as whole microseconds since 1970. What is finer is cut off, so that nothing lives longer than it was told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Micros(pub Timestamp);

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_microsecond().into())
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        Timestamp::from_microsecond(micros)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(micros))
    }
}

/// A patient's id.
pub(super) struct Patient(pub PatientId);

impl FromSql for Patient {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        PatientId::owner_of(value.as_str()?)
            .map(Self)
            .ok_or(FromSqlError::InvalidType)
    }
}

/// An ODS code.
pub(super) struct Ods(pub OdsCode);

impl FromSql for Ods {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(OdsCode(value.as_str()?.to_owned())))
    }
}
