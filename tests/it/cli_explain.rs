//! `snapctl explain`.

use snapctl::store::check;
use snapctl::verify::Code;

use crate::support::TestEnv;
use crate::support::tools::{self, Workshop};

/// Runs a command with a terminal of so many columns as its stdout: `COLUMNS COMMAND...`.
const ON_A_TERMINAL: &str = "\
import fcntl, os, pty, struct, subprocess, sys, termios
leader, follower = pty.openpty()
fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
child = subprocess.Popen(sys.argv[2:], stdout=follower)
os.close(follower)
while True:
    try:
        data = os.read(leader, 65536)
    except OSError:
        break
    if not data:
        break
    sys.stdout.buffer.write(data.replace(b'\\r\\n', b'\\n'))
sys.exit(child.wait())
";

#[test]
fn all_codes_are_listed() {
    let env = TestEnv::new();
    let table = env.run(&["explain"]);
    let lines: Vec<&str> = table.ok().lines().collect();
    assert_eq!(lines.len(), 1 + Code::ALL.len() + check::Code::ALL.len());
    assert!(lines[0].starts_with("code ") && lines[0].ends_with("  what it is"), "{}", lines[0]);
    let (of_verify, of_store_check) = lines[1..].split_at(Code::ALL.len());
    for (line, code) in of_verify.iter().zip(Code::ALL) {
        assert!(line.starts_with(&format!("{code} ")) && line.ends_with(code.explanation().title), "{line}");
        assert!(line.contains(&format!("  verify       {} ", code.severity())), "{line}");
    }
    for (line, code) in of_store_check.iter().zip(check::Code::ALL) {
        assert!(line.starts_with(&format!("{code} ")) && line.ends_with(code.explanation().title), "{line}");
        assert!(line.contains(&format!("  store check  {} ", code.severity().name())), "{line}");
    }
    let json = env.run(&["explain", "--json"]).json();
    assert_eq!(*json.as_array().unwrap(), env.run(&["explain", "--ndjson"]).lines());
    let codes: Vec<&str> = json.as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap()).collect();
    assert_eq!(codes, names());
    let folded: std::collections::BTreeSet<String> =
        codes.iter().map(|code| code.to_lowercase().replace('_', "-")).collect();
    assert_eq!(folded.len(), codes.len(), "each is meant by one text");
}

/// The codes of `verify`, and those of `store check`.
fn names() -> Vec<&'static str> {
    let of_verify = Code::ALL.iter().map(|code| code.name());
    of_verify.chain(check::Code::ALL.iter().map(|code| code.name())).collect()
}

#[test]
fn what_store_check_finds_is_explained() {
    let env = TestEnv::new();
    let explanation = check::Code::FreePages.explanation();
    let expected = serde_json::json!({
        "code": "free-pages", "foundBy": "store check", "severity": "warning", "title": explanation.title,
        "means": explanation.means, "happens": explanation.happens, "todo": explanation.todo,
    });
    for written in ["free-pages", "FREE_PAGES", "Free-Pages"] {
        assert_eq!(env.run(&["explain", written, "--json"]).json(), expected);
    }
    let text = env.run(&["explain", "free-pages"]);
    assert!(text.ok().starts_with("free-pages, warning: much of the file holds nothing\n\nmeans "), "{}", text.stdout);
    assert_eq!(env.run(&["explain", "fre-page"]).fails(2).lines().last(), Some("hint: did you mean free-pages?"));
}

#[test]
fn a_code_is_told_in_full() {
    let env = TestEnv::new();
    let gap = Code::Gap.explanation();
    let json = env.run(&["explain", "GAP", "--json"]).json();
    let expected = serde_json::json!({
        "code": "GAP", "foundBy": "verify", "severity": "error", "title": gap.title, "means": gap.means,
        "happens": gap.happens, "todo": gap.todo,
    });
    assert_eq!(json, expected);
    assert_eq!(env.run(&["explain", "GAP", "--ndjson"]).lines(), std::slice::from_ref(&expected));
    let both = env.run(&["explain", "GAP", "TIME_ORDER", "--ndjson"]).lines();
    assert_eq!((both.len(), &both[0], &both[1]["code"]), (2, &expected, &"TIME_ORDER".into()));
    assert_eq!(env.run(&["explain", "GAP", "TIME_ORDER", "--json"]).json().as_array().unwrap(), &both);

    let text = env.run(&["explain", "GAP"]);
    assert!(text.ok().starts_with(&format!("GAP, error: {}\n\nmeans     The ", gap.title)), "{}", text.ok());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let all = format!("GAP, error: {} means {} happens {} to do {}", gap.title, gap.means, gap.happens, gap.todo);
    assert_eq!(words(text.ok()), words(&all));
    let two = env.run(&["explain", "GAP", "TIME_ORDER"]);
    let after = two.ok().strip_prefix(text.ok()).unwrap();
    assert_eq!(format!("\n{}", env.run(&["explain", "TIME_ORDER"]).ok()), after);
}

#[test]
fn sentences_fit_80_columns_and_commands_stay_whole() {
    let env = TestEnv::new();
    let text = env.run(&[&["explain"], &names()[..]].concat());
    for line in text.ok().lines() {
        assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line}");
        assert_eq!(line.matches('`').count() % 2, 0, "{line}");
    }
}

#[test]
fn sentences_fit_the_terminal() {
    if !tools::has("python3") {
        return;
    }
    let shop = Workshop::new();
    for (columns, label) in [(30, "means\n  With"), (60, "means     With"), (200, "means     With")] {
        let mut python = shop.command("python3");
        python.args(["-c", ON_A_TERMINAL, &columns.to_string(), "snapctl", "explain", "HASH_DIFFERS"]);
        let output = python.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(label), "{text}");
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= columns.min(100) && longest + 25 > columns.min(100), "{longest} of {columns}: {text}");
    }
}

#[test]
fn a_code_may_be_written_in_any_way() {
    let env = TestEnv::new();
    let expected = env.run(&["explain", "KEYFRAME_OTHER_SCOPE"]);
    for name in ["keyframe_other_scope", "keyframe-other-scope", "Keyframe-Other_Scope"] {
        assert_eq!(env.run(&["explain", name]).ok(), expected.ok());
    }
}

#[test]
fn a_mistyped_code_is_told_with_the_one_meant() {
    let env = TestEnv::new();
    let run = env.run(&["explain", "GAP", "hash-difers"]);
    assert_eq!(run.fails(2), "error: there is no code \"hash-difers\"\nhint: did you mean HASH_DIFFERS?\n");
    let run = env.run(&["explain", "--json", "nothing-like-it-at-all"]);
    let error = run.error(2);
    assert_eq!((&error["code"], &error["hint"]), (&"no-code".into(), &"`snapctl explain` lists the codes".into()));
    assert_eq!(run.stdout, "");
}

#[test]
fn neither_a_store_nor_good_settings_are_needed() {
    let env = TestEnv::new();
    std::fs::write(env.path("snapctl.toml"), "no settings at all").unwrap();
    let run = env.on_store(&["explain", "GAP"]);
    assert_eq!((run.ok(), &*run.stderr), (TestEnv::new().run(&["explain", "GAP"]).ok(), ""));
}
