//! Who was used when: a list in which a look moves to the front, all in constant time.

/// Things in the order in which they were last used.
#[derive(Debug)]
pub(super) struct Recency<T> {
    nodes: Vec<Node<T>>,
    /// Nodes that nobody has.
    free: Vec<usize>,
    most: Option<usize>,
    least: Option<usize>,
}

/// Where a thing is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

#[derive(Debug)]
struct Node<T> {
    /// `None` for a free one.
    thing: Option<T>,
    /// The next more recent one.
    newer: Option<usize>,
    /// The next less recent one.
    older: Option<usize>,
}

impl<T> Default for Recency<T> {
    fn default() -> Self {
        Recency { nodes: Vec::new(), free: Vec::new(), most: None, least: None }
    }
}

impl<T> Recency<T> {
    /// Adds the most recent thing.
    pub(super) fn add(&mut self, thing: T) -> Place {
        let node = Node { thing: Some(thing), newer: None, older: None };
        let at = if let Some(at) = self.free.pop() {
            self.nodes[at] = node;
            at
        } else {
            self.nodes.push(node);
            self.nodes.len() - 1
        };
        self.link(at);
        Place(at)
    }

    /// Makes a thing the most recent one.
    pub(super) fn touch(&mut self, Place(at): Place) {
        if self.most != Some(at) {
            self.unlink(at);
            self.link(at);
        }
    }

    /// Takes a thing out; its place is void.
    pub(super) fn remove(&mut self, Place(at): Place) {
        self.unlink(at);
        self.nodes[at].thing = None;
        self.free.push(at);
    }

    /// The thing that was not used for longest.
    pub(super) fn least_recent(&self) -> Option<&T> {
        self.least.and_then(|at| self.nodes[at].thing.as_ref())
    }

    fn link(&mut self, at: usize) {
        let before = self.most.replace(at);
        (self.nodes[at].newer, self.nodes[at].older) = (None, before);
        match before {
            Some(before) => self.nodes[before].newer = Some(at),
            None => self.least = Some(at),
        }
    }

    fn unlink(&mut self, at: usize) {
        let Node { newer, older, .. } = self.nodes[at];
        match newer {
            Some(newer) => self.nodes[newer].older = older,
            None => self.most = older,
        }
        match older {
            Some(older) => self.nodes[older].newer = newer,
            None => self.least = newer,
        }
    }
}
