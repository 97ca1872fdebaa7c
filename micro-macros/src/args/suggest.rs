//! "Did you mean": the accepted word closest to an unknown one.

/// The accepted word that was probably meant, if one is close enough.
pub(crate) fn closest<'w>(unknown: &str, accepted: &[&'w str]) -> Option<&'w str> {
    let unknown = unknown.to_lowercase();
    let unknown = unknown.as_str();
    let near = accepted
        .iter()
        .map(|word| (distance(unknown, word), *word))
        .filter(|(distance, word)| *distance <= 2 && *distance < word.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word);
    near.or_else(|| {
        let mut words = accepted.iter().copied();
        words.find(|word| {
            unknown.len() >= 3 && (word.starts_with(unknown) || unknown.starts_with(word))
        })
    })
}

/// `accepted: `a`, `b``, in declaration order.
pub(crate) fn accepted(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("accepted: {}", words.join(", "))
}

/// The Levenshtein distance.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, c) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        let mut left = index + 1;
        for (pair, o) in row.windows(2).zip(&other) {
            let [diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(c != *o))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{accepted, closest, distance};

    #[test]
    fn distances() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("nmae", "name"), 2);
        assert_eq!(distance("que_group", "queue_group"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn the_closest_word() {
        let words = ["name", "subject", "group", "queue_group", "timeout"];
        assert_eq!(closest("nmae", &words), Some("name"));
        assert_eq!(closest("groups", &words), Some("group"));
        assert_eq!(closest("queue", &words), Some("queue_group"));
        assert_eq!(closest("timeout_ms", &words), Some("timeout"));
        assert_eq!(closest("foo", &words), None);
        assert_eq!(closest("SUBJECT", &words), Some("subject"));
        assert_eq!(closest("x", &["ab"]), None);
        assert_eq!(accepted(&["a", "b"]), "accepted: `a`, `b`");
    }
}
