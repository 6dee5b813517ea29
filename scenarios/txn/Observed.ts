/**
 * Observed: besides what Raft does (`raft/Observed`), what each command of a range does to keys, as trace events, for the judges of
 * `Invariants`. Keys are text.
 *
 * | event             | what                                                                                                    |
 * | ----------------- | ------------------------------------------------------------------------------------------------------- |
 * | `keyspace/write`  | a command took effect: its records, intents that are laid, intents that are gone, latest versions, JSON |
 */
import { entryKinds, type Entry } from "#consensus/Message.ts"
import type { Group } from "#consensus/Observer.ts"
import { systemRange } from "#keyspace/Descriptor.ts"
import * as AuditEntry from "#keyspace/audit/AuditEntry.ts"
import * as Key from "#keyspace/Key.ts"
import * as RangeCommand from "#keyspace/RangeCommand.ts"
import * as Records from "#keyspace/Records.ts"
import * as Batch from "#storage/Batch.ts"
import type { Isolation } from "#txn/Attempt.ts"
import * as Raft from "../raft/Observed.ts"

export interface Written {
  /** Nothing is decided any more of transactions that began before it; 0: as before. */
  readonly floor: number
  readonly records: ReadonlyArray<{
    readonly txn: number
    /** 0: it is aborted. */
    readonly at: number
    readonly keys: ReadonlyArray<string>
  }>
  readonly intents: ReadonlyArray<{ readonly key: string; readonly txn: number }>
  readonly cleared: ReadonlyArray<string>
  readonly versions: ReadonlyArray<{ readonly key: string; readonly at: number }>
  /** Transactions of whose end it tells the audit trail; undefined: it tells nothing. */
  readonly told?: ReadonlyArray<number>
}

const text = new TextDecoder()

const writtenBy = (operations: Uint8Array): Omit<Written, "floor" | "told"> => {
  const records: Array<Written["records"][number]> = []
  const intents: Array<Written["intents"][number]> = []
  const cleared: Array<string> = []
  const versions: Array<Written["versions"][number]> = []
  const visit = (engineKey: Uint8Array, value: Uint8Array | undefined): void => {
    const [tag] = engineKey
    const end = Key.endOf(engineKey)
    const key = text.decode(Key.keyOf(engineKey, end))
    if (tag === Key.tags.intent) {
      if (value === undefined) cleared.push(key)
      else intents.push({ key, txn: Records.readIntent(value).txn.id })
    }
    if (tag !== Key.tags.data || value === undefined) return
    const kind = Key.kindAt(engineKey, end)
    if (kind === Key.kinds.head) versions.push({ key, at: Records.readHead(value).at })
    if (kind === Key.kinds.record) {
      const { keys, outcome } = Records.readRecord(value)
      const at = outcome.type === "committed" ? outcome.at : 0
      records.push({ txn: Key.recordOf(engineKey, end), at, keys: keys.map((each) => text.decode(each)) })
    }
  }
  Batch.visit(operations, 0, operations.length, {
    put: (bytes, from, to, valueTo) => visit(bytes.subarray(from, to), bytes.subarray(to, valueTo)),
    delete: (bytes, from, to) => visit(bytes.subarray(from, to), undefined),
    deleteRange: () => {}
  })
  return { records, intents, cleared, versions }
}

/** Transactions whose end a command tells the trail of. */
const toldBy = (decisions: ReadonlyArray<Uint8Array>): ReadonlyArray<number> => {
  const place = { chain: 0, sequence: 1, previous: new Uint8Array(AuditEntry.hashBytes) }
  return decisions.flatMap((decision) => {
    const entry = AuditEntry.decode(AuditEntry.entryOf(decision, place))
    return typeof entry !== "string" && entry.kind === "transaction" ? [Number(entry.subject)] : []
  })
}

/** What a command has done; undefined: nothing, or it is no write. One that a range refused has done nothing. */
export const writtenOf = ({ data, kind }: Entry, answer: Uint8Array | undefined): Written | undefined => {
  if (kind !== entryKinds.normal || answer?.[0] !== RangeCommand.answers.done[0]) return undefined
  const command = RangeCommand.decode(data)
  if (command?.type !== "write") return undefined
  const told = command.decisions === undefined ? {} : { told: toldBy(command.decisions) }
  return { floor: command.floor, ...writtenBy(command.operations), ...told }
}

export class Observed extends Raft.Observed {
  /** A body begins, as an attempt with this id. */
  attempted(_id: number, _isolation: Isolation): void {}

  /** A client is about to be told that a transaction is committed; `at` 0: aborted. */
  told(_id: number, _at: number): void {}

  override applied(group: Group, entry: Entry, answer: Uint8Array | undefined): void {
    super.applied(group, entry, answer)
    const written = group.id === systemRange ? undefined : writtenOf(entry, answer)
    if (written === undefined) return
    this.trace.emit("debug", "keyspace/write", {
      group: group.id,
      index: entry.index,
      written: JSON.stringify(written)
    })
  }
}
