//! What a command answers in JSON, and what `rebuild` answers at all, depends on the store and the arguments alone: not on
//! the terminal, its width, locale, time zone, directory, or on what ran before.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::TestEnv;

/// The commands, on `fixtures/drive.sqlite`. `rebuild --state` alone is left out, which ends the line on a terminal, and
/// `--explain`, which tells how long it took.
const COMMANDS: [&str; 18] = [
    "ls --json",
    "ls --ndjson",
    "ls -l --json",
    "ls -l --sort name --ndjson",
    "ls --tree field-notes --json",
    "log field-notes/global --json",
    "log field-notes/global --ndjson -p",
    "log field-notes/global --pointer /nodes/0/name --json",
    "rebuild field-notes",
    "rebuild field-notes --json",
    "rebuild field-notes --ndjson",
    "rebuild field-notes/global:6 field-notes/local --json",
    "rebuild field-notes:@2025-04-01T08:10:00Z",
    "rebuild field-notes/global --hash",
    "rebuild field-notes --pointer /global/nodes",
    "rebuild --batch",
    "model list --json",
    "store info --json",
];

const BATCH: &str = "{\"document\":\"f1e1d0c5-7a3e-4d52-9b60-2c8e41f7a6d3\"}\n{\"document\":\"none\",\"at\":1}\n[]\n";

/// Surroundings that must not matter.
const SURROUNDINGS: [&[(&str, &str)]; 9] = [
    &[("LANG", "C"), ("LC_ALL", "C")],
    &[("LANG", "de_DE.UTF-8"), ("LC_ALL", "de_DE.UTF-8")],
    &[("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("LC_COLLATE", "tr_TR.UTF-8")],
    &[("COLUMNS", "20")],
    &[("COLUMNS", "200"), ("LINES", "2")],
    &[("NO_COLOR", "1")],
    &[("TERM", "dumb"), ("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1")],
    &[("TZ", "Pacific/Kiritimati")],
    &[("TZ", "America/St_Johns"), ("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
];

/// Runs a command with a terminal as its stdout, which passes on bytes as they are: `COLUMNS RESIZED COMMAND...`.
const ON_A_TERMINAL: &str = r"
import fcntl, os, pty, struct, subprocess, sys, termios, tty
size = lambda columns: fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(columns), 0, 0))
leader, follower = pty.openpty()
tty.setraw(follower)
size(sys.argv[1])
child = subprocess.Popen(sys.argv[3:], stdout=follower, stderr=subprocess.DEVNULL)
os.close(follower)
size(sys.argv[2])
while True:
    try:
        data = os.read(leader, 65536)
    except OSError:
        break
    if not data:
        break
    sys.stdout.buffer.write(data)
sys.stdout.flush()
sys.exit(child.wait())
";

fn fixture() -> String {
    format!("{}/fixtures/drive.sqlite", env!("CARGO_MANIFEST_DIR"))
}

/// The status and the answer of a command that is ready but for its input.
fn answer(command: &mut Command) -> (Option<i32>, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // A command that reads no input may be gone by now.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), BATCH.as_bytes());
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap())
}

/// snapctl with a line of arguments, in a directory.
fn snapctl(args: &str, directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapctl"));
    command.args(args.split(' ')).current_dir(directory).env_clear().env("SNAPCTL_STORE", fixture());
    command
}

/// The same on a terminal, which is resized while it runs.
fn on_terminal(args: &str, directory: &Path, columns: [&str; 2]) -> (Option<i32>, String) {
    let mut command = Command::new("python3");
    command.args(["-c", ON_A_TERMINAL]).args(columns).arg(env!("CARGO_BIN_EXE_snapctl")).args(args.split(' '));
    answer(command.current_dir(directory).env("SNAPCTL_STORE", fixture()).env("TERM", "xterm-256color"))
}

#[test]
fn answers_depend_on_nothing_around_them() {
    let (env, root) = (TestEnv::new(), Path::new("/"));
    for args in COMMANDS {
        let expected = answer(&mut snapctl(args, &env.path("")));
        assert!(matches!(expected.0, Some(0)) || args.contains("--batch"), "{args}: {expected:?}");
        assert!(!expected.1.is_empty() && !expected.1.contains('\u{1b}'), "{args}");
        assert_eq!(answer(&mut snapctl(args, root)), expected, "{args}: again, and elsewhere");
        for surrounding in SURROUNDINGS {
            let found = answer(snapctl(args, root).envs(surrounding.iter().copied()));
            assert_eq!(found, expected, "{args} with {surrounding:?}");
        }
        for columns in [["20", "200"], ["200", "20"]] {
            assert_eq!(on_terminal(args, root, columns), expected, "{args} on a terminal, {columns:?}");
        }
    }
}

#[test]
fn the_terminal_of_these_tests_is_one() {
    let piped = answer(&mut snapctl("ls -l", Path::new("/"))).1;
    let shown = on_terminal("ls -l", Path::new("/"), ["60", "60"]).1;
    assert!(shown.lines().count() > piped.lines().count(), "a table is fitted to a terminal: {shown}");
    let state = answer(&mut snapctl("rebuild field-notes/global --state", Path::new("/"))).1;
    assert_eq!(on_terminal("rebuild field-notes/global --state", Path::new("/"), ["60", "60"]).1, state + "\n");
}
