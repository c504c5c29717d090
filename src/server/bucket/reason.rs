//! What a service says when something can't be done.

/// Why something failed, without what is said of URLs: they may carry signatures.
pub(crate) fn reason(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { .. } => "not found".to_owned(),
        object_store::Error::PermissionDenied { .. } => "permission denied".to_owned(),
        object_store::Error::Unauthenticated { .. } => {
            "the credentials are not accepted".to_owned()
        }
        object_store::Error::Generic { source, .. } => root_cause(&**source),
        _ => "refused".to_owned(),
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text: String = cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    if text.contains("://") { "the service does not answer as it should".into() } else { text }
}
