/**
 * KeyValueState: the keys, sessions and members of a group as of its last applied entry, in memory. Pure: what it changes it
 * also adds to a batch, so that an engine that is given the batches in their order holds the same.
 *
 * The keys lie in the memory engine's tree, which keeps what a snapshot of it sees while entries are applied. Keys in the tree
 * begin with their tag, and have a revision before their value (`KeyValueRecords`).
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Limits from "#base/Limits.ts"
import type * as Batch from "#storage/Batch.ts"
import * as Keys from "#storage/Keys.ts"
import { Content } from "#storage/memory/Content.ts"
import { TreeCursor } from "#storage/memory/TreeCursor.ts"
import * as Command from "./KeyValueCommand.ts"
import * as Records from "./KeyValueRecords.ts"
import * as Sessions from "./Sessions.ts"
import type { Applied } from "./StateMachine.ts"

const { tags } = Records

export interface StateOptions {
  readonly applied: Applied
  readonly sessions: Sessions.Bounds
  /** Keys and values together. */
  readonly stateBytesMax: number
}

/** Memory of a small group is small, and a large one has few slabs. */
const treeOptions = { fanOut: 128, slabBytes: 1_048_576 }

/** What a transaction leaves at a key: a value, or nothing. */
interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Of a key's tag, key and record: summed up, it tells states apart whatever the order in which they came to be. */
const digestOf = (key: Uint8Array, record: Uint8Array): number => crc32c(record, 0, crc32c(key))

const noBytes = new Uint8Array(0)

/** The integer that decimal text is; undefined: it is none below 2^53. */
const integerOf = (text: Uint8Array): number | undefined => {
  const isNegative = text[0] === 0x2d
  const from = isNegative ? 1 : 0
  if (text.length === from || text.length > from + 16) return undefined
  let value = 0
  for (let at = from; at < text.length; at++) {
    const digit = text[at] - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return Number.isSafeInteger(value) ? (isNegative ? -value : value) : undefined
}

const textOf = (value: number): Uint8Array => {
  const text = String(value)
  return Uint8Array.from(text, (_, at) => text.charCodeAt(at))
}

export class KeyValueState {
  readonly content = new Content(treeOptions)
  readonly sessions: Sessions.Sessions
  private readonly options: StateOptions
  private last: Applied
  private changedAt = 0
  private count = 0
  private bytes = 0
  private sum = 0
  /** Of sessions, while they are loaded. */
  private readonly records: Array<readonly [id: number, record: Uint8Array]> = []
  /** Where changes go, and what their keys begin with there. */
  private batch: Batch.Batch
  private readonly space: Uint8Array

  constructor(options: StateOptions, space: Uint8Array, batch: Batch.Batch) {
    this.options = options
    this.sessions = new Sessions.Sessions(options.sessions)
    this.last = options.applied
    this.space = space
    this.batch = batch
  }

  get applied(): Applied {
    return this.last
  }

  /** The index of the last entry that changed a key. */
  get revision(): number {
    return this.changedAt
  }

  get entries(): number {
    return this.count
  }

  get sizeBytes(): number {
    return this.bytes
  }

  digest(): number {
    return (this.sum + this.sessions.digest + this.changedAt) >>> 0
  }

  // Loading.

  /** Takes what lies under a key of an engine or a snapshot, its tag included, but not the applied record. */
  load(key: Uint8Array, record: Uint8Array): void {
    if (key[0] === tags.session) this.records.push([Records.sessionOf(key), Bytes.copy(record)])
    else this.account(key, undefined, record)
    this.store(key, record)
  }

  /** Everything was loaded. False: a session's record cannot be read. */
  loaded(applied: Applied, revision: number): boolean {
    this.last = applied
    this.changedAt = revision
    return this.sessions.load(this.records.splice(0))
  }

  // Applying.

  apply(index: number, term: number, command: Uint8Array): Uint8Array {
    this.advance(index, term, this.last.configuration)
    return this.sessions.apply(index, command, (payload) => this.execute(payload))
  }

  pass(index: number, term: number, configuration: Applied["configuration"] = this.last.configuration): void {
    this.advance(index, term, configuration)
  }

  private advance(index: number, term: number, configuration: Applied["configuration"]): void {
    assert(index === this.last.index + 1, "entries are applied in their order, each once")
    assert(term >= this.last.term, "terms of entries never fall")
    this.last = { index, term, configuration }
  }

  private execute(payload: Uint8Array): Uint8Array {
    const transaction = Command.decode(payload)
    if (transaction === undefined) return Command.refuse("malformed")
    const isMatch = transaction.compares.every((comparison) => this.holds(comparison))
    const changes: Array<Change> = []
    const results: Array<Command.Result> = []
    let answerBytes = 0
    for (const operation of isMatch ? transaction.onMatch : transaction.otherwise) {
      const result = this.perform(operation, changes)
      if (typeof result === "string") return Command.refuse(result)
      if (result.type === "get") answerBytes += result.entry?.value.length ?? 0
      if (answerBytes > Limits.transactionAnswerBytesMax) return Command.refuse("too-large")
      results.push(result)
    }
    if (this.overfills(changes)) return Command.refuse("full")
    for (const { key, value } of changes) this.write(key, value)
    return Command.encodeAnswer({ type: "done", isMatch, revision: this.changedAt, results })
  }

  private holds(comparison: Command.Comparison): boolean {
    const record = this.record(comparison.key)
    switch (comparison.type) {
      case "absent":
        return record === undefined
      case "present":
        return record !== undefined
      case "value-is": {
        if (record === undefined) return false
        const { value } = comparison
        return Keys.compareIn(record, Records.revisionBytes, record.length, value, 0, value.length) === 0
      }
      default: {
        const revision = record === undefined ? 0 : Records.revisionOf(record)
        if (comparison.type === "revision-is") return revision === comparison.revision
        return comparison.type === "revision-below" ? revision < comparison.revision : revision > comparison.revision
      }
    }
  }

  /** What an operation answers, after the changes of those before it in its transaction; adds its own. */
  private perform(operation: Command.Operation, changes: Array<Change>): Command.Result | Command.Refusal {
    const { key } = operation
    const found = this.find(key, changes)
    switch (operation.type) {
      case "put":
        changes.push({ key, value: operation.value })
        return { type: "put", existed: found !== undefined }
      case "delete":
        changes.push({ key, value: undefined })
        return { type: "delete", existed: found !== undefined }
      case "get":
        return { type: "get", entry: found }
      default: {
        const before = found === undefined ? 0 : integerOf(found.value)
        if (before === undefined) return "not-a-number"
        const value = before + operation.by
        if (!Number.isSafeInteger(value)) return "out-of-range"
        changes.push({ key, value: textOf(value) })
        return { type: "increment", value }
      }
    }
  }

  private find(key: Uint8Array, changes: ReadonlyArray<Change>): Omit<Command.Entry, "key"> | undefined {
    for (let at = changes.length - 1; at >= 0; at--) {
      const change = changes[at]
      if (Keys.compare(change.key, key) !== 0) continue
      return change.value === undefined ? undefined : { value: change.value, revision: this.last.index }
    }
    return this.get(key)
  }

  /** Whether the changes would leave more than there may be, and more than there is. */
  private overfills(changes: ReadonlyArray<Change>): boolean {
    let added = 0
    for (const { key, value } of changes) added += value === undefined ? 0 : key.length + value.length
    if (this.bytes + added <= this.options.stateBytesMax) return false
    // Rare: what the changes replace is counted too, each key once.
    added = 0
    for (const [at, { key, value }] of changes.entries()) {
      if (changes.slice(at + 1).some((later) => Keys.compare(later.key, key) === 0)) continue
      const before = this.get(key)
      added += value === undefined ? 0 : key.length + value.length
      added -= before === undefined ? 0 : key.length + before.value.length
    }
    return added > 0 && this.bytes + added > this.options.stateBytesMax
  }

  private write(key: Uint8Array, value: Uint8Array | undefined): void {
    const own = Records.keyIn(noBytes, tags.key, key)
    const before = this.content.get(own, this.content.visible)
    if (value === undefined && before === undefined) return
    const record = value === undefined ? undefined : Records.valueRecord(this.last.index, value)
    this.account(own, before, record)
    this.changedAt = this.last.index
    this.store(own, record)
    const inEngine = Records.keyIn(this.space, tags.key, key)
    if (record === undefined) this.batch.delete(inEngine)
    else this.batch.put(inEngine, record)
  }

  private account(key: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    if (before !== undefined) this.add(key, before, -1)
    if (after !== undefined) this.add(key, after, 1)
  }

  private add(key: Uint8Array, record: Uint8Array, sign: 1 | -1): void {
    this.count += sign
    this.bytes += sign * (key.length - 1 + record.length - Records.revisionBytes)
    this.sum = (this.sum + sign * digestOf(key, record)) >>> 0
  }

  private store(key: Uint8Array, record: Uint8Array | undefined): void {
    const { content } = this
    if (record === undefined) content.delete(key, 0, key.length)
    else {
      const bytes = Bytes.allocate(key.length + record.length)
      bytes.set(key)
      bytes.set(record, key.length)
      content.put(bytes, 0, key.length, bytes.length)
    }
    content.housekeeping.written(key.length + (record?.length ?? 0))
    content.visible = content.tree.sequence
  }

  // Storing.

  /**
   * Completes the batch: it has all changes since the last one, sessions and the applied record included, and the tree has the
   * records of sessions too. Changes go to `next` from now on.
   */
  settle(next: Batch.Batch): void {
    this.sessions.drain((id, record) => {
      const key = Records.sessionKey(id)
      const inEngine = Records.keyIn(this.space, tags.session, key)
      if (record === undefined) this.batch.delete(inEngine)
      else this.batch.put(inEngine, record)
      this.store(Records.keyIn(noBytes, tags.session, key), record)
    })
    this.batch.put(Records.keyIn(this.space, tags.applied, noBytes), Records.appliedRecord(this.last, this.changedAt))
    assert(this.batch.refused === undefined, "the bounds of commands keep batches within theirs")
    this.batch = next
  }

  // Reading.

  /** Views. */
  private get(key: Uint8Array): Omit<Command.Entry, "key"> | undefined {
    const record = this.record(key)
    return record === undefined
      ? undefined
      : { value: record.subarray(Records.revisionBytes), revision: Records.revisionOf(record) }
  }

  private record(key: Uint8Array): Uint8Array | undefined {
    return this.content.get(Records.keyIn(noBytes, tags.key, key), this.content.visible)
  }

  read(bytes: Uint8Array): Uint8Array {
    const query = Command.decodeQuery(bytes)
    switch (query?.type) {
      case "get":
        return Command.encodeQueryAnswer({ type: "get", entry: this.get(query.key) })
      case "range":
        return Command.encodeQueryAnswer(this.range(query))
      case "status":
        return Command.encodeQueryAnswer({
          type: "status",
          applied: this.last.index,
          revision: this.changedAt,
          entries: this.count,
          sizeBytes: this.bytes
        })
      default:
        return Command.refuse("malformed")
    }
  }

  private range({
    from,
    limit,
    to
  }: Extract<Command.Query, { type: "range" }>): Extract<Command.QueryAnswer, { type: "range" }> {
    const cursor = new TreeCursor(this.content.tree, {
      at: this.content.visible,
      from: Records.keyIn(noBytes, tags.key, from),
      to: to === undefined ? Uint8Array.of(tags.key + 1) : Records.keyIn(noBytes, tags.key, to)
    })
    const entries: Array<Command.Entry> = []
    let bytes = 0
    while (cursor.next()) {
      const key = cursor.key().subarray(1)
      const record = cursor.value()
      bytes += key.length + record.length
      const isFull = entries.length >= limit || (entries.length > 0 && bytes > Limits.queryAnswerBytesMax)
      if (isFull) return { type: "range", entries, hasMore: true }
      entries.push({
        key,
        value: record.subarray(Records.revisionBytes),
        revision: Records.revisionOf(record)
      })
    }
    return { type: "range", entries, hasMore: false }
  }
}
