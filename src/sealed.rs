//! Small JSON documents of Remora's own that tell whether a disk or a person has changed them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::image::Digest;

/// The key of the digest of the document without this key, as JSON without blanks.
const SUM: &str = "sum";

/// Returns the document of `record`, which must be a struct, with the digest of the rest of it.
pub(crate) fn seal(record: &impl Serialize) -> Vec<u8> {
    let mut document = serde_json::to_value(record).expect("plain data");
    let sum = sum_of(&document);
    if let Value::Object(fields) = &mut document {
        fields.insert(SUM.to_owned(), Value::String(sum));
    }
    let mut bytes = serde_json::to_vec_pretty(&document).expect("plain data");
    bytes.push(b'\n');
    bytes
}

/// Reads such a document; one from before there were digests is taken as it is.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut document: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let sum = document.as_object_mut().and_then(|fields| fields.shift_remove(SUM));
    if sum.is_some_and(|sum| sum != Value::String(sum_of(&document))) {
        return Err("somebody, or the disk, has changed it".to_owned());
    }
    serde_json::from_value(document).map_err(|error| error.to_string())
}

fn sum_of(document: &Value) -> String {
    Digest::of(document.to_string().as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Record {
        name: String,
        number: u64,
        #[serde(default)]
        later: Option<u64>,
    }

    #[test]
    fn a_document_whose_bits_were_changed_is_told() {
        let record = Record { name: "app".to_owned(), number: 7, later: None };
        let sealed = seal(&record);
        assert_eq!(unseal::<Record>(&sealed).as_ref(), Ok(&record));
        let mut told = 0;
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            match unseal::<Record>(&changed) {
                // A blank may be another blank, and without its key the digest counts for an unknown field.
                Ok(read) => assert_eq!(read, record, "byte {place}"),
                Err(_) => told += 1,
            }
        }
        assert!(told > sealed.len() / 2, "{told} of {}", sealed.len());
    }

    #[test]
    fn documents_of_older_and_of_newer_versions_are_read() {
        let old = br#"{"name":"app","number":7}"#;
        let record = Record { name: "app".to_owned(), number: 7, later: None };
        assert_eq!(unseal::<Record>(old).as_ref(), Ok(&record));
        #[derive(Serialize)]
        struct Newer {
            name: &'static str,
            number: u64,
            unknown: &'static str,
        }
        let newer = seal(&Newer { name: "app", number: 7, unknown: "field" });
        assert_eq!(unseal::<Record>(&newer).as_ref(), Ok(&record));
    }
}
