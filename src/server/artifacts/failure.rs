//! What the place of the files says when something can't be done.

use crate::server::ServerError;

/// An error of the place, without what it says of URLs: they may carry signatures.
pub(super) fn failure(action: &'static str, error: &object_store::Error) -> ServerError {
    tracing::debug!("{action} v2 deltas: {error:?}");
    let reason = match error {
        object_store::Error::NotFound { .. } => "not found".to_owned(),
        object_store::Error::PermissionDenied { .. } => "permission denied".to_owned(),
        object_store::Error::Unauthenticated { .. } => {
            "the credentials are not accepted".to_owned()
        }
        object_store::Error::Generic { source, .. } => root_cause(&**source),
        _ => "refused".to_owned(),
    };
    ServerError::Artifacts { action, reason }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text: String = cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    if text.contains("://") {
        "the place for v2 files does not answer as it should".into()
    } else {
        text
    }
}
