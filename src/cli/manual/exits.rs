//! Which exit codes a command can give.

use crate::cli::exit::ExitStatus;

use ExitStatus::{
    Busy, Failed, Findings, Incomplete, Interrupted, ModelMissing, NoStore, Nothing, PipeClosed, Precondition, Success,
    Undecodable, Unsupported, Usage,
};

/// Every command can give these.
const ANY: &[ExitStatus] = &[Success, Usage, Failed, Interrupted, PipeClosed];
/// Also those that read a store.
const STORE: &[ExitStatus] = &[Incomplete, NoStore, Busy, Unsupported, Undecodable, ModelMissing];

/// What a command can give beside [`ANY`]; `None` when nobody has said.
///
/// A command that reads a store adds [`STORE`], one that is told what to look for [`Nothing`], one that knows the models
/// of the settings [`ModelMissing`], since they may name one that nobody has.
fn beside(command: &str) -> Option<Vec<ExitStatus>> {
    let own: &[ExitStatus] = match command {
        "man" | "completions" | "schema" | "explain" => return Some(Vec::new()),
        "model list" => return Some(vec![ModelMissing]),
        "cache prune" => return Some(vec![Incomplete, ModelMissing]),
        "config" => return Some(vec![Nothing, ModelMissing]),
        "cache simulate" => return Some(vec![Nothing, Incomplete, ModelMissing]),
        "store info" | "cache stats" => &[],
        "store check" => &[Findings],
        "store init" | "store migrate" => &[Precondition],
        "keyframe apply" => &[Findings, Precondition],
        "append" | "import" | "keyframe undo" | "keyframe compact" => &[Findings, Nothing, Precondition],
        "export" | "keyframe prune" => &[Nothing, Precondition],
        "ls" | "log" | "watch" | "stats" | "keyframe pin" | "keyframe unpin" | "keyframe history" | "keyframe tune"
        | "cache list" | "cache show" | "cache drop" | "cache warm" => &[Nothing],
        "rebuild" | "verify" | "keyframe list" | "keyframe show" | "keyframe write" => &[Findings, Nothing],
        _ => return None,
    };
    Some([own, STORE].concat())
}

/// Whether it is known how a command ends.
#[cfg(test)]
pub(super) fn is_known(command: &str) -> bool {
    beside(command).is_some()
}

/// The exit codes that a command can give, each with what it means, ascending. For a command that is a group, or that
/// nobody has said anything about, these are all.
#[must_use]
pub(super) fn exits(command: &str) -> Vec<(u8, &'static str)> {
    let own = beside(command).map(|own| [ANY, &own].concat());
    let given = |status: &ExitStatus| own.as_ref().is_none_or(|own| own.contains(status));
    ExitStatus::ALL.iter().filter(|status| given(status)).map(|status| (*status as u8, status.meaning())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_lists_its_own_and_a_group_all() {
        let codes = |command| exits(command).iter().map(|(code, _)| *code).collect::<Vec<_>>();
        assert_eq!(codes("model list"), [0, 2, 3, 14, 130, 141]);
        assert_eq!(codes("rebuild"), [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 130, 141]);
        assert_eq!(codes(""), [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 130, 141]);
    }
}
