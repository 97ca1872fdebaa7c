//! Who is interested in a subject: a tree of tokens whose leaves hold subscriptions.
//!
//! The nodes live in one vector and name each other by number, and every walk is a loop: a subject
//! of two thousand tokens costs memory in proportion, and never the stack. A match visits the
//! branches that the subject can take, not every subscription, however many wildcards there are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::subjects::tokens;

/// A subscription, as the router numbers it.
pub(crate) type SubscriptionId = u64;

type NodeId = usize;

const ROOT: NodeId = 0;

/// Everyone who shares a queue group, by its name. There are few of them for a subject, so a list
/// will do.
type Groups = Vec<(Arc<[u8]>, Vec<SubscriptionId>)>;

#[derive(Debug, Default)]
struct Node {
    /// The next tokens by name.
    literals: HashMap<Box<[u8]>, NodeId>,
    /// The next token is `*`.
    any: Option<NodeId>,
    /// The next and last token is `>`.
    rest: Option<NodeId>,
    /// Subscriptions whose subject ends here.
    plain: Vec<SubscriptionId>,
    groups: Groups,
}

impl Node {
    fn child(&self, token: &[u8]) -> Option<NodeId> {
        match token {
            b"*" => self.any,
            b">" => self.rest,
            name => self.literals.get(name).copied(),
        }
    }

    fn set_child(&mut self, token: &[u8], child: Option<NodeId>) {
        match (token, child) {
            (b"*", child) => self.any = child,
            (b">", child) => self.rest = child,
            (name, Some(child)) => {
                self.literals.insert(name.into(), child);
            }
            (name, None) => {
                self.literals.remove(name);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.literals.is_empty()
            && self.any.is_none()
            && self.rest.is_none()
            && self.plain.is_empty()
            && self.groups.is_empty()
    }
}

/// The subscriptions that a subject reaches.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// Each of them gets the message.
    pub(crate) plain: Vec<SubscriptionId>,
    /// One of each group gets it. A group spans subjects: its name alone makes it one.
    pub(crate) groups: Groups,
}

impl Matches {
    fn add(&mut self, node: &Node) {
        self.plain.extend_from_slice(&node.plain);
        for (name, members) in &node.groups {
            match self.groups.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.extend_from_slice(members),
                None => self.groups.push((Arc::clone(name), members.clone())),
            }
        }
    }
}

/// All interest of all connections.
#[derive(Debug)]
pub(crate) struct Sublist {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
}

impl Sublist {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
        }
    }

    /// Adds a subscription to a valid subject.
    pub(crate) fn insert(
        &mut self,
        subject: &[u8],
        queue_group: Option<&[u8]>,
        id: SubscriptionId,
    ) {
        let mut at = ROOT;
        for token in tokens(subject) {
            at = match self.nodes.get(at).and_then(|node| node.child(token)) {
                Some(child) => child,
                None => self.grow(at, token),
            };
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return;
        };
        let Some(name) = queue_group else {
            node.plain.push(id);
            return;
        };
        match node.groups.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, members)) => members.push(id),
            None => node.groups.push((name.into(), vec![id])),
        }
    }

    /// Takes a subscription out again, and the nodes that nobody needs any more.
    pub(crate) fn remove(
        &mut self,
        subject: &[u8],
        queue_group: Option<&[u8]>,
        id: SubscriptionId,
    ) {
        let mut at = ROOT;
        let mut path = Vec::new();
        for token in tokens(subject) {
            let Some(child) = self.nodes.get(at).and_then(|node| node.child(token)) else {
                return;
            };
            path.push((at, token));
            at = child;
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return;
        };
        match queue_group {
            None => node.plain.retain(|known| *known != id),
            Some(name) => {
                for (_, members) in node.groups.iter_mut().filter(|(known, _)| **known == *name) {
                    members.retain(|known| *known != id);
                }
                node.groups.retain(|(_, members)| !members.is_empty());
            }
        }
        for (parent, token) in path.into_iter().rev() {
            if !self.nodes.get(at).is_some_and(Node::is_empty) {
                return;
            }
            if let Some(node) = self.nodes.get_mut(parent) {
                node.set_child(token, None);
            }
            self.free.push(at);
            at = parent;
        }
    }

    /// Who gets a message to `subject`. Wildcards in it are tokens like others; one with an empty
    /// token reaches nobody.
    pub(crate) fn matches(&self, subject: &[u8]) -> Matches {
        let mut matches = Matches::default();
        if tokens(subject).any(<[u8]>::is_empty) {
            return matches;
        }
        let mut here = vec![ROOT];
        for token in tokens(subject) {
            let mut next = Vec::with_capacity(here.len());
            for node in self.all(&here) {
                self.all(node.rest.as_slice())
                    .for_each(|rest| matches.add(rest));
                next.extend(node.literals.get(token).copied());
                next.extend(node.any);
            }
            here = next;
        }
        self.all(&here).for_each(|node| matches.add(node));
        matches
    }

    /// Whether nothing is left, not even a node.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.iter().all(Node::is_empty) && self.free.len() + 1 == self.nodes.len()
    }

    fn all(&self, ids: &[NodeId]) -> impl Iterator<Item = &Node> {
        ids.iter().filter_map(|id| self.nodes.get(*id))
    }

    fn grow(&mut self, parent: NodeId, token: &[u8]) -> NodeId {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            self.nodes.len() - 1
        });
        if let Some(node) = self.nodes.get_mut(parent) {
            node.set_child(token, Some(child));
        }
        child
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sublist(subjects: &[&str]) -> Sublist {
        let mut sublist = Sublist::new();
        for (id, subject) in (0..).zip(subjects) {
            sublist.insert(subject.as_bytes(), None, id);
        }
        sublist
    }

    /// The rule itself, one token after the other.
    fn reaches(pattern: &str, subject: &str) -> bool {
        let (pattern, subject): (Vec<_>, Vec<_>) =
            (pattern.split('.').collect(), subject.split('.').collect());
        let open = pattern.last() == Some(&">");
        let named = if open {
            pattern.len() - 1
        } else {
            pattern.len()
        };
        (if open {
            subject.len() > named
        } else {
            subject.len() == named
        }) && pattern
            .iter()
            .take(named)
            .zip(&subject)
            .all(|(p, s)| *p == "*" || p == s)
    }

    #[test]
    fn a_match_is_what_the_rule_says() {
        // Every subject of up to three tokens out of four.
        let vocabulary = ["a", "b", "*", ">"];
        let mut all: Vec<String> = vocabulary.map(String::from).to_vec();
        for length in 1..3 {
            let longer: Vec<_> = all
                .iter()
                .filter(|subject| subject.split('.').count() == length)
                .cloned()
                .collect();
            all.extend(
                longer
                    .iter()
                    .flat_map(|start| vocabulary.map(|token| format!("{start}.{token}"))),
            );
        }
        let (patterns, subjects): (Vec<_>, Vec<_>) = (
            all.iter()
                .filter(|subject| crate::subjects::is_valid(subject.as_bytes()))
                .map(String::as_str)
                .collect(),
            all.iter()
                .filter(|subject| crate::subjects::is_literal(subject.as_bytes()))
                .collect::<Vec<_>>(),
        );
        let sublist = sublist(&patterns);
        for subject in subjects {
            let mut found: Vec<_> = sublist
                .matches(subject.as_bytes())
                .plain
                .iter()
                .map(|id| patterns[usize::try_from(*id).unwrap()])
                .collect();
            let mut expected: Vec<_> = patterns
                .iter()
                .filter(|pattern| reaches(pattern, subject))
                .copied()
                .collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{subject}");
        }
    }

    #[test]
    fn subjects_with_empty_tokens_reach_nobody() {
        let sublist = sublist(&[">", "*", "*.*", "a.>"]);
        for subject in ["", ".", "a.", ".a", "a..b"] {
            assert!(
                sublist.matches(subject.as_bytes()).plain.is_empty(),
                "{subject}"
            );
        }
    }

    #[test]
    fn a_group_is_one_over_all_subjects() {
        let mut sublist = Sublist::new();
        for (id, subject) in (0..).zip(["x.y", "x.*", "x.>"]) {
            sublist.insert(subject.as_bytes(), Some(b"q"), id);
        }
        sublist.insert(b"x.y", Some(b"other"), 3);
        let mut groups = sublist.matches(b"x.y").groups;
        for (_, members) in &mut groups {
            members.sort_unstable();
        }
        groups.sort();
        assert_eq!(
            groups,
            [
                (b"other"[..].into(), vec![3]),
                (b"q"[..].into(), vec![0, 1, 2])
            ]
        );
    }

    #[test]
    fn what_is_removed_leaves_nothing() {
        let mut sublist = Sublist::new();
        let subjects = ["a.b.c", "a.*.c", "a.>", "a.b", "*"];
        for _ in 0..3 {
            for (id, subject) in (0..).zip(subjects) {
                sublist.insert(subject.as_bytes(), (id % 2 == 0).then_some(b"q"), id);
            }
            for (id, subject) in (0..).zip(subjects) {
                sublist.remove(subject.as_bytes(), (id % 2 == 0).then_some(b"q"), id);
            }
            assert!(sublist.is_empty());
        }
        assert_eq!(sublist.nodes.len(), 8, "freed nodes are used again");
    }

    #[test]
    fn a_deep_subject_does_not_touch_the_stack() {
        let deep = vec!["*"; 100_000].join(".");
        let mut sublist = Sublist::new();
        sublist.insert(deep.as_bytes(), None, 1);
        assert_eq!(sublist.matches(deep.as_bytes()).plain, [1]);
        sublist.remove(deep.as_bytes(), None, 1);
        assert!(sublist.matches(deep.as_bytes()).plain.is_empty());
    }
}
