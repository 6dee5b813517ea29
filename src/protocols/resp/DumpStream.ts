/**
 * DumpStream: a stream in the form in which Redis 7 dumps it: listpacks of entries, one a node, then what the stream knows of itself, then its
 * groups. An entry says how far its id is from the node's, and does without the names of its fields where they are the node's.
 *
 * Deleted entries, which Redis keeps in a node until all of it goes, are not written; those that are read are passed over.
 */
import * as Latin1 from "#base/Latin1.ts"
import * as Listpack from "#database/redis/Listpack.ts"
import type { Input, Output } from "#database/redis/RdbBytes.ts"
import type { Consumer, StreamGroup } from "#database/redis/StreamGroup.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import { addedUpTo } from "#database/redis/StreamProgress.ts"
import { type Fields, type NodeLimits, StreamValue } from "#database/redis/StreamValue.ts"

/** What an entry's first integer says. */
const isDeleted = 1
const hasNodeNames = 2

const idBytes = 16

/** One half of an id: its milliseconds, or its sequence number. */
const half = (id: string, at: number): bigint => {
  let value = 0n
  for (let i = at; i < at + 8; i++) value = (value << 8n) | BigInt(id.charCodeAt(i))
  return value
}

const halfText = (value: bigint): string => {
  let text = ""
  for (let shift = 56n; shift >= 0n; shift -= 8n) text += String.fromCharCode(Number((value >> shift) & 255n))
  return text
}

const idOf = (ms: bigint, seq: bigint): string => halfText(BigInt.asUintN(64, ms)) + halfText(BigInt.asUintN(64, seq))

const namesOf = (fields: Fields): ReadonlyArray<string> => fields.filter((_, i) => i % 2 === 0)

/** The entries of one node. */
class NodeWriter {
  private readonly id: string
  private readonly names: ReadonlyArray<string>
  private readonly entries: Array<readonly [id: string, fields: Fields]> = []

  constructor(id: string, fields: Fields) {
    this.id = id
    this.names = namesOf(fields)
  }

  add(id: string, fields: Fields): void {
    this.entries.push([id, fields])
  }

  private entry(pack: Listpack.Writer, id: string, fields: Fields): void {
    const names = namesOf(fields)
    const isSame = names.length === this.names.length && names.every((name, i) => name === this.names[i])
    pack.integer(isSame ? hasNodeNames : 0)
    pack.integer(BigInt.asIntN(64, half(id, 0) - half(this.id, 0)))
    pack.integer(BigInt.asIntN(64, half(id, 8) - half(this.id, 8)))
    if (!isSame) pack.integer(names.length)
    for (const [i, text] of fields.entries()) if (!isSame || i % 2 === 1) pack.text(text)
    // How many the entry is made of, so that it can be read from behind.
    pack.integer(isSame ? names.length + 3 : 2 * names.length + 4)
  }

  write(out: Output): void {
    const pack = new Listpack.Writer()
    pack.integer(this.entries.length)
    pack.integer(0)
    pack.integer(this.names.length)
    for (const name of this.names) pack.text(name)
    pack.integer(0)
    for (const [id, fields] of this.entries) this.entry(pack, id, fields)
    out.blob(Latin1.encode(this.id))
    out.blob(pack.finish())
  }
}

const writeId = (out: Output, id: string): void => {
  out.length(half(id, 0))
  out.length(half(id, 8))
}

const writeConsumer = (out: Output, { name, pending, seenAt }: Consumer): void => {
  out.text(name)
  out.i64(BigInt(seenAt))
  out.length(pending.size)
  pending.each(StreamId.zero, (id) => out.chars(id))
}

const writeGroup = (out: Output, group: StreamGroup): void => {
  out.text(group.name)
  writeId(out, group.lastId)
  out.length(BigInt.asUintN(64, BigInt(group.entriesRead)))
  out.length(group.pending.size)
  group.pending.each(StreamId.zero, (id, { deliveredAt, deliveries }) => {
    out.chars(id)
    out.i64(BigInt(deliveredAt))
    out.length(deliveries)
  })
  out.length(group.consumers.size)
  for (const consumer of group.byName()) writeConsumer(out, consumer)
}

/** Everything behind the byte that says that it is a stream. */
export const write = (out: Output, stream: StreamValue): void => {
  const starts = stream.nodeNames
  const nodes: Array<NodeWriter> = []
  let next = 0
  stream.each(StreamId.zero, StreamId.max, (id, fields) => {
    if (next < starts.length && id >= starts[next]) {
      nodes.push(new NodeWriter(starts[next], fields))
      next++
    }
    nodes[nodes.length - 1].add(id, fields)
  })
  out.length(nodes.length)
  for (const node of nodes) node.write(out)
  out.length(stream.size)
  writeId(out, stream.lastId)
  writeId(out, stream.firstId)
  writeId(out, stream.maxDeletedId)
  out.length(stream.added)
  out.length(stream.groups.size)
  for (const group of stream.groupsByName()) writeGroup(out, group)
}

/** Reads the texts of a listpack one by one; past the end, and where an integer is due and is none, it is broken. */
class TextReader {
  private readonly texts: ReadonlyArray<string>
  private at = 0
  isWhole = true

  constructor(texts: ReadonlyArray<string>) {
    this.texts = texts
  }

  get isDone(): boolean {
    return !this.isWhole || this.at >= this.texts.length
  }

  text(): string {
    if (this.at >= this.texts.length) this.isWhole = false
    return this.texts[this.at++] ?? ""
  }

  integer(): bigint {
    const text = this.text()
    if (/^-?\d+$/.test(text)) return BigInt(text)
    this.isWhole = false
    return 0n
  }

  /** How many follow. */
  count(): number {
    const count = Number(this.integer())
    if (count >= 0 && count <= this.texts.length) return count
    this.isWhole = false
    return 0
  }
}

/** Adds the entries of a node; false: they are not those of one. */
const readNode = (stream: StreamValue, master: string, pack: Uint8Array, limits: NodeLimits): boolean => {
  const texts = Listpack.decode(pack)
  if (texts === undefined || master.length !== idBytes) return false
  const reader = new TextReader(texts)
  const count = reader.count()
  reader.count()
  const names = Array.from({ length: reader.count() }, () => reader.text())
  reader.integer()
  let added = 0
  while (!reader.isDone) {
    const flags = reader.count()
    const ms = half(master, 0) + reader.integer()
    const seq = half(master, 8) + reader.integer()
    const own = (flags & hasNodeNames) === 0 ? reader.count() : 0
    const fields =
      (flags & hasNodeNames) === 0
        ? Array.from({ length: 2 * own }, () => reader.text())
        : names.flatMap((name) => [name, reader.text()])
    reader.count()
    if ((flags & isDeleted) !== 0) continue
    const id = idOf(ms, seq)
    if (!reader.isWhole || id <= stream.lastId) return false
    stream.append(id, fields, limits)
    added++
  }
  return reader.isWhole && added === count
}

/** A number that is exact here; times and counts that are not cannot be. */
const safe = (input: Input, value: bigint): number => {
  const number = Number(value)
  if (number >= 0 && Number.isSafeInteger(number)) return number
  input.refuse()
  return 0
}

const readId = (input: Input): string => {
  const ms = input.wideLength()
  return idOf(ms, input.wideLength())
}

const readPending = (input: Input): ReadonlyMap<string, readonly [deliveredAt: number, deliveries: number]> => {
  const pending = new Map<string, readonly [number, number]>()
  for (let left = input.length(); left > 0 && input.isWhole; left--) {
    const id = input.chars(idBytes)
    const deliveredAt = safe(input, input.i64())
    pending.set(id, [deliveredAt, safe(input, input.wideLength())])
  }
  return pending
}

const readGroup = (input: Input, stream: StreamValue, isOld: boolean): void => {
  const name = input.text()
  const lastId = readId(input)
  const entriesRead = isOld ? addedUpTo(stream, lastId) : safe(input, BigInt.asIntN(64, input.wideLength()) + 1n) - 1
  if (stream.groups.has(name)) return input.refuse()
  const group = stream.addGroup(name, lastId, entriesRead)
  const pending = readPending(input)
  for (let left = input.length(); left > 0 && input.isWhole; left--) {
    const consumerName = input.text()
    if (group.consumers.has(consumerName)) return input.refuse()
    const consumer = group.addConsumer(consumerName, safe(input, input.i64()))
    for (let own = input.length(); own > 0 && input.isWhole; own--) {
      const id = input.chars(idBytes)
      const [deliveredAt, deliveries] = pending.get(id) ?? [0, 0]
      if (!pending.has(id)) return input.refuse()
      group.deliver(id, consumer, deliveredAt, deliveries)
    }
  }
  // What is pending is pending for somebody.
  if (group.pending.size !== pending.size) input.refuse()
}

/** Reads what `write` writes or, `isOld`, what Redis before 7 did; the input is refused where it is no stream. */
export const read = (input: Input, limits: NodeLimits, isOld: boolean): StreamValue => {
  const stream = new StreamValue()
  for (let left = input.length(); left > 0 && input.isWhole; left--) {
    const master = Latin1.decode(input.blob())
    if (!readNode(stream, master, input.blob(), limits)) input.refuse()
  }
  if (input.length() !== stream.size) input.refuse()
  const lastId = readId(input)
  if (lastId < stream.lastId) input.refuse()
  stream.lastId = lastId
  if (!isOld) {
    readId(input)
    stream.maxDeletedId = readId(input)
    stream.added = safe(input, input.wideLength())
  }
  for (let left = input.length(); left > 0 && input.isWhole; left--) readGroup(input, stream, isOld)
  return stream
}
