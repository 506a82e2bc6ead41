//! What goes wrong is a warning and a miss.

use rusqlite::Connection;

use super::*;

const N: u64 = 12;

/// A cache with some entries, and what they are.
fn filled() -> (Fixture, Vec<Entry>) {
    let fixture = Fixture::new();
    let mut entries: Vec<Entry> =
        (0..N).map(|n| entry("a", n, &incompressible(n, 100 + 700 * usize::try_from(n).unwrap()))).collect();
    entries.push(entry("b", 1, "[1,2]"));
    let puts: Vec<Put> = entries.iter().map(|entry| head(entry.clone(), "s")).collect();
    fixture.cache().tier(store()).put(&puts);
    (fixture, entries)
}

/// Looks for each entry: there is the right one, an older right one, or none.
fn check(cache: &DiskCache, entries: &[Entry]) -> usize {
    let tier = cache.tier(store());
    let mut n_exact = 0;
    for kept in entries {
        let want = Want { stream: &kept.facts.stream, revision: kept.facts.revision, fits: &|_| true };
        let found = match tier.find(&want) {
            Lookup::Exact(found) => {
                n_exact += 1;
                found
            }
            Lookup::Below(found) => found,
            Lookup::Miss => continue,
        };
        let right = entries.iter().find(|kept| kept.facts == found.facts).expect("one that was put");
        assert!(found.facts.stream == kept.facts.stream && found.facts.revision <= kept.facts.revision);
        assert_same(&found, right);
    }
    for document in ["a", "b"] {
        if let Some(found) = tier.find_head(&stream(document), &Stamp("s".into())) {
            assert!(entries.iter().any(|kept| kept.facts == found.facts && kept.facts.stream == stream(document)));
        }
    }
    n_exact
}

/// After whatever happened, the cache is of use again, or says why not.
fn is_of_use(cache: &DiskCache) {
    let tier = cache.tier(store());
    tier.put(&[put(entry("new", 1, "1"))]);
    let _ = (cache.stats(), indices(&tier), cache.maintain());
    // That may have found something more.
    tier.put(&[put(entry("new", 1, "1"))]);
    let off =
        |warning: &Warning| matches!(warning.kind, WarningKind::Foreign | WarningKind::Newer | WarningKind::Broken);
    let warnings = cache.take_warnings();
    let found = find(&tier, "new", 1);
    assert!(is_exact(&found) || warnings.iter().any(off), "{warnings:?}");
}

fn kinds(cache: &DiskCache) -> Vec<WarningKind> {
    cache.take_warnings().into_iter().map(|warning| warning.kind).collect()
}

#[test]
fn a_flipped_byte_anywhere_is_no_wrong_answer() {
    let (fixture, entries) = filled();
    let whole = std::fs::read(fixture.file()).unwrap();
    assert_eq!(check(&fixture.cache(), &entries), entries.len());
    let page = 4096;
    // The header and the first page, the heads of all pages, and what lies between them here and there.
    let offsets = (0..120).chain((1..whole.len() / page).flat_map(|n| [n * page, n * page + 3, n * page + 9]));
    let between = (120..whole.len()).step_by(1501);
    let (mut n_lost, mut n_tried) = (0, 0);
    for (n, at) in offsets.chain(between).enumerate() {
        let mut flipped = whole.clone();
        flipped[at] ^= [0x01, 0x80, 0xFF, 0x10][n % 4];
        std::fs::write(fixture.file(), &flipped).unwrap();
        let cache = fixture.cache();
        n_lost += usize::from(check(&cache, &entries) < entries.len());
        check(&cache, &entries);
        is_of_use(&cache);
        drop(cache);
        n_tried += 1;
    }
    assert!(n_lost > n_tried / 10, "{n_lost} of {n_tried}: some of it was noticed");
}

#[test]
fn a_flipped_byte_in_the_log_is_no_wrong_answer() {
    let (fixture, entries) = filled();
    let cache = fixture.cache();
    let more: Vec<Entry> = (0..8).map(|n| entry("more", n, &incompressible(n, 3000))).collect();
    cache.tier(store()).put(&more.iter().cloned().map(put).collect::<Vec<_>>());
    let all: Vec<Entry> = entries.into_iter().chain(more).collect();
    let folder = tempfile::tempdir().unwrap();
    copy_of(fixture.folder.path(), folder.path());
    let log = format!("{FILE_NAME}-wal");
    let whole = std::fs::read(folder.path().join(&log)).unwrap();
    assert!(whole.len() > 30_000);
    for at in (0..64).step_by(5).chain((64..whole.len()).step_by(997)) {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join(FILE_NAME), copy.path().join(FILE_NAME)).unwrap();
        let mut flipped = whole.clone();
        flipped[at] ^= 0x21;
        std::fs::write(copy.path().join(&log), flipped).unwrap();
        let cache = DiskCache::open(copy.path(), fixture.settings.clone());
        check(&cache, &all);
        is_of_use(&cache);
    }
}

#[test]
fn a_file_that_is_cut_off_begins_anew() {
    let (fixture, entries) = filled();
    let whole = std::fs::read(fixture.file()).unwrap();
    for length in [0, 1, 50, 99, 100, 512, 4095, 4096, 9000, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        std::fs::write(fixture.file(), &whole[..length]).unwrap();
        let cache = fixture.cache();
        check(&cache, &entries);
        let tier = cache.tier(store());
        tier.put(&[put(entry("new", 1, "1"))]);
        assert!(is_exact(&find(&tier, "new", 1)), "{length}");
        let told = kinds(&cache);
        assert!(told == [WarningKind::Damaged] || told.is_empty(), "{length}: {told:?}");
    }
}

#[test]
fn what_is_no_database_is_emptied() {
    let fixture = Fixture::new();
    for text in [b"{\"not\":\"a database\"}\n".to_vec(), vec![0; 20_000], vec![b'x'; 70_000]] {
        let _ = std::fs::remove_file(fixture.file());
        std::fs::write(fixture.file(), text).unwrap();
        let cache = fixture.cache();
        let tier = cache.tier(store());
        assert!(is_miss(&find(&tier, "a", 1)));
        tier.put(&[put(entry("a", 1, "1"))]);
        assert!(is_exact(&find(&tier, "a", 1)));
        assert_eq!(kinds(&cache), [WarningKind::Damaged]);
        assert_sums(&cache, &[&tier]);
        drop((cache, tier));
        assert!(is_exact(&find(&fixture.cache().tier(store()), "a", 1)));
        let connection = Connection::open(fixture.file()).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        assert_eq!(pragma("auto_vacuum").unwrap(), 2.into());
    }
}

#[test]
fn what_cannot_be_opened_or_made_is_out_of_reach() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.file()).unwrap();
    let below_a_file = fixture.folder.path().join("plain");
    std::fs::write(&below_a_file, "text").unwrap();
    for folder in [fixture.folder.path().to_owned(), below_a_file.join("folder")] {
        let cache = DiskCache::open(&folder, fixture.settings.clone());
        let tier = cache.tier(store());
        tier.put(&[put(entry("a", 1, "1"))]);
        assert!(is_miss(&find(&tier, "a", 1)) && is_miss(&find(&tier, "a", 1)));
        assert_eq!((tier.drop_entries(&Which::All, Cause::Asked), cache.maintain()), (0, None));
        assert!(tier.stats().failures >= 3, "{:?}", tier.stats());
        assert_eq!((tier.stats().requests, tier.stats().misses), (2, 2));
        assert_eq!(kinds(&cache), [WarningKind::OutOfReach]);
        assert_eq!(kinds(&cache), []);
    }
    assert_eq!(std::fs::read(&below_a_file).unwrap(), b"text");
}

/// As root writes into every folder, SQLite is told to.
#[test]
fn what_cannot_be_written_can_still_be_read() {
    let (fixture, entries) = filled();
    let cache = fixture.cache();
    let tier = cache.tier(store());
    *lock(&cache.inner.file.hinder) = Some(|connection| connection.pragma_update(None, "query_only", true).unwrap());
    tier.put(&[put(entry("new", 1, "1"))]);
    assert!(is_miss(&find(&tier, "new", 1)));
    assert_eq!(tier.drop_entries(&Which::All, Cause::Asked), 0);
    assert_eq!(check(&cache, &entries), entries.len());
    assert_eq!(tier.stats().failures, 2);
    assert_eq!(kinds(&cache), [WarningKind::ReadOnly]);
    drop((cache, tier));
    assert_eq!(check(&fixture.cache(), &entries), entries.len());
}

#[test]
fn a_full_disk_takes_nothing_more() {
    let (fixture, entries) = filled();
    let cache = fixture.cache();
    let tier = cache.tier(store());
    // SQLite never allows less than there is.
    *lock(&cache.inner.file.hinder) =
        Some(|connection| connection.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap());
    tier.put(&[put(entry("new", 1, &incompressible(99, 100_000))), put(entry("new", 2, "2"))]);
    assert!(is_miss(&find(&tier, "new", 2)), "all or nothing");
    assert_eq!(check(&cache, &entries), entries.len());
    assert_eq!(kinds(&cache), [WarningKind::Full]);
    *lock(&cache.inner.file.hinder) = None;
    let cache = fixture.cache();
    let tier = cache.tier(store());
    tier.put(&[put(entry("new", 1, &incompressible(99, 100_000)))]);
    assert!(is_exact(&find(&tier, "new", 1)));
    assert_sums(&cache, &[&tier]);
}

#[test]
fn a_locked_file_is_passed_over_and_is_there_again() {
    let (mut fixture, entries) = filled();
    fixture.settings.patience = Duration::from_millis(5);
    let new = || put(entry("new", 1, "1"));
    for exclusive in [false, true] {
        let other = Connection::open(fixture.file()).unwrap();
        if exclusive {
            other.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(())).unwrap();
        }
        other.execute_batch("BEGIN IMMEDIATE; DELETE FROM counter;").unwrap();
        let cache = fixture.cache();
        let tier = cache.tier(store());
        // A writer keeps nobody from reading.
        assert_eq!(check(&cache, &entries), if exclusive { 0 } else { entries.len() });
        tier.put(&[new()]);
        assert!(is_miss(&find(&tier, "new", 1)));
        assert_eq!(kinds(&cache), [WarningKind::Locked]);
        assert!(tier.stats().failures > 0);
        other.execute_batch("ROLLBACK").unwrap();
        drop(other);
        // It is not tried again at once.
        let start = std::time::Instant::now();
        while !is_exact(&find(&tier, "new", 1)) {
            tier.put(&[new()]);
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        assert_eq!(check(&cache, &entries), entries.len());
        tier.drop_entries(&Which::Document("new".into()), Cause::Asked);
    }
}

/// Changes a file behind the cache's back.
fn tamper(fixture: &Fixture, statements: &str) {
    let connection = Connection::open(fixture.file()).unwrap();
    connection.execute_batch(statements).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

#[test]
fn what_a_newer_version_or_another_program_made_is_left_alone() {
    let cases = [
        (format!("PRAGMA user_version = {}", schema::VERSION + 1), WarningKind::Newer),
        ("PRAGMA application_id = 77".to_owned(), WarningKind::Foreign),
    ];
    for (statement, kind) in cases {
        let (fixture, _) = filled();
        tamper(&fixture, &statement);
        let before = std::fs::read(fixture.file()).unwrap();
        let cache = fixture.cache();
        let tier = cache.tier(store());
        tier.put(&[put(entry("new", 1, "1"))]);
        assert!(is_miss(&find(&tier, "a", 1)) && is_miss(&find(&tier, "new", 1)));
        assert_eq!((tier.drop_entries(&Which::All, Cause::Asked), cache.maintain()), (0, None));
        assert!(tier.stats().failures >= 3);
        assert_eq!(kinds(&cache), [kind]);
        drop((cache, tier));
        assert!(std::fs::read(fixture.file()).unwrap() == before, "{kind:?}");
    }
}

#[test]
fn a_version_that_comes_while_it_is_open_is_noticed() {
    let (fixture, _) = filled();
    let cache = fixture.cache();
    let tier = cache.tier(store());
    assert!(is_exact(&find(&tier, "a", 1)));
    tamper(&fixture, &format!("PRAGMA user_version = {}; DROP TABLE head;", schema::VERSION + 1));
    assert!(is_miss(&find(&tier, "a", 1)));
    assert_eq!(kinds(&cache), [WarningKind::Newer]);
}

#[test]
fn what_an_older_version_made_begins_anew() {
    let (fixture, _) = filled();
    tamper(&fixture, &format!("PRAGMA user_version = {}; DROP TABLE body;", schema::VERSION - 1));
    let cache = fixture.cache();
    let tier = cache.tier(store());
    assert!(is_miss(&find(&tier, "a", 1)));
    tier.put(&[put(entry("new", 1, "1"))]);
    assert!(is_exact(&find(&tier, "new", 1)));
    assert_eq!((kinds(&cache), tier.stats().entries), (vec![WarningKind::Outdated], 1));
}

#[test]
fn damaged_rows_go_and_are_counted_and_others_stay() {
    let statements = [
        "UPDATE entry SET facts = zeroblob(40) WHERE next = 4 AND document = 'a'",
        "UPDATE entry SET size = size + 1 WHERE next = 4 AND document = 'a'",
        "UPDATE entry SET header = zeroblob(9) WHERE next = 4 AND document = 'a'",
        "UPDATE entry SET document = CASE document WHEN 'a' THEN 'b' ELSE 'a' END WHERE next = 2",
        // Another state of the cache, whole in itself.
        "UPDATE entry SET state = (SELECT state FROM entry WHERE next = 5) WHERE next = 4 AND document = 'a'",
        "UPDATE body SET packed = zeroblob(99) WHERE id = (SELECT state FROM entry WHERE next = 4)",
        "UPDATE body SET key = zeroblob(32) WHERE id = (SELECT state FROM entry WHERE next = 4)",
        "DELETE FROM body WHERE id = (SELECT state FROM entry WHERE next = 4)",
    ];
    for statement in statements {
        let (fixture, entries) = filled();
        // The statement is to be what it says, and no trigger to put it right.
        tamper(&fixture, &format!("DROP TRIGGER entry_changed; DROP TRIGGER body_gone; {statement}"));
        let cache = fixture.cache();
        let tier = cache.tier(store());
        let n = check(&cache, &entries);
        assert!(n < entries.len() && n + 2 >= entries.len(), "{n}: {statement}");
        assert!(indices(&tier).len() >= entries.len() - 2, "{statement}");
        let stats = tier.stats();
        assert!(
            (1..=2).contains(&stats.dropped.get(&Cause::Damaged).copied().unwrap_or_default()),
            "{statement}: {stats:?}"
        );
        assert_eq!(kinds(&cache), [], "{statement}");
        assert_eq!(check(&cache, &entries), n);
        tier.put(&entries.iter().cloned().map(put).collect::<Vec<_>>());
        assert_eq!(check(&cache, &entries), entries.len(), "{statement}");
        assert!(cache.maintain().is_some());
        let total = cache.inner.file.look(&mut |connection| evict::total(connection)).unwrap();
        assert_eq!((cache.stats().entries, cache.stats().bytes), total, "{statement}");
    }
}

#[test]
fn a_body_that_is_damaged_takes_along_all_that_have_it() {
    let (fixture, entries) = filled();
    tamper(&fixture, "UPDATE body SET packed = zeroblob(9) WHERE id = (SELECT initial FROM entry LIMIT 1)");
    let cache = fixture.cache();
    let tier = cache.tier(store());
    assert!(is_miss(&find(&tier, "b", 1)));
    assert_eq!((tier.stats().dropped[&Cause::Damaged], tier.stats().entries), (entries.len() as u64, 0));
    tier.put(&entries.iter().cloned().map(put).collect::<Vec<_>>());
    assert_eq!(check(&cache, &entries), entries.len());
    assert_sums(&cache, &[&tier]);
}

#[test]
fn an_entry_at_a_wrong_place_is_put_in_its_own() {
    let (fixture, entries) = filled();
    tamper(&fixture, "UPDATE entry SET next = 40 WHERE next = 4 AND document = 'a'");
    let cache = fixture.cache();
    assert_eq!(check(&cache, &entries), entries.len() - 1);
    cache.tier(store()).put(&entries.iter().cloned().map(put).collect::<Vec<_>>());
    assert_eq!(check(&cache, &entries), entries.len());
}

/// With right checksums, as somebody might who wants to see what happens.
#[test]
fn sizes_that_are_declared_are_not_believed() {
    let (fixture, entries) = filled();
    let connection = Connection::open(fixture.file()).unwrap();
    let (id, key): (i64, Vec<u8>) =
        connection.query_row("SELECT id, key FROM body LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let huge = [1, 0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0, 0, 0, 0xFF, 1, 0, 0];
    let change = "UPDATE body SET packed = ?2, sum = ?3 WHERE id = ?1";
    connection.execute(change, rusqlite::params![id, huge, &digest::body_sum(&key, &huge)[..]]).unwrap();
    drop(connection);
    let cache = fixture.cache();
    assert!(check(&cache, &entries) < entries.len());
    assert!(cache.tier(store()).stats().dropped[&Cause::Damaged] > 0);
}

#[test]
fn tables_that_are_not_as_they_were_made_begin_anew() {
    for statement in ["DROP TABLE body", "ALTER TABLE entry DROP COLUMN name", "DROP TABLE total", "DELETE FROM total"]
    {
        let (fixture, entries) = filled();
        tamper(&fixture, statement);
        let cache = fixture.cache();
        let tier = cache.tier(store());
        check(&cache, &entries);
        tier.put(&[put(entry("new", 1, "1"))]);
        assert!(is_exact(&find(&tier, "new", 1)), "{statement}");
        assert_eq!(kinds(&cache), [WarningKind::Damaged], "{statement}");
        assert_sums(&cache, &[&tier]);
    }
}

#[test]
fn a_folder_that_is_removed_while_it_is_open_is_made_again() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("cache");
    let cache = DiskCache::open(&folder, fixture.settings.clone());
    let tier = cache.tier(store());
    tier.put(&[put(entry("a", 1, "1"))]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(is_miss(&find(&tier, "a", 1)));
    tier.put(&[put(entry("a", 2, "2"))]);
    assert_eq!(indices(&DiskCache::open(&folder, fixture.settings.clone()).tier(store())), [("a".to_owned(), 2)]);
    assert_eq!(kinds(&cache), []);
}

#[test]
fn many_that_find_it_damaged_at_once_all_make_it_anew() {
    let mut fixture = Fixture::new();
    fixture.settings.patience = Duration::from_secs(30);
    for round in 0..6_u64 {
        std::fs::write(fixture.file(), [b'x'; 9000]).unwrap();
        let barrier = std::sync::Barrier::new(8);
        // Each with connections of its own, as processes have them.
        let work = |n: u64| {
            let cache = fixture.cache();
            barrier.wait();
            let tier = cache.tier(store());
            for _ in 0..4 {
                tier.put(&[put(entry("a", n, &n.to_string()))]);
            }
            (tier.stats(), cache.take_warnings())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || work(n))).collect();
            for thread in threads {
                let (_, warnings) = thread.join().unwrap();
                assert!(warnings.iter().all(|warning| warning.kind == WarningKind::Damaged), "{round}: {warnings:?}");
            }
        });
        let cache = fixture.cache();
        let tier = cache.tier(store());
        assert!(!indices(&tier).is_empty() && cache.take_warnings().is_empty());
        assert_sums(&cache, &[&tier]);
        drop((cache, tier));
        std::fs::remove_file(fixture.file()).unwrap();
    }
}

#[test]
fn warnings_say_which_file_and_what_to_do() {
    let all = [
        WarningKind::Locked,
        WarningKind::Full,
        WarningKind::ReadOnly,
        WarningKind::OutOfReach,
        WarningKind::Foreign,
        WarningKind::Newer,
        WarningKind::Outdated,
        WarningKind::Damaged,
        WarningKind::Broken,
    ];
    for kind in all {
        let text = Warning { kind, path: "/c/x".into(), detail: "why".into() }.to_string();
        assert!(text.starts_with("the disk cache /c/x ") && text.ends_with(" (why)") && text.contains(": "), "{text}");
    }
}
