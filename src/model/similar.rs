//! Names that are like another, for whoever mistyped one.

/// Collects the names that a mistyped word may have meant, the most alike first.
#[derive(Debug)]
pub struct Similar<'a> {
    word: &'a str,
    /// At most [`Similar::MOST`], by distance, difference in length, name.
    found: Vec<(usize, usize, String)>,
}

impl<'a> Similar<'a> {
    /// How many names are kept.
    pub const MOST: usize = 3;

    /// Nothing found yet for `word`.
    #[must_use]
    pub fn to(word: &'a str) -> Self {
        Similar { word, found: Vec::new() }
    }

    /// Looks at a name: is it near enough to be meant as a whole?
    pub fn consider(&mut self, name: &str) {
        self.weigh(name, name);
    }

    /// Looks at a name that may be typed in part: is its beginning near enough to be meant?
    pub fn consider_prefix(&mut self, name: &str) {
        let typed = self.word.chars().count();
        let end = name.char_indices().nth(typed).map_or(name.len(), |(end, _)| end);
        self.weigh(&name[..end], name);
    }

    /// The names, the most alike first.
    #[must_use]
    pub fn into_names(self) -> Vec<String> {
        self.found.into_iter().map(|(.., name)| name).collect()
    }

    /// A word of up to two letters is like nothing; of a longer one, a third may differ.
    fn weigh(&mut self, part: &str, name: &str) {
        let bound = self.word.len() / 3;
        if bound == 0 || part.len().abs_diff(self.word.len()) > bound * 2 {
            return;
        }
        let distance = strsim::osa_distance(self.word, part);
        if distance > bound || self.found.iter().any(|(.., known)| known == name) {
            return;
        }
        let found = (distance, part.len().abs_diff(self.word.len()), name.to_owned());
        let at = self.found.partition_point(|other| *other < found);
        self.found.insert(at, found);
        self.found.truncate(Self::MOST);
    }
}

/// The known word that is most like `word`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    const LONGEST: usize = 200;
    if word.len() > LONGEST {
        return None;
    }
    let scored = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known));
    scored
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= 1 + known.len() / 3)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similar(word: &str, names: &[&str]) -> Vec<String> {
        let mut similar = Similar::to(word);
        for name in names {
            similar.consider(name);
        }
        similar.into_names()
    }

    #[test]
    fn the_nearest_come_first_and_the_far_not_at_all() {
        assert_eq!(similar("fiel-notes", &["field-note", "field-notes", "sketchbook"]), ["field-notes", "field-note"]);
        assert_eq!(similar("nodse", &["node", "nodes", "name"]), ["nodes", "node"]);
        assert_eq!(similar("ab", &["ac"]), Vec::<String>::new());
        let many = ["note-a", "note-b", "note-c", "note-d", "note-a"];
        assert_eq!(similar("note-x", &many), ["note-a", "note-b", "note-c"]);
    }

    #[test]
    fn a_beginning_is_compared_with_a_beginning() {
        let mut similar = Similar::to("f1e1d0c6");
        similar.consider_prefix("f1e1d0c5-0000-4000-8000-000000000001");
        similar.consider_prefix("0b7c7bd5-0000-4000-8000-000000000001");
        similar.consider_prefix("é");
        assert_eq!(similar.into_names(), ["f1e1d0c5-0000-4000-8000-000000000001"]);
    }
}
