//! `powerhouse/document-drive` (reactor format §7).

use crate::reducer::{Fingerprint, Fold, FoldError, Model, ModelId, ModelKind};

/// The model.
pub struct Drive;

/// The id the model is registered under.
#[must_use]
pub fn id() -> ModelId {
    ModelId { document_type: "powerhouse/document-drive".into(), version: 1 }
}

impl Model for Drive {
    fn kind(&self) -> ModelKind {
        ModelKind::Native
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new("native-drive-1".to_owned())
    }

    fn fold(&self) -> Result<Box<dyn Fold>, FoldError> {
        Err(FoldError::Unsupported("drive".into()))
    }
}
