//! Queries in the API's words (OData 4): the one place where values are escaped.

use std::fmt::Write as _;

/// A query of one resource, put together clause by clause.
#[derive(Debug, Clone)]
pub(super) struct Query {
    path: String,
    clauses: Vec<String>,
}

impl Query {
    /// A query of all of `resource`.
    pub(super) fn of(resource: &str) -> Self {
        Query { path: resource.to_owned(), clauses: Vec::new() }
    }

    /// A query of the one with this key: a number, or `name='text'`.
    pub(super) fn with_key(resource: &str, key: &str) -> Self {
        Query { path: format!("{resource}({})", encoded(key)), clauses: Vec::new() }
    }

    pub(super) fn select(self, fields: &str) -> Self {
        self.clause("$select", fields)
    }

    pub(super) fn expand(self, expansion: &str) -> Self {
        self.clause("$expand", expansion)
    }

    pub(super) fn filter(self, condition: &str) -> Self {
        self.clause("$filter", condition)
    }

    pub(super) fn order_by(self, order: &str) -> Self {
        self.clause("$orderby", order)
    }

    pub(super) fn top(self, count: usize) -> Self {
        self.clause("$top", &count.to_string())
    }

    fn clause(mut self, name: &str, value: &str) -> Self {
        self.clauses.push(format!("{name}={}", encoded(value)));
        self
    }

    /// The path and the query as they stand in a URL.
    pub(super) fn url(&self) -> String {
        match self.clauses.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, self.clauses.join("&")),
        }
    }
}

/// A text as a literal: quotes are doubled.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The condition that a field is one of these IDs.
pub(super) fn one_of(field: &str, ids: &[u64]) -> String {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    format!("{field} in ({})", ids.join(","))
}

/// Percent-encodes all that ends a clause or has another meaning in a URL (RFC 3986, section 2.2); the rest
/// of OData's punctuation stays as it is.
fn encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'(' | b')' | b'=' | b',' | b';' | b':' | b'/'
            | b'\'' => encoded.push(char::from(byte)),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_value_holds_it_stays_a_value() {
        for (value, literal) in [
            ("a", "'a'"),
            ("a'b", "'a''b'"),
            ("1.2.3+rev4", "'1.2.3%2Brev4'"),
            ("a&$filter=x#%", "'a%26$filter=x%23%25'"),
            ("ü ?", "'%C3%BC%20%3F'"),
        ] {
            let query = Query::of("release").filter(&format!("commit eq {}", text(value)));
            assert_eq!(query.url(), format!("release?$filter=commit%20eq%20{literal}"));
        }
        let fleet = Query::with_key("application", &format!("slug={}", text("org/fl?eet")));
        assert_eq!(fleet.select("id").url(), "application(slug='org/fl%3Feet')?$select=id");
    }

    #[test]
    fn a_list_of_ids_is_one_condition() {
        assert_eq!(one_of("id", &[3, 5]), "id in (3,5)");
    }
}
