//! The columns of a row, whichever database it is from.

use sqlx::Error;

/// A row that is read column by column.
pub(super) trait Columns {
    fn text_or_none(&self, column: &'static str) -> Result<Option<String>, Error>;
    fn number_or_none(&self, column: &'static str) -> Result<Option<i64>, Error>;
    fn real(&self, column: &'static str) -> Result<f64, Error>;
    fn flag(&self, column: &'static str) -> Result<bool, Error>;

    fn text(&self, column: &'static str) -> Result<String, Error> {
        self.text_or_none(column)?.ok_or_else(|| empty(column))
    }

    fn number(&self, column: &'static str) -> Result<i64, Error> {
        self.number_or_none(column)?.ok_or_else(|| empty(column))
    }
}

fn empty(column: &str) -> Error {
    Error::Decode(format!("there is no {column}").into())
}

macro_rules! columns_of {
    ($row:ty) => {
        impl Columns for $row {
            fn text_or_none(&self, column: &'static str) -> Result<Option<String>, Error> {
                sqlx::Row::try_get(self, column)
            }

            fn number_or_none(&self, column: &'static str) -> Result<Option<i64>, Error> {
                sqlx::Row::try_get(self, column)
            }

            fn real(&self, column: &'static str) -> Result<f64, Error> {
                sqlx::Row::try_get(self, column)
            }

            fn flag(&self, column: &'static str) -> Result<bool, Error> {
                sqlx::Row::try_get(self, column)
            }
        }
    };
}

columns_of!(sqlx::sqlite::SqliteRow);
columns_of!(sqlx::postgres::PgRow);
