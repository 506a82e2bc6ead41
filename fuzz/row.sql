-- The store that the target `row` changes: a drive of four operations and a keyframe. Columns have no types, so that they
-- hold values of any.
CREATE TABLE "Operation" (
  "id" INTEGER PRIMARY KEY, "jobId", "opId", "prevOpId", "writeTimestampUtcMs", "documentId", "documentType", "scope",
  "branch", "timestampUtcMs", "index", "action", "skip", "error", "hash", "deniedReason",
  UNIQUE ("documentId", "scope", "branch", "index"), UNIQUE ("opId", "index", "skip")
);
CREATE TABLE "Keyframe" (
  "id" INTEGER PRIMARY KEY, "documentId", "documentType", "scope", "branch", "revision", "document", "createdAt",
  UNIQUE ("documentId", "scope", "branch", "revision")
);
CREATE INDEX "streamOperations" ON "Operation" ("documentId", "scope", "branch", "id");
INSERT INTO "Operation" VALUES (1, 'job', 'o1', '', '2025-01-01T00:00:00.000Z', 'd', 'powerhouse/document-drive', 'document', 'main', '2025-01-01T00:00:00.000Z', 0,
  '{"id":"a1","type":"CREATE_DOCUMENT","scope":"document","timestampUtcMs":"2025-01-01T00:00:00.000Z","input":{"model":"powerhouse/document-drive","version":0,"documentId":"d","slug":"s","name":"N","branch":"main","meta":{},"protocolVersions":{"base-reducer":2},"signing":{"signature":"d","publicKey":{},"nonce":"","createdAtUtcIso":"2025-01-01T00:00:00.000Z","documentType":"powerhouse/document-drive"}}}', 0, NULL, '', NULL);
INSERT INTO "Operation" VALUES (2, 'job', 'o2', '', '2025-01-01T00:01:00.000Z', 'd', 'powerhouse/document-drive', 'document', 'main', '2025-01-01T00:01:00.000Z', 1,
  '{"id":"a2","type":"UPGRADE_DOCUMENT","scope":"document","timestampUtcMs":"2025-01-01T00:01:00.000Z","input":{"model":"powerhouse/document-drive","documentId":"d","fromVersion":0,"toVersion":1,"initialState":{"auth":{"version":0,"grants":[]},"document":{"version":1,"hash":{"algorithm":"sha1","encoding":"base64"}},"global":{"name":"","nodes":[],"icon":null},"local":{"listeners":[],"triggers":[],"sharingType":"private","availableOffline":false}}}}', 0, NULL, '', NULL);
INSERT INTO "Operation" VALUES (3, 'job', 'o3', '', '2025-01-01T00:02:00.000Z', 'd', 'powerhouse/document-drive', 'global', 'main', '2025-01-01T00:02:00.000Z', 0,
  '{"id":"a3","type":"ADD_FOLDER","scope":"global","timestampUtcMs":"2025-01-01T00:02:00.000Z","input":{"id":"a","name":"A"}}', 0, NULL, '', NULL);
INSERT INTO "Operation" VALUES (4, 'job', 'o4', '', '2025-01-01T00:03:00.000Z', 'd', 'powerhouse/document-drive', 'global', 'main', '2025-01-01T00:03:00.000Z', 1,
  '{"id":"a4","type":"ADD_FILE","scope":"global","timestampUtcMs":"2025-01-01T00:03:00.000Z","input":{"id":"b","name":"B","documentType":"t","parentFolder":"a"}}', 0, NULL, '', NULL);
INSERT INTO "Keyframe" VALUES (1, 'd', 'powerhouse/document-drive', 'global', 'main', 0,
  '{"header":{"id":"d","documentType":"powerhouse/document-drive","name":"N","meta":{},"revision":{"document":2,"global":1}},"state":{"auth":{"version":0,"grants":[]},"document":{"version":1,"hash":{"algorithm":"sha1","encoding":"base64"}},"global":{"name":"","nodes":[{"id":"a","kind":"folder","name":"A","parentFolder":null}],"icon":null},"local":{"listeners":[],"triggers":[],"sharingType":"private","availableOffline":false}},"initialState":{},"operations":{},"clipboard":[]}', '2025-01-01T00:02:00.000Z');
CREATE TABLE "OperationKept" AS SELECT * FROM "Operation";
CREATE TABLE "KeyframeKept" AS SELECT * FROM "Keyframe";
