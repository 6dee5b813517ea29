/**
 * StreamValue: a stream of Redis: entries in the order of their ids, in nodes of about a hundred, and groups of consumers. A node is what is
 * stored; adding at the end costs O(1), finding an id O(log n). Where a node ends is as in Redis, since an approximate trim removes whole nodes.
 *
 * Stored: a node under `e` and the id that it began with: its last id, how many entries were removed, its size in Redis, the names of its fields, then
 * entries: id, how many texts (0: values of the node's names), texts. Groups: see `StreamGroup`.
 */
import { assert } from "#base/Assert.ts"
import * as Footprint from "./Footprint.ts"
import * as ListpackSize from "./ListpackSize.ts"
import { placeOf } from "./OrderedIds.ts"
import * as Packed from "./Packed.ts"
import { StreamGroup } from "./StreamGroup.ts"
import * as StreamId from "./StreamId.ts"
import type { ElementSink, Value } from "./Value.ts"

/** Names and values in turn. */
export type Fields = ReadonlyArray<string>

/** Of settings: how large a node grows. */
export interface NodeLimits {
  readonly streamNodeMaxBytes: number
  readonly streamNodeMaxEntries: number
}

/** A node in Redis is never larger, whatever is set. */
const nodeBytesMax = 1_073_741_824

interface Node {
  /** The id that it began with, and is stored under. */
  readonly master: string
  /** Names of the fields that it began with: most entries have the same. */
  readonly names: ReadonlyArray<string>
  /** Both halves of `master`. */
  readonly millis: number
  readonly sequence: number
  /** The id that was added last, whether it is there still or not. */
  last: string
  readonly ids: Array<string>
  readonly entries: Array<Fields>
  /** Entries that were removed. */
  deleted: number
  /** What Redis would take for names and entries, removed ones included. */
  bytes: number
  isStored: boolean
  isDirty: boolean
}

export interface Trim {
  /** Entries that stay at most; undefined: as many as there are. */
  readonly lengthMax?: number
  /** Entries before it go. */
  readonly minId?: string
  /** Only whole nodes are removed, and no more than `limit` entries (0: no limit). */
  readonly isApproximate: boolean
  readonly limit: number
}

const isEntry = "e"

export class StreamValue implements Value {
  readonly type = "stream"
  readonly encoding = "stream"
  size = 0
  lastId = StreamId.zero
  /** The largest id that was removed by its name. */
  maxDeletedId = StreamId.zero
  /** How many were ever added. */
  added = 0
  readonly groups = new Map<string, StreamGroup>()
  private nodes: Array<Node> = []
  /** Of all entries, as they lie in memory. */
  private entriesBytes = 0
  /** What all groups hold. */
  private readonly groupsHeld = { bytes: 0 }
  private groupNumbers = 0
  /** Nodes to be written; undefined as long as nothing was. */
  private dirty: Array<Node> | undefined
  private removed = new Set<string>()
  private destroyed: Array<StreamGroup> = []

  get heldBytes(): number {
    return Footprint.fixedBytes.stream + this.entriesBytes + this.groupsHeld.bytes
  }

  get firstId(): string {
    return this.size === 0 ? StreamId.zero : this.nodes[0].ids[0]
  }

  /** Nodes that are there, and what they are called. */
  get nodeNames(): ReadonlyArray<string> {
    return this.nodes.map(({ master }) => master)
  }

  /** Adds an entry at the end: its id is above the last one. The fields are the stream's from then on. */
  append(id: string, fields: Array<string>, limits: NodeLimits): void {
    assert(id > this.lastId, "the id of a new entry is above all others")
    let node = this.nodes[this.nodes.length - 1]
    if (node === undefined || isFull(node, fields, limits)) {
      node = nodeOf(id, fields)
      this.nodes.push(node)
    }
    const isSame = hasNames(node, fields)
    // One text for a name in all entries of a node.
    if (isSame) for (let i = 0; i < node.names.length; i++) fields[2 * i] = node.names[i]
    node.bytes += entryBytes(node, id, fields, isSame)
    this.entriesBytes += heldBytes(fields, isSame)
    node.ids.push(id)
    node.entries.push(fields)
    node.last = id
    this.touch(node)
    this.size += 1
    this.added += 1
    this.lastId = id
  }

  get(id: string): Fields | undefined {
    const node = this.nodes[this.nodeAt(id)]
    if (node === undefined) return undefined
    const at = placeOf(node.ids, id)
    return node.ids[at] === id ? node.entries[at] : undefined
  }

  delete(id: string): boolean {
    const nodeAt = this.nodeAt(id)
    if (nodeAt === -1) return false
    const node = this.nodes[nodeAt]
    const at = placeOf(node.ids, id)
    if (node.ids[at] !== id) return false
    this.cut(nodeAt, at, 1)
    if (id > this.maxDeletedId) this.maxDeletedId = id
    return true
  }

  /** Removes entries from the front; returns how many. */
  trim({ isApproximate, lengthMax, limit, minId }: Trim): number {
    let removed = 0
    while (this.nodes.length > 0) {
      if (lengthMax !== undefined && this.size <= lengthMax) break
      const [node] = this.nodes
      const { length } = node.ids
      if (limit > 0 && removed + length > limit) break
      const isWhole = lengthMax === undefined ? node.last < minId! : this.size - length >= lengthMax
      if (isWhole) {
        removed += length
        this.cut(0, 0, length)
        continue
      }
      if (!isApproximate) {
        const count = lengthMax === undefined ? placeOf(node.ids, minId!) : this.size - lengthMax
        if (count > 0) this.cut(0, 0, count)
        removed += count
      }
      break
    }
    return removed
  }

  /** Visits the entries of [from, to], upwards, until `visit` answers false. Nothing is added or removed meanwhile. */
  each(from: string, to: string, visit: (id: string, fields: Fields) => boolean | void): void {
    let nodeAt = Math.max(0, this.nodeAt(from))
    if (nodeAt >= this.nodes.length) return
    let at = placeOf(this.nodes[nodeAt].ids, from)
    for (; nodeAt < this.nodes.length; nodeAt++) {
      const { entries, ids } = this.nodes[nodeAt]
      for (; at < ids.length; at++) if (ids[at] > to || visit(ids[at], entries[at]) === false) return
      at = 0
    }
  }

  /** The same downwards. */
  eachDown(from: string, to: string, visit: (id: string, fields: Fields) => boolean | void): void {
    for (let nodeAt = this.nodeAt(to); nodeAt >= 0; nodeAt--) {
      const { entries, ids } = this.nodes[nodeAt]
      let at = placeOf(ids, to)
      if (ids[at] !== to) at -= 1
      for (; at >= 0; at--) if (ids[at] < from || visit(ids[at], entries[at]) === false) return
    }
  }

  addGroup(name: string, lastId: string, entriesRead: number): StreamGroup {
    const group = new StreamGroup(name, ++this.groupNumbers, lastId, entriesRead, this.groupsHeld)
    this.groups.set(name, group)
    return group
  }

  removeGroup(group: StreamGroup): void {
    this.groups.delete(group.name)
    this.groupsHeld.bytes -= group.heldBytes
    if (this.dirty !== undefined) this.destroyed.push(group)
  }

  /** Groups by the bytes of their names. */
  groupsByName(): ReadonlyArray<StreamGroup> {
    return [...this.groups.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  head(): string {
    return this.lastId + this.maxDeletedId + Packed.number(this.added) + Packed.number(this.groupNumbers)
  }

  persist(sink: ElementSink, whole: boolean): void {
    if (whole || this.dirty === undefined) for (const node of this.nodes) store(sink, node)
    else {
      for (const { ids, master } of this.dirty) if (ids.length > 0) this.removed.delete(master)
      for (const master of this.removed) sink.remove(isEntry + master)
      for (const node of this.dirty) if (node.ids.length > 0) store(sink, node)
      for (const group of this.destroyed) group.erase(sink)
    }
    for (const group of this.groups.values()) group.persist(sink, whole)
    this.dirty = []
    this.removed.clear()
    this.destroyed = []
  }

  clone(): StreamValue {
    const copy = new StreamValue()
    copy.size = this.size
    copy.lastId = this.lastId
    copy.maxDeletedId = this.maxDeletedId
    copy.added = this.added
    copy.groupNumbers = this.groupNumbers
    copy.entriesBytes = this.entriesBytes
    copy.nodes = this.nodes.map((node) => ({
      ...node,
      ids: [...node.ids],
      entries: [...node.entries],
      isStored: false,
      isDirty: false
    }))
    for (const group of this.groups.values()) copy.groups.set(group.name, group.clone(copy.groupsHeld))
    return copy
  }

  static load(this: void, head: string, elements: Iterable<readonly [sub: string, bytes: string]>): StreamValue {
    const stream = new StreamValue()
    const reader = new Packed.Reader(head)
    stream.lastId = reader.take(16)
    stream.maxDeletedId = reader.take(16)
    stream.added = reader.number()
    stream.groupNumbers = reader.number()
    stream.dirty = []
    const loader = StreamGroup.loader(stream.groupsHeld)
    for (const [sub, bytes] of elements) {
      if (!sub.startsWith(isEntry)) loader.take(sub, bytes)
      else {
        const node = read(sub.slice(isEntry.length), bytes)
        stream.nodes.push(node)
        stream.size += node.ids.length
        for (const fields of node.entries) stream.entriesBytes += heldBytes(fields, hasNames(node, fields))
      }
    }
    for (const [name, group] of loader.groups) stream.groups.set(name, group)
    return stream
  }

  /** The last node that begins at the id or before it; -1: none does. */
  private nodeAt(id: string): number {
    const { nodes } = this
    const last = nodes.length - 1
    if (last >= 0 && nodes[last].master <= id) return last
    let low = 0
    let high = nodes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (nodes[middle].master <= id) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Removes entries of a node, and the node when it is empty. */
  private cut(nodeAt: number, at: number, count: number): void {
    const node = this.nodes[nodeAt]
    node.ids.splice(at, count)
    for (const fields of node.entries.splice(at, count)) this.entriesBytes -= heldBytes(fields, hasNames(node, fields))
    node.deleted += count
    this.size -= count
    if (node.ids.length > 0) return this.touch(node)
    if (nodeAt === 0) this.nodes.shift()
    else this.nodes.splice(nodeAt, 1)
    if (node.isStored) this.removed.add(node.master)
  }

  private touch(node: Node): void {
    if (node.isDirty || this.dirty === undefined) return
    node.isDirty = true
    this.dirty.push(node)
  }
}

/** What an entry takes of memory; names that are its node's are there once. */
const heldBytes = (fields: Fields, isSame: boolean): number => {
  let bytes = Footprint.elementBytes.stream + 8 * fields.length + Footprint.ofText(StreamId.zero.length)
  for (let i = isSame ? 1 : 0; i < fields.length; i += isSame ? 2 : 1) bytes += Footprint.ofText(fields[i].length)
  return bytes
}

const nodeOf = (id: string, fields: Fields): Node => {
  const names: Array<string> = []
  for (let i = 0; i < fields.length; i += 2) names.push(fields[i])
  let bytes = ListpackSize.integerBytes(names.length) + ListpackSize.integerBytes(0)
  for (const name of names) bytes += ListpackSize.textBytes(name)
  return {
    master: id,
    names,
    millis: StreamId.millis(id),
    sequence: StreamId.sequence(id),
    last: id,
    ids: [],
    entries: [],
    deleted: 0,
    bytes,
    isStored: false,
    isDirty: false
  }
}

const isFull = (node: Node, fields: Fields, limits: NodeLimits): boolean => {
  const { deleted, ids } = node
  const bytes =
    ListpackSize.emptyBytes + ListpackSize.integerBytes(ids.length) + ListpackSize.integerBytes(deleted) + node.bytes
  let added = 0
  for (const text of fields) added += text.length
  const set = limits.streamNodeMaxBytes
  const bytesMax = set === 0 || set > nodeBytesMax ? nodeBytesMax : set
  if (bytes + added >= bytesMax) return true
  return limits.streamNodeMaxEntries > 0 && ids.length + deleted >= limits.streamNodeMaxEntries
}

const hasNames = (node: Node, fields: Fields): boolean => {
  const { names } = node
  if (names.length * 2 !== fields.length) return false
  for (let i = 0; i < names.length; i++) if (names[i] !== fields[i * 2]) return false
  return true
}

/** Flags, the id relative to the node's, names unless they are the node's, values, and how many elements these are. */
const entryBytes = (node: Node, id: string, fields: Fields, isSame: boolean): number => {
  const count = fields.length / 2
  const pieces = 3 + count + (isSame ? 0 : count + 1)
  let bytes = ListpackSize.integerBytes(0) + ListpackSize.integerBytes(pieces)
  bytes += ListpackSize.integerBytes(StreamId.millis(id) - node.millis)
  bytes += ListpackSize.integerBytes(StreamId.sequence(id) - node.sequence)
  if (!isSame) bytes += ListpackSize.integerBytes(count)
  for (let i = isSame ? 1 : 0; i < fields.length; i += isSame ? 2 : 1) bytes += ListpackSize.textBytes(fields[i])
  return bytes
}

const store = (sink: ElementSink, node: Node): void => {
  const { deleted, entries, ids, last, master, names } = node
  let bytes = last + Packed.number(deleted) + Packed.number(node.bytes) + Packed.number(names.length)
  for (const name of names) bytes += Packed.text(name)
  for (let i = 0; i < ids.length; i++) {
    const fields = entries[i]
    const isSame = hasNames(node, fields)
    bytes += ids[i] + Packed.number(isSame ? 0 : fields.length)
    for (let j = isSame ? 1 : 0; j < fields.length; j += isSame ? 2 : 1) bytes += Packed.text(fields[j])
  }
  sink.put(isEntry + master, bytes)
  node.isStored = true
  node.isDirty = false
}

const read = (master: string, bytes: string): Node => {
  const reader = new Packed.Reader(bytes)
  const last = reader.take(16)
  const deleted = reader.number()
  const size = reader.number()
  const names: Array<string> = []
  for (let left = reader.number(); left > 0; left--) names.push(reader.text())
  const ids: Array<string> = []
  const entries: Array<Fields> = []
  while (!reader.isDone) {
    ids.push(reader.take(16))
    const fields: Array<string> = []
    const length = reader.number()
    if (length === 0) for (const name of names) fields.push(name, reader.text())
    else for (let left = length; left > 0; left--) fields.push(reader.text())
    entries.push(fields)
  }
  return {
    master,
    names,
    millis: StreamId.millis(master),
    sequence: StreamId.sequence(master),
    last,
    ids,
    entries,
    deleted,
    bytes: size,
    isStored: true,
    isDirty: false
  }
}
