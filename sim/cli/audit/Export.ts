/**
 * Export: an audit trail as a database of SQLite, for people who ask it questions. It is a copy and proves nothing: what is wrong with the
 * trail stands in its table `findings`. The database appears when all of it is there.
 */
import * as fs from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as TupleText from "#keyspace/TupleText.ts"
import type { Entry } from "#keyspace/audit/AuditEntry.ts"
import type { Arguments } from "./Arguments.ts"
import { Mistake } from "./Mistake.ts"
import * as Trail from "./Trail.ts"

/** `user_version` of the database: the version of these tables. */
const version = 1

const schema = `
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA user_version = ${version};
CREATE TABLE entries (
  offset_bytes INTEGER PRIMARY KEY, -- where in the trail it begins
  chain INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  at TEXT NOT NULL,
  at_micros INTEGER NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  actor TEXT NOT NULL,
  subject TEXT NOT NULL,
  keys_total INTEGER NOT NULL, -- how many were touched; the first of them are in keys
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE TABLE keys (
  offset_bytes INTEGER NOT NULL REFERENCES entries,
  position INTEGER NOT NULL,
  key BLOB NOT NULL,
  shown TEXT NOT NULL,
  PRIMARY KEY (offset_bytes, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE chains (
  chain INTEGER PRIMARY KEY,
  entries INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE TABLE findings (
  type TEXT NOT NULL,
  chain INTEGER,
  sequence INTEGER,
  last INTEGER,
  offset_bytes INTEGER,
  message TEXT NOT NULL
) STRICT;
BEGIN`

/** After the entries: filling an index that is there costs twice as much. */
const finish = `
COMMIT;
CREATE INDEX entries_by_sequence ON entries (chain, sequence);
CREATE INDEX entries_by_time ON entries (at_micros);
CREATE INDEX entries_by_subject ON entries (subject);
CREATE INDEX entries_by_actor ON entries (actor);
CREATE INDEX keys_by_key ON keys (key)`

/** As SQLite's own functions take it, with microseconds. */
const timeOf = (micros: number): string => {
  const seconds = Math.floor(micros / 1_000_000)
  const rest = String(micros - seconds * 1_000_000).padStart(6, "0")
  return `${new Date(seconds * 1_000).toISOString().slice(0, -5)}.${rest}Z`
}

const fill = async (database: DatabaseSync, asked: Arguments): Promise<Trail.Verified> => {
  database.exec(schema)
  const addEntry = database.prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
  const addKey = database.prepare("INSERT INTO keys VALUES (?, ?, ?, ?)")
  const verified = await Trail.verify(asked, (entry: Entry, offset) => {
    const { actor, atMicros, chain, hash, keys, keysTotal, kind, outcome, previous, sequence, subject } = entry
    const time = [timeOf(atMicros), atMicros] as const
    addEntry.run(offset, chain, sequence, ...time, kind, outcome, actor, subject, keysTotal, previous, hash)
    for (const [position, key] of keys.entries()) addKey.run(offset, position, key, TupleText.textOfKey(key))
  })
  const addChain = database.prepare("INSERT INTO chains VALUES (?, ?, ?, ?)")
  for (const { chain, entries, head } of verified.chains) addChain.run(chain, entries, head.sequence, head.hash)
  const addFinding = database.prepare("INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?)")
  for (const { chain, last, message, offsetBytes, sequence, type } of verified.findings) {
    addFinding.run(type, chain ?? null, sequence ?? null, last ?? sequence ?? null, offsetBytes ?? null, message)
  }
  database.exec(finish)
  return verified
}

/** Throws `Mistake` where there is no trail, or something is in the database's place. */
export const run = async (asked: Arguments): Promise<Trail.Verified> => {
  const { output } = asked
  if (fs.existsSync(output)) throw new Mistake(`${output} is there already: name another file by --output.`)
  const growing = `${output}.new`
  fs.rmSync(growing, { force: true })
  const database = new DatabaseSync(growing)
  try {
    const verified = await fill(database, asked)
    database.close()
    fs.renameSync(growing, output)
    return verified
  } catch (error) {
    if (database.isOpen) database.close()
    fs.rmSync(growing, { force: true })
    throw error
  }
}
