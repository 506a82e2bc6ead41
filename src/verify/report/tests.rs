use std::io::Cursor;

use roxmltree::{Document, Node};

use super::*;
use crate::model::ids::{Branch, OpIndex, Scope, StreamKey};
use crate::verify::code::Code;
use crate::verify::finding::Compared;

/// What means something in XML, in workflow commands, or to a terminal.
const ODD: &str = "a&b<c>\"d'e]]>f%0Ag:h,i::j\nk\r\nl\tm\u{0}\u{1b}[2J\u{85}\u{FFFE}\u{FFFF}\u{1F600}é";

fn finding(code: Code, document: &str, message: &str, count: u64) -> Finding {
    let stream = StreamKey { document: document.into(), scope: Scope::global(), branch: Branch::main() };
    Finding {
        code,
        severity: code.severity(),
        stream,
        first: Some(OpIndex::new(12)),
        count,
        message: message.to_owned(),
        compared: None,
        command: None,
    }
}

fn compared() -> Compared {
    Compared {
        stored: Some("x".repeat(5_000)),
        replayed: Some("one\ntwo".to_owned()),
        paths: vec!["/state/global/name".to_owned(), "/state/global/icon".to_owned()],
        n_paths: 12,
    }
}

/// Documents with all kinds of findings.
fn documents() -> Vec<(&'static str, &'static str, Vec<Finding>)> {
    let differs = |document| Finding {
        compared: Some(compared()),
        command: Some(format!("snapctl log -p {document}/global:12")),
        ..finding(Code::HashDiffers, document, "the hash is another", 3)
    };
    let missing = |document| finding(Code::ModelMissing, document, "nothing serves acme/plan@2", 1);
    vec![
        ("clean", "acme/plan", vec![]),
        ("noted", "acme/plan", vec![finding(Code::KeyframeConvention, "noted", "its label is one too high", 2)]),
        ("failed", "acme/plan", vec![finding(Code::TimeOrder, "failed", "times go back", 1), differs("failed")]),
        ("unknown", "acme/plan", vec![missing("unknown")]),
        ("both", "acme/plan", vec![missing("both"), finding(Code::Gap, "both", "3 operations are missing", 1)]),
        (ODD, ODD, vec![finding(Code::TypeDiffers, ODD, ODD, 1)]),
        ("", "", vec![Finding { first: None, ..finding(Code::KeyframeOrphan, "", "no operations", 1) }]),
    ]
}

fn write(mut report: Box<dyn ReportWriter + '_>, ending: &Ending<'_>) {
    for (id, document_type, findings) in documents() {
        let id = &DocumentId::from(id);
        let verdict = Verdict::of(&findings);
        let checked = DocumentChecked { id, document_type, verdict, findings: &findings, operations: 10, keyframes: 1 };
        report.document(&checked).unwrap();
    }
    report.finish(ending).unwrap();
}

fn junit(ending: &Ending<'_>) -> String {
    let mut out = Vec::new();
    write(Box::new(Junit::new("file & <store>", Cursor::new(Vec::new()), &mut out)), ending);
    String::from_utf8(out).unwrap()
}

fn github(ending: &Ending<'_>) -> String {
    let mut out = Vec::new();
    write(Box::new(Github::new(&mut out)), ending);
    String::from_utf8(out).unwrap()
}

/// What a reader makes of a text: characters that are not to be had are replaced.
fn replaced(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// Holds an element against what readers agree on: its attributes, and what may be in it, in this order, how often.
fn hold(node: Node<'_, '_>) {
    let (attributes, children): (&[&str], &[(&str, usize)]) = match node.tag_name().name() {
        "testsuites" => (&["name", "tests", "failures", "errors", "skipped"], &[("testsuite", usize::MAX)]),
        "testsuite" => (
            &["name", "tests", "failures", "errors", "skipped"],
            &[("properties", 1), ("testcase", usize::MAX), ("system-out", 1)],
        ),
        "properties" => (&[], &[("property", usize::MAX)]),
        "property" => (&["name", "value"], &[]),
        "testcase" => (&["classname", "name"], &[("skipped", 1), ("failure", 1), ("system-out", 1)]),
        "failure" => (&["type", "message"], &[]),
        "skipped" => (&["message"], &[]),
        "system-out" => (&[], &[]),
        other => panic!("no element of JUnit: {other}"),
    };
    assert_eq!(node.attributes().map(|attribute| attribute.name()).collect::<Vec<_>>(), attributes);
    let names: Vec<&str> = node.children().filter(Node::is_element).map(|child| child.tag_name().name()).collect();
    let mut rest = &names[..];
    for (name, most) in children {
        let n = rest.iter().take_while(|found| *found == name).count();
        assert!(n <= *most, "{n} {name} in {node:?}");
        rest = &rest[n..];
    }
    assert!(rest.is_empty(), "{rest:?} in {node:?}");
    let exclusive = names.iter().filter(|name| ["skipped", "failure"].contains(name)).count();
    assert!(exclusive <= 1, "{node:?}");
    node.children().filter(Node::is_element).for_each(hold);
}

/// The only child of that name.
fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

#[test]
fn junit_is_well_formed_and_of_the_usual_shape() {
    let text = junit(&Ending::default());
    let parsed = Document::parse(&text).unwrap();
    hold(parsed.root_element());
    let suite = child(parsed.root_element(), "testsuite").unwrap();
    let counts = |node: Node<'_, '_>| {
        ["tests", "failures", "errors", "skipped"].map(|name| node.attribute(name).unwrap().parse::<usize>().unwrap())
    };
    let n = |name| suite.descendants().filter(|node| node.has_tag_name(name)).count();
    assert_eq!(counts(suite), [n("testcase"), n("failure"), 0, n("skipped")]);
    assert_eq!(counts(suite), [7, 4, 0, 1]);
    assert_eq!(counts(parsed.root_element()), counts(suite));
    assert_eq!(suite.attribute("name"), Some("file & <store>"));
    let properties: Vec<_> = suite.descendants().filter(|node| node.has_tag_name("property")).collect();
    let values = properties.iter().map(|node| (node.attribute("name").unwrap(), node.attribute("value").unwrap()));
    assert_eq!(values.collect::<Vec<_>>(), [("operations", "70"), ("keyframes", "7")]);
    for (case, (id, document_type, _)) in suite.children().filter(|node| node.has_tag_name("testcase")).zip(documents())
    {
        assert_eq!(case.attribute("name"), Some(&*replaced(id)));
        assert_eq!(case.attribute("classname"), Some(&*replaced(document_type)));
    }
}

#[test]
fn junit_tells_the_worst_first_and_all_of_it_once() {
    let text = junit(&Ending::default());
    let parsed = Document::parse(&text).unwrap();
    let case = |id: &str| {
        let mut cases = parsed.descendants().filter(|node| node.has_tag_name("testcase"));
        cases.find(|case| case.attribute("name") == Some(&*replaced(id))).unwrap()
    };
    let said = |id: &str| child(case(id), "system-out").unwrap().text().unwrap();
    assert!(child(case("clean"), "failure").or(child(case("clean"), "skipped")).is_none());
    assert_eq!(said("clean"), "checked 10 operations and 1 keyframes\n");

    assert!(child(case("noted"), "failure").is_none());
    assert!(
        said("noted").contains("\nnote KEYFRAME_CONVENTION noted/global:12: its label is one too high (2 in all)\n")
    );

    let failure = child(case("failed"), "failure").unwrap();
    assert_eq!(failure.attribute("type"), Some("HASH_DIFFERS"));
    let message = "failed/global:12: the hash is another (3 in all); and another finding";
    assert_eq!(failure.attribute("message"), Some(message));
    let lines: Vec<&str> = failure.text().unwrap().lines().collect();
    assert_eq!(lines[0], "warning TIME_ORDER failed/global:12: times go back");
    assert_eq!(lines[1], "error HASH_DIFFERS failed/global:12: the hash is another (3 in all)");
    assert_eq!(lines[2], format!("  stored: {}…", "x".repeat(LONGEST)));
    assert_eq!(
        lines[3..5],
        ["  replayed: one two", "  differs at: /state/global/name, /state/global/icon, … (12 in all)"]
    );
    assert_eq!(lines[5..], ["  see: snapctl log -p failed/global:12"]);
    assert!(!said("failed").contains("HASH_DIFFERS"));

    let skipped = child(case("unknown"), "skipped").unwrap();
    assert_eq!(skipped.attribute("message"), Some("MODEL_MISSING unknown/global:12: nothing serves acme/plan@2"));

    // What is wrong outweighs what could not be checked, which is told all the same.
    assert_eq!(child(case("both"), "failure").unwrap().attribute("type"), Some("GAP"));
    assert!(said("both").contains("\nwarning MODEL_MISSING both/global:12: "));

    let odd = child(case(ODD), "failure").unwrap();
    let one_line = replaced(&ODD.replace(['\n', '\r', '\t'], " "));
    assert!(odd.attribute("message").unwrap().ends_with(&format!(":12: {one_line}")), "{odd:?}");
    assert!(odd.text().unwrap().contains(&one_line));
    let message = child(case(""), "failure").unwrap().attribute("message").unwrap();
    assert!(message.ends_with("/global: no operations"), "{message}");
}

#[test]
fn what_was_not_checked_is_told() {
    let ending = Ending { selected: Some(5_000), cut_short: Some("out of time") };
    let text = junit(&ending);
    let parsed = Document::parse(&text).unwrap();
    hold(parsed.root_element());
    let last = parsed.descendants().rfind(|node| node.has_tag_name("testcase")).unwrap();
    let message = "checked 7 of 5000 documents: out of time";
    assert_eq!(child(last, "skipped").unwrap().attribute("message"), Some(message));
    let counts = ["tests", "skipped"].map(|name| parsed.root_element().attribute(name).unwrap());
    assert_eq!(counts, ["8", "2"]);
    assert_eq!(github(&ending).lines().last(), Some(&*format!("::warning title=snapctl verify::{message}")));
    let unknown = Ending { selected: None, ..ending };
    assert!(github(&unknown).ends_with("::checked 7 documents: out of time\n"));
}

#[test]
fn a_suite_of_nothing_is_well_formed() {
    let mut out = Vec::new();
    let report: Box<dyn ReportWriter> = Box::new(Junit::new("s", Cursor::new(Vec::new()), &mut out));
    report.finish(&Ending::default()).unwrap();
    let text = String::from_utf8(out).unwrap();
    let parsed = Document::parse(&text).unwrap();
    hold(parsed.root_element());
    assert_eq!(parsed.root_element().attribute("tests"), Some("0"));
}

/// A command as the runner reads it: level, title, message.
fn read(line: &str) -> (String, String, String) {
    let (command, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (level, properties) = command.split_once(' ').unwrap();
    assert!(!properties.contains(','), "{line}");
    let title = properties.strip_prefix("title=").unwrap();
    let message = message.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
    let title =
        title.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
    (level.to_owned(), title, message)
}

#[test]
fn github_reads_what_was_written() {
    let text = github(&Ending::default());
    let documents = documents();
    let findings: Vec<&Finding> = documents.iter().flat_map(|(.., findings)| findings).collect();
    assert_eq!(text.lines().count(), findings.len());
    for (line, finding) in text.lines().zip(findings) {
        let (level, title, message) = read(line);
        let expected = match finding.severity {
            Severity::Note => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        assert_eq!(level, expected);
        assert_eq!(title, replaced(&format!("{} {}", finding.code, shortened(&finding.stream.to_string()))));
        let lines = [vec![headline(finding)], details(finding)].concat();
        assert_eq!(message, replaced(&lines.join("\n")));
        assert!(!line.contains(|char: char| char.is_control()), "{line}");
    }
    let line = text.lines().find(|line| line.contains("TIME_ORDER")).unwrap();
    assert_eq!(line, "::warning title=TIME_ORDER failed/global::failed/global:12: times go back");
    let odd = text.lines().find(|line| line.contains("TYPE_DIFFERS")).unwrap();
    assert!(odd.contains("f%250Ag:h,i::j k  l m"), "{odd}");
}

#[test]
fn notes_do_not_count_and_what_is_wrong_outweighs_what_is_unknown() {
    let verdict =
        |codes: &[Code]| Verdict::of(&codes.iter().map(|code| finding(*code, "d", "m", 1)).collect::<Vec<_>>());
    assert_eq!(verdict(&[]), Verdict::Ok);
    assert_eq!(verdict(&[Code::NotPortable, Code::KeyframeStale]), Verdict::Ok);
    assert_eq!(verdict(&[Code::ModelFailed, Code::KeyframeStale]), Verdict::Unverifiable);
    assert_eq!(verdict(&[Code::ModelMissing, Code::TimeOrder]), Verdict::Failed);
    let note = Finding { severity: Severity::Note, ..finding(Code::KeyframeHeader, "d", "m", 1) };
    assert_eq!(Verdict::of(&[note]), Verdict::Ok);
}
