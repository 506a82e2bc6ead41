//! Which models have made a state.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::model::checksum::Checksum;
use crate::model::ids::{DocumentType, Fingerprint};
use crate::reducer::{ModelId, Registry, RegistryError};

/// The models that have made a state: one, or one for each version that the document has had until then.
pub(super) struct Models<'a> {
    registry: &'a Registry,
    document_type: DocumentType,
    versions: SmallVec<[u32; 4]>,
}

impl<'a> Models<'a> {
    /// The models of some versions of a document type, in the order in which they ran.
    pub(super) fn new(
        registry: &'a Registry,
        document_type: &DocumentType,
        versions: impl IntoIterator<Item = u32>,
    ) -> Self {
        Models { registry, document_type: document_type.clone(), versions: versions.into_iter().collect() }
    }

    /// The fingerprint of the model; of several one that depends on all of them. Versions that are served by one model
    /// count as one.
    ///
    /// # Errors
    /// `ModelMissing`.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint, RegistryError> {
        let mut all: SmallVec<[Fingerprint; 4]> = SmallVec::new();
        for &version in &self.versions {
            let id = ModelId { document_type: self.document_type.clone(), version };
            all.push(self.registry.model(&id)?.fingerprint());
        }
        all.dedup();
        match &all[..] {
            [one] => Ok(one.clone()),
            several => {
                let mut all = Vec::new();
                for fingerprint in several {
                    all.extend_from_slice(&(fingerprint.as_str().len() as u64).to_le_bytes());
                    all.extend_from_slice(fingerprint.as_str().as_bytes());
                }
                Ok(format!("models-{}", Checksum::of(&all)).into())
            }
        }
    }
}

/// The fingerprints that the models of a document type can give, whatever versions a document has gone through: a record
/// with another one is of models that are no longer there.
#[must_use]
pub fn fingerprints(registry: &Registry, document_type: &DocumentType) -> BTreeSet<Fingerprint> {
    /// With more versions than this, only those are looked at that follow each other.
    const MOST: usize = 10;
    let known = registry.models();
    let of_type: Vec<_> = known.iter().filter(|known| known.document_type == document_type).collect();
    if let Some(any) = of_type.iter().find(|known| known.version.is_none()) {
        return [any.model.fingerprint()].into();
    }
    let versions: Vec<u32> = of_type.iter().filter_map(|known| known.version).collect();
    let of =
        |versions: &mut dyn Iterator<Item = u32>| Models::new(registry, document_type, versions).fingerprint().ok();
    if versions.len() > MOST {
        let runs = (0..versions.len()).flat_map(|from| (from + 1..=versions.len()).map(move |to| from..to));
        return runs.filter_map(|run| of(&mut versions[run].iter().copied())).collect();
    }
    let chosen = |set: u32| versions.iter().enumerate().filter(move |(n, _)| set >> n & 1 == 1).map(|(_, id)| *id);
    (1..1_u32 << versions.len()).filter_map(|set| of(&mut chosen(set))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reducer::AliasStep;
    use crate::reducer::generic::GenericKind;

    #[test]
    fn a_fingerprint_depends_on_every_model_that_ran() {
        let (mut registry, drive) = (Registry::built_in(), crate::reducer::native::drive::id());
        let second = ModelId { version: 2, ..drive.clone() };
        registry.alias(second, &drive, AliasStep::Identity).unwrap();
        let of = |registry: &Registry, versions: &[u32]| {
            Models::new(registry, &drive.document_type, versions.iter().copied()).fingerprint().unwrap()
        };
        let one = of(&registry, &[1]);
        assert_eq!(of(&registry, &[1, 2]), one, "one model");
        let generic = registry.model(&ModelId { document_type: "set".into(), version: 1 }).unwrap();
        registry.insert(ModelId { version: 2, ..drive.clone() }, generic);
        let both = of(&registry, &[1, 2]);
        assert!(both != one && both != of(&registry, &[2]) && both != of(&registry, &[2, 1]));
        assert!(both.as_str().starts_with("models-") && !both.as_str().contains(' '));
        assert!(Models::new(&registry, &drive.document_type, [1, 9]).fingerprint().is_err());
        let all = fingerprints(&registry, &drive.document_type);
        assert_eq!(all, [one, of(&registry, &[2]), both].into());
        registry.serve(&drive.document_type, GenericKind::Set);
        assert_eq!(fingerprints(&registry, &drive.document_type), [of(&registry, &[7])].into());
        assert_eq!(of(&registry, &[1, 2, 3]), of(&registry, &[7]));
    }
}
