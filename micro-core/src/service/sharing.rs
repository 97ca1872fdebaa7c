//! Who would take whose messages. A server gives a message to one subscription of a queue group,
//! whichever of their subjects it is for: of two members of one service in one group, a subscriber would
//! miss events, and an endpoint requests that nobody answers.

use std::collections::HashMap;

use micro_names::{Shown, Subject, Wildcards};

use crate::endpoint::{Definition, Role};

/// What is wrong with `more` beside one another and beside those that are `there`. Endpoints among
/// themselves may share what they like.
pub(super) fn problems<'d>(
    there: impl Iterator<Item = &'d Definition>,
    more: impl Iterator<Item = &'d Definition>,
) -> Vec<String> {
    let mut groups: HashMap<&str, Vec<(bool, &Definition)>> = HashMap::new();
    let marked = there.map(|d| (false, d)).chain(more.map(|d| (true, d)));
    for (is_new, definition) in marked {
        if let Some(group) = &definition.queue_group {
            groups.entry(group).or_default().push((is_new, definition));
        }
    }
    let mut problems = Vec::new();
    for (group, members) in groups {
        if members.len() > 1 && members.iter().any(|(_, member)| is_subscriber(member)) {
            of_group(group, &members, &mut problems);
        }
    }
    problems.sort_unstable();
    problems
}

fn of_group(group: &str, members: &[(bool, &Definition)], problems: &mut Vec<String>) {
    let parsed: Vec<_> = members
        .iter()
        .filter_map(|(is_new, member)| {
            let subject = Subject::parse(&member.subject, Wildcards::Allowed).ok()?;
            Some((*is_new, *member, subject))
        })
        .collect();
    for (index, (is_new, second, subject)) in parsed.iter().enumerate() {
        let first = parsed.iter().take(index).find(|(_, first, other)| {
            *is_new && (is_subscriber(first) || is_subscriber(second)) && other.overlaps(subject)
        });
        if let Some((_, first, _)) = first {
            problems.push(format!(
                "{} `{}`: its subject `{}` overlaps `{}` of {} `{}`, and both are in the queue group `{}`: what is for both would go to one of them, give one of them another queue group",
                second.role,
                Shown(&second.name),
                Shown(&second.subject),
                Shown(&first.subject),
                first.role,
                Shown(&first.name),
                Shown(group),
            ));
        }
    }
}

fn is_subscriber(definition: &Definition) -> bool {
    definition.role == Role::Event
}
