/**
 * KeyValueCommand: what clients of a key-value group say, and are answered. Every command is a transaction as etcd's: when all
 * comparisons hold, the operations of `onMatch` are carried out, else those of `otherwise`, all of them or none. A put or a
 * compare-and-set is a transaction of one operation.
 *
 * Bytes are `length u32, bytes`; revisions and numbers f64; lists `count u8, items`. An item begins with its kind.
 *
 * | command    | comparisons, operations of `onMatch`, operations of `otherwise`                                 |
 * | comparison | 1 value is: key, value · 2 absent: key · 3 present: key · 4, 5, 6 revision is, below, above: key, revision |
 * | operation  | 1 put: key, value · 2 delete: key · 3 increment: key, by · 4 get: key                         |
 * | query      | 1 get: key · 2 range: from, u8 whether there is a `to`, to, limit u32 · 3 status              |
 * | answer     | 0, what was done; or the number of a refusal                                                  |
 */
import { Reader, Writer } from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"

export type Comparison =
  | { readonly type: "value-is"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "absent" | "present"; readonly key: Uint8Array }
  | {
      readonly type: "revision-is" | "revision-below" | "revision-above"
      readonly key: Uint8Array
      /** The index of the entry that wrote the key last; 0: it is absent. */
      readonly revision: number
    }

export type Operation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "delete" | "get"; readonly key: Uint8Array }
  /** Of an integer as decimal text, as it lies in the value; an absent one counts as 0. */
  | { readonly type: "increment"; readonly key: Uint8Array; readonly by: number }

export interface Transaction {
  readonly compares: ReadonlyArray<Comparison>
  readonly onMatch: ReadonlyArray<Operation>
  readonly otherwise: ReadonlyArray<Operation>
}

export type Query =
  | { readonly type: "get"; readonly key: Uint8Array }
  /** Keys in [from, to); without `to` up to the last. */
  | { readonly type: "range"; readonly from: Uint8Array; readonly to: Uint8Array | undefined; readonly limit: number }
  | { readonly type: "status" }

const comparisons = [
  undefined,
  "value-is",
  "absent",
  "present",
  "revision-is",
  "revision-below",
  "revision-above"
] as const
const operations = [undefined, "put", "delete", "increment", "get"] as const
const queries = [undefined, "get", "range", "status"] as const

/**
 * Nothing was changed, because:
 * - `malformed`: the command cannot be read, or a key or a value is over its bound.
 * - `not-a-number`, `out-of-range`: what an increment found, or would leave, is no integer below 2^53.
 * - `too-large`: what was to be answered is over the bound; ask for less.
 * - `full`: the group holds as much as it may; deletes pass.
 */
export const refusals = [undefined, "malformed", "not-a-number", "out-of-range", "too-large", "full"] as const
export type Refusal = NonNullable<(typeof refusals)[number]>

export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly revision: number
}

export type Result =
  /** `existed`: there was a value before. */
  | { readonly type: "put" | "delete"; readonly existed: boolean }
  | { readonly type: "increment"; readonly value: number }
  | { readonly type: "get"; readonly entry: Omit<Entry, "key"> | undefined }

export type Answer =
  | {
      readonly type: "done"
      /** The comparisons held. */
      readonly isMatch: boolean
      /** Of the group: the index of the last entry that changed anything. */
      readonly revision: number
      /** One an operation. */
      readonly results: ReadonlyArray<Result>
    }
  | { readonly type: "refused"; readonly reason: Refusal }

export type QueryAnswer =
  | { readonly type: "get"; readonly entry: Omit<Entry, "key"> | undefined }
  /** `hasMore`: there are more keys than were asked for, or than fit. */
  | { readonly type: "range"; readonly entries: ReadonlyArray<Entry>; readonly hasMore: boolean }
  | {
      readonly type: "status"
      readonly applied: number
      readonly revision: number
      readonly entries: number
      readonly sizeBytes: number
    }
  | { readonly type: "refused"; readonly reason: Refusal }

// Commands of one operation.

export const put = (key: Uint8Array, value: Uint8Array): Transaction => only({ type: "put", key, value })
export const remove = (key: Uint8Array): Transaction => only({ type: "delete", key })
export const increment = (key: Uint8Array, by: number): Transaction => only({ type: "increment", key, by })

const only = (operation: Operation): Transaction => ({ compares: [], onMatch: [operation], otherwise: [] })

/** Writes `to` when the key has the value `from`; undefined stands for absence on both sides. */
export const compareAndSet = (
  key: Uint8Array,
  { from, to }: { readonly from: Uint8Array | undefined; readonly to: Uint8Array | undefined }
): Transaction => ({
  compares: [from === undefined ? { type: "absent", key } : { type: "value-is", key, value: from }],
  onMatch: [to === undefined ? { type: "delete", key } : { type: "put", key, value: to }],
  otherwise: []
})

// Commands as bytes.

const putBytes = (writer: Writer, bytes: Uint8Array): Writer => writer.u32(bytes.length).raw(bytes)
const getBytes = (reader: Reader): Uint8Array => reader.raw(reader.u32())

const writeComparison = (writer: Writer, comparison: Comparison): void => {
  putBytes(writer.u8(comparisons.indexOf(comparison.type)), comparison.key)
  if (comparison.type === "value-is") putBytes(writer, comparison.value)
  else if ("revision" in comparison) writer.f64(comparison.revision)
}

const writeOperation = (writer: Writer, operation: Operation): void => {
  putBytes(writer.u8(operations.indexOf(operation.type)), operation.key)
  if (operation.type === "put") putBytes(writer, operation.value)
  else if (operation.type === "increment") writer.f64(operation.by)
}

export const encode = ({ compares, otherwise, onMatch }: Transaction): Uint8Array => {
  const writer = Writer.make().u8(compares.length)
  for (const comparison of compares) writeComparison(writer, comparison)
  for (const list of [onMatch, otherwise]) {
    writer.u8(list.length)
    for (const operation of list) writeOperation(writer, operation)
  }
  return writer.finish()
}

const readKey = (reader: Reader): Uint8Array | undefined => {
  const key = getBytes(reader)
  return reader.isWhole && key.length > 0 && key.length <= Limits.groupKeyBytesMax ? key : undefined
}

const readValue = (reader: Reader): Uint8Array | undefined => {
  const value = getBytes(reader)
  return reader.isWhole && value.length <= Limits.groupValueBytesMax ? value : undefined
}

const readComparison = (reader: Reader): Comparison | undefined => {
  const type = comparisons[reader.u8()]
  const key = readKey(reader)
  if (type === undefined || key === undefined) return undefined
  if (type === "absent" || type === "present") return { type, key }
  if (type === "value-is") {
    const value = readValue(reader)
    return value === undefined ? undefined : { type, key, value }
  }
  const revision = reader.f64()
  return reader.isWhole ? { type, key, revision } : undefined
}

const readOperation = (reader: Reader): Operation | undefined => {
  const type = operations[reader.u8()]
  const key = readKey(reader)
  if (type === undefined || key === undefined) return undefined
  if (type === "put") {
    const value = readValue(reader)
    return value === undefined ? undefined : { type, key, value }
  }
  if (type !== "increment") return { type, key }
  const by = reader.f64()
  return reader.isWhole && Number.isSafeInteger(by) ? { type, key, by } : undefined
}

const readList = <A>(reader: Reader, read: (reader: Reader) => A | undefined): ReadonlyArray<A> | undefined => {
  const count = reader.u8()
  if (!reader.isWhole || count > Limits.transactionOperationsMax) return undefined
  const list: Array<A> = []
  for (let left = count; left > 0; left--) {
    const item = read(reader)
    if (item === undefined) return undefined
    list.push(item)
  }
  return list
}

/** Undefined: it is malformed. Keys and values are views. */
export const decode = (bytes: Uint8Array): Transaction | undefined => {
  const reader = new Reader(bytes)
  const compares = readList(reader, readComparison)
  const onMatch = compares === undefined ? undefined : readList(reader, readOperation)
  const otherwise = onMatch === undefined ? undefined : readList(reader, readOperation)
  if (compares === undefined || onMatch === undefined || otherwise === undefined) return undefined
  return reader.leftBytes === 0 ? { compares, onMatch, otherwise } : undefined
}

// Queries as bytes.

export const encodeQuery = (query: Query): Uint8Array => {
  const writer = Writer.make().u8(queries.indexOf(query.type))
  if (query.type === "get") putBytes(writer, query.key)
  else if (query.type === "range") {
    putBytes(writer, query.from).u8(query.to === undefined ? 0 : 1)
    putBytes(writer, query.to ?? new Uint8Array(0)).u32(query.limit)
  }
  return writer.finish()
}

export const decodeQuery = (bytes: Uint8Array): Query | undefined => {
  const reader = new Reader(bytes)
  const query = readQuery(reader)
  return reader.isWhole && reader.leftBytes === 0 ? query : undefined
}

const readQuery = (reader: Reader): Query | undefined => {
  const type = queries[reader.u8()]
  if (type === "get") {
    const key = readKey(reader)
    return key === undefined ? undefined : { type, key }
  }
  if (type !== "range") return type === undefined ? undefined : { type }
  const from = getBytes(reader)
  const hasTo = reader.u8()
  const to = getBytes(reader)
  if (from.length > Limits.groupKeyBytesMax || to.length > Limits.groupKeyBytesMax || hasTo > 1) return undefined
  return { type, from, to: hasTo === 1 ? to : undefined, limit: reader.u32() }
}

// Answers as bytes.

const writeEntry = (writer: Writer, entry: Omit<Entry, "key"> | undefined): void => {
  writer.u8(entry === undefined ? 0 : 1)
  if (entry !== undefined) putBytes(writer.f64(entry.revision), entry.value)
}

const readEntry = (reader: Reader): Omit<Entry, "key"> | undefined =>
  reader.u8() === 0 ? undefined : { revision: reader.f64(), value: getBytes(reader) }

export const refuse = (reason: Refusal): Uint8Array => Uint8Array.of(refusals.indexOf(reason))

export const encodeAnswer = ({ isMatch, results, revision }: Extract<Answer, { type: "done" }>): Uint8Array => {
  const writer = Writer.make()
    .u8(0)
    .u8(isMatch ? 1 : 0)
    .f64(revision)
    .u8(results.length)
  for (const result of results) {
    writer.u8(operations.indexOf(result.type))
    if (result.type === "get") writeEntry(writer, result.entry)
    else if (result.type === "increment") writer.f64(result.value)
    else writer.u8(result.existed ? 1 : 0)
  }
  return writer.finish()
}

const readResult = (reader: Reader): Result | undefined => {
  const type = operations[reader.u8()]
  if (type === "get") return { type, entry: readEntry(reader) }
  if (type === "increment") return { type, value: reader.f64() }
  return type === undefined ? undefined : { type, existed: reader.u8() === 1 }
}

/** Undefined: it is no answer. */
export const decodeAnswer = (bytes: Uint8Array): Answer | undefined => {
  const reader = new Reader(bytes)
  const status = reader.u8()
  const reason = refusals[status]
  if (status !== 0) return reason === undefined ? undefined : { type: "refused", reason }
  const isMatch = reader.u8() === 1
  const revision = reader.f64()
  const results = readList(reader, readResult)
  return results === undefined || !reader.isWhole ? undefined : { type: "done", isMatch, revision, results }
}

export const encodeQueryAnswer = (answer: Exclude<QueryAnswer, { type: "refused" }>): Uint8Array => {
  const writer = Writer.make().u8(0).u8(queries.indexOf(answer.type))
  switch (answer.type) {
    case "get":
      writeEntry(writer, answer.entry)
      break
    case "range":
      writer.u8(answer.hasMore ? 1 : 0).u32(answer.entries.length)
      for (const { key, revision, value } of answer.entries) putBytes(putBytes(writer, key).f64(revision), value)
      break
    default:
      writer.f64(answer.applied).f64(answer.revision).f64(answer.entries).f64(answer.sizeBytes)
  }
  return writer.finish()
}

/** Undefined: it is no answer. */
export const decodeQueryAnswer = (bytes: Uint8Array): QueryAnswer | undefined => {
  const reader = new Reader(bytes)
  const status = reader.u8()
  const reason = refusals[status]
  if (status !== 0) return reason === undefined ? undefined : { type: "refused", reason }
  const answer = readQueryAnswer(reader)
  return reader.isWhole ? answer : undefined
}

const readQueryAnswer = (reader: Reader): QueryAnswer | undefined => {
  const type = queries[reader.u8()]
  if (type === "get") return { type, entry: readEntry(reader) }
  if (type === "status") {
    return {
      type,
      applied: reader.f64(),
      revision: reader.f64(),
      entries: reader.f64(),
      sizeBytes: reader.f64()
    }
  }
  if (type !== "range") return undefined
  const hasMore = reader.u8() === 1
  const entries: Array<Entry> = []
  for (let left = reader.u32(); left > 0 && reader.isWhole; left--) {
    entries.push({ key: getBytes(reader), revision: reader.f64(), value: getBytes(reader) })
  }
  return { type, entries, hasMore }
}
