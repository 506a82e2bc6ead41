//! The statements.

/// All tables of a new file. Totals, bodies that nobody refers to, and heads whose entry goes are the business of triggers,
/// so that no transaction can leave them wrong.
pub(super) const CREATE: &str = "
CREATE TABLE store (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, location TEXT NOT NULL) STRICT;
CREATE TABLE body (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, sum BLOB NOT NULL, size INTEGER NOT NULL,
  packed BLOB NOT NULL) STRICT;
CREATE TABLE entry (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, store INTEGER NOT NULL, document TEXT NOT NULL,
  scope TEXT NOT NULL, branch TEXT NOT NULL, next INTEGER NOT NULL, name TEXT NOT NULL, state INTEGER NOT NULL,
  initial INTEGER NOT NULL, size INTEGER NOT NULL, weight REAL NOT NULL, reads INTEGER NOT NULL, value REAL NOT NULL,
  contents BLOB NOT NULL, sum BLOB NOT NULL, facts BLOB NOT NULL, header BLOB NOT NULL) STRICT;
CREATE INDEX entry_place ON entry (store, document, scope, branch, next);
CREATE INDEX entry_value ON entry (value);
CREATE INDEX entry_state ON entry (state);
CREATE INDEX entry_initial ON entry (initial);
CREATE TABLE head (entry INTEGER PRIMARY KEY, store INTEGER NOT NULL, document TEXT NOT NULL, scope TEXT NOT NULL,
  branch TEXT NOT NULL, type TEXT NOT NULL, stamp TEXT NOT NULL, at_ms INTEGER NOT NULL, sum BLOB NOT NULL,
  UNIQUE (store, document, scope, branch)) STRICT;
CREATE TABLE counter (store INTEGER NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (store, name))
  STRICT, WITHOUT ROWID;
CREATE TABLE total (id INTEGER PRIMARY KEY, made BLOB NOT NULL, entries INTEGER NOT NULL, bytes INTEGER NOT NULL,
  clock REAL NOT NULL) STRICT;
INSERT INTO total VALUES (1, randomblob(16), 0, 0, 0.0);
CREATE TRIGGER entry_put AFTER INSERT ON entry BEGIN
  UPDATE total SET entries = entries + 1, bytes = bytes + NEW.size;
END;
CREATE TRIGGER entry_changed AFTER UPDATE OF sum ON entry BEGIN
  UPDATE total SET bytes = bytes + NEW.size - OLD.size;
  DELETE FROM head WHERE entry = OLD.id;
  DELETE FROM body WHERE id IN (OLD.state, OLD.initial)
    AND NOT EXISTS (SELECT 1 FROM entry WHERE state = body.id)
    AND NOT EXISTS (SELECT 1 FROM entry WHERE initial = body.id);
END;
CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
  UPDATE total SET entries = entries - 1, bytes = bytes - OLD.size;
  DELETE FROM head WHERE entry = OLD.id;
  DELETE FROM body WHERE id IN (OLD.state, OLD.initial)
    AND NOT EXISTS (SELECT 1 FROM entry WHERE state = body.id)
    AND NOT EXISTS (SELECT 1 FROM entry WHERE initial = body.id);
END;
CREATE TRIGGER body_put AFTER INSERT ON body BEGIN UPDATE total SET bytes = bytes + NEW.size; END;
CREATE TRIGGER body_gone AFTER DELETE ON body BEGIN UPDATE total SET bytes = bytes - OLD.size; END;
";

pub(super) const APPLICATION: &str = "PRAGMA application_id";
pub(super) const VERSION: &str = "PRAGMA user_version";
pub(super) const N_TABLES: &str = "SELECT count(*) FROM sqlite_schema";
pub(super) const MADE: &str = "SELECT made FROM total";

pub(super) const ADD_STORE: &str = "INSERT INTO store (digest, location) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
pub(super) const STORE: &str = "SELECT id FROM store WHERE digest = ?1";

/// Entries of a stream at or below a place, the newest first. No more than a lookup may look at.
pub(super) const CANDIDATES: &str = "SELECT id, size, contents, sum, facts FROM entry
  WHERE store = (SELECT id FROM store WHERE digest = ?1) AND document = ?2 AND scope = ?3 AND branch = ?4 AND next <= ?5
  ORDER BY next DESC, id DESC LIMIT 16";
pub(super) const HEAD: &str = "SELECT e.id, e.size, e.contents, e.sum, e.facts, h.stamp, h.at_ms, h.sum
  FROM head h JOIN entry e ON e.id = h.entry
  WHERE h.store = (SELECT id FROM store WHERE digest = ?1) AND h.document = ?2 AND h.scope = ?3 AND h.branch = ?4";
/// What an entry refers to.
pub(super) const CONTENTS: &str = "SELECT e.header, s.id, s.key, s.sum, s.packed, i.id, i.key, i.sum, i.packed
  FROM entry e JOIN body s ON s.id = e.state JOIN body i ON i.id = e.initial WHERE e.id = ?1";

pub(super) const BODY: &str = "SELECT id, size FROM body WHERE key = ?1";
pub(super) const ADD_BODY: &str = "INSERT INTO body (key, sum, size, packed) VALUES (?1, ?2, ?3, ?4)";
/// An entry that is there already keeps its reads.
pub(super) const PUT_ENTRY: &str =
    "INSERT INTO entry (key, store, document, scope, branch, next, name, state, initial, size, weight, reads, value,
    contents, sum, facts, header)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?11 + (SELECT clock FROM total), ?12, ?13, ?14, ?15)
  ON CONFLICT (key) DO UPDATE SET store = excluded.store, document = excluded.document, scope = excluded.scope,
    branch = excluded.branch, next = excluded.next, name = excluded.name, state = excluded.state, initial = excluded.initial,
    size = excluded.size, weight = excluded.weight,
    value = (SELECT clock FROM total) + (entry.reads + 1) * excluded.weight, contents = excluded.contents,
    sum = excluded.sum, facts = excluded.facts, header = excluded.header
  WHERE entry.sum <> excluded.sum OR (entry.store, entry.document, entry.scope, entry.branch, entry.next)
    <> (excluded.store, excluded.document, excluded.scope, excluded.branch, excluded.next)";
pub(super) const ENTRY: &str = "SELECT id FROM entry WHERE key = ?1";
pub(super) const PUT_HEAD: &str = "INSERT OR REPLACE INTO head (entry, store, document, scope, branch, type, stamp,
    at_ms, sum)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// Entries at the place of another one.
pub(super) const SAME_PLACE: &str = "SELECT id, facts FROM entry
  WHERE store = ?1 AND document = ?2 AND scope = ?3 AND branch = ?4 AND next = ?5 AND id <> ?6";

pub(super) const TOUCH: &str = "UPDATE entry SET reads = reads + ?2,
  value = (SELECT clock FROM total) + (reads + ?2 + 1) * weight WHERE id = ?1";
pub(super) const COUNT: &str = "INSERT INTO counter (store, name, n)
  VALUES (coalesce((SELECT id FROM store WHERE digest = ?1), 0), ?2, ?3)
  ON CONFLICT DO UPDATE SET n = n + excluded.n";
pub(super) const COUNTERS: &str = "SELECT name, n FROM counter WHERE store = (SELECT id FROM store WHERE digest = ?1)";
/// What a body takes besides its bytes, and an entry besides its header, its facts and its names: the other columns, and the
/// indexes. A little more than is measured.
pub(super) const BODY_BYTES: usize = 200;
pub(super) const ENTRY_BYTES: usize = 500;

pub(super) const ALL_COUNTERS: &str = "SELECT name, n FROM counter";

/// What goes first.
pub(super) const CHEAPEST: &str = "SELECT e.id, e.value, s.digest FROM entry e LEFT JOIN store s ON s.id = e.store
  ORDER BY e.value, e.id LIMIT 64";
pub(super) const TOTAL: &str = "SELECT entries, bytes FROM total";
pub(super) const SET_CLOCK: &str = "UPDATE total SET clock = max(clock, ?1)";
pub(super) const DELETE: &str = "DELETE FROM entry WHERE id = ?1";
/// For a body that is damaged. The last of them takes it along, if the index is right.
pub(super) const WITH_BODY: &str =
    "SELECT id FROM entry WHERE state = ?1 UNION SELECT id FROM entry WHERE initial = ?1";
pub(super) const DELETE_BODY: &str = "DELETE FROM body WHERE id = ?1";

/// All that is kept, with the sizes of what it refers to; `?1` is the digest of a store.
pub(super) const LIST: &str = "SELECT e.id, e.size, e.contents, e.sum, e.facts, t.digest, t.location, e.reads,
    e.state, s.size, e.initial, i.size, h.entry IS NOT NULL
  FROM store t JOIN entry e ON e.store = t.id LEFT JOIN body s ON s.id = e.state LEFT JOIN body i ON i.id = e.initial
    LEFT JOIN head h ON h.entry = e.id
  WHERE t.digest = ?1 ORDER BY e.document, e.scope, e.branch, e.next, e.id";
pub(super) const STORES: &str = "SELECT digest FROM store ORDER BY location, digest";
/// What may be dropped: of everything, of a store, of a document in it.
pub(super) const DROP_ANY: &str = "SELECT e.id, e.size, e.contents, e.sum, e.facts, s.digest
  FROM entry e LEFT JOIN store s ON s.id = e.store";
pub(super) const DROP_STORE: &str = "SELECT e.id, e.size, e.contents, e.sum, e.facts, s.digest
  FROM store s JOIN entry e ON e.store = s.id WHERE s.digest = ?1";
pub(super) const DROP_DOCUMENT: &str = "SELECT e.id, e.size, e.contents, e.sum, e.facts, s.digest
  FROM store s JOIN entry e ON e.store = s.id WHERE s.digest = ?1 AND e.document = ?2";

pub(super) const HEADS: &str =
    "SELECT h.entry, h.type, h.at_ms, s.digest FROM head h LEFT JOIN store s ON s.id = h.store";
pub(super) const DELETE_HEAD: &str = "DELETE FROM head WHERE entry = ?1";
/// Entries that lack a body or a store, and bodies that lack an entry: there are none but in a damaged file.
pub(super) const DELETE_ENTRY_ORPHANS: &str = "DELETE FROM entry WHERE NOT EXISTS (SELECT 1 FROM body WHERE id = state)
  OR NOT EXISTS (SELECT 1 FROM body WHERE id = initial) OR NOT EXISTS (SELECT 1 FROM store WHERE id = store)";
pub(super) const DELETE_BODY_ORPHANS: &str = "DELETE FROM body
  WHERE NOT EXISTS (SELECT 1 FROM entry WHERE state = body.id)
  AND NOT EXISTS (SELECT 1 FROM entry WHERE initial = body.id)";
/// Stores of which nothing is kept: what they counted stays in the sum of all.
pub(super) const FOLD_COUNTERS: &str = "INSERT INTO counter (store, name, n)
  SELECT 0, name, sum(n) FROM counter WHERE store <> 0 AND store NOT IN (SELECT store FROM entry) GROUP BY name
  ON CONFLICT DO UPDATE SET n = n + excluded.n";
pub(super) const DELETE_COUNTERS: &str =
    "DELETE FROM counter WHERE store <> 0 AND store NOT IN (SELECT store FROM entry)";
pub(super) const DELETE_STORES: &str = "DELETE FROM store WHERE id NOT IN (SELECT store FROM entry)";
pub(super) const RECOUNT: &str = "UPDATE total SET entries = (SELECT count(*) FROM entry),
  bytes = (SELECT coalesce(sum(size), 0) FROM entry) + (SELECT coalesce(sum(size), 0) FROM body)";
/// Pages, the free ones of them, and the size of one in bytes.
pub(super) const PAGES: &str = "SELECT (SELECT page_count FROM pragma_page_count),
  (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_size FROM pragma_page_size)";
