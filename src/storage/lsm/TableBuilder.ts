/**
 * TableBuilder: sorted entries and range deletes in, the bytes of a table out, in stretches that its caller appends to the file one
 * behind the other. `TableFormat` has the format.
 *
 * Needs of its caller: entries in ascending order of keys, versions of a key in descending order of sequence numbers; range
 * deletes in fragments that do not overlap, in ascending order.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "../Keys.ts"
import { BlockWriter } from "./BlockWriter.ts"
import * as Bloom from "./Bloom.ts"
import * as Compression from "./Compression.ts"
import { checksumAt, putBytes, putU64 } from "./Fields.ts"
import * as TableFormat from "./TableFormat.ts"
import { IndexWriter, separator } from "./TableIndex.ts"

export interface BuilderOptions {
  readonly number: number
  /** Size at which a block is closed, before compression. */
  readonly blockBytes: number
  /** Entries between two restart points. */
  readonly restartInterval: number
  /** 0: no filter. */
  readonly bloomBitsPerKey: number
  readonly compression: Compression.Compression
  /** Not 0: all entries get this sequence number when they are read. */
  readonly ingestedAt?: number
}

/** A table is taken from its builder in stretches of about this size. */
const chunkBytes = 262_144

export class TableBuilder {
  private readonly options: BuilderOptions
  private readonly writer: BlockWriter
  private readonly index = new IndexWriter()
  private hashes = new Uint32Array(64)
  private hashCount = 0
  private readonly ranges: Array<{
    readonly from: Uint8Array
    readonly to: Uint8Array
    readonly sequences: ReadonlyArray<number>
  }> = []
  /** Bytes before those in the writer: taken, or as good as that. */
  private takenBytes = 0
  private entries = 0
  private deletes = 0
  private olderVersions = 0
  private userBytes = 0
  private sequenceMin = Infinity
  private sequenceMax = 0
  private from: Uint8Array | undefined
  /** A closed block whose separator waits for the key behind it. */
  private openBlock: { readonly key: Uint8Array; readonly sizeBytes: number } | undefined

  constructor(options: BuilderOptions) {
    this.options = options
    this.writer = new BlockWriter({ chunkBytes: chunkBytes + 65_536, restartInterval: options.restartInterval })
  }

  get number(): number {
    return this.options.number
  }

  /** What the table's data takes so far. */
  get dataBytes(): number {
    return this.takenBytes + this.writer.length
  }

  /** Memory that it holds. */
  get memoryBytes(): number {
    return this.writer.memoryBytes + this.hashes.length * 4 + this.index.sizeBytes
  }

  add(
    keys: Uint8Array,
    keyFrom: number,
    keyTo: number,
    sequence: number,
    isDelete: boolean,
    values: Uint8Array,
    valueFrom: number,
    valueTo: number
  ): void {
    const { writer } = this
    const isOlder = this.entries > 0 && isSame(writer.lastKey, writer.lastKeyLength, keys, keyFrom, keyTo)
    if (this.openBlock !== undefined) this.endIndexEntry(keys.subarray(keyFrom, keyTo))
    writer.add(keys, keyFrom, keyTo, sequence, isDelete, values, valueFrom, valueTo)
    this.entries++
    if (isDelete) this.deletes++
    if (isOlder) this.olderVersions++
    else this.remember(Bloom.hash(keys, keyFrom, keyTo))
    this.userBytes += keyTo - keyFrom + valueTo - valueFrom
    this.see(sequence)
    this.from ??= Bytes.copy(keys, keyFrom, keyTo)
    if (writer.blockBytes >= this.options.blockBytes) this.endBlock()
  }

  /** Deletes of [from, to) with these sequence numbers, the newest first. */
  addRange(from: Uint8Array, to: Uint8Array, sequences: ReadonlyArray<number>): void {
    const last = this.ranges.at(-1)
    assert(last === undefined || Keys.compare(last.to, from) <= 0, "fragments of range deletes do not overlap")
    this.ranges.push({ from, to, sequences })
    for (const sequence of sequences) this.see(sequence)
  }

  /** Whether `take` has something. */
  get hasStretch(): boolean {
    return this.writer.length >= chunkBytes
  }

  /** The next bytes of the file, when there is a stretch of them; after `finish` all the rest. */
  take(): Uint8Array | undefined {
    return this.hasStretch ? this.taken() : undefined
  }

  /** Nobody needs these bytes of `take` any more. */
  giveBack(taken: Uint8Array): void {
    this.writer.giveBack(taken)
  }

  /** The table is whole: `rest` is what comes behind everything that was taken. */
  finish(): { readonly meta: TableFormat.TableMeta; readonly rest: Uint8Array } {
    const { number } = this.options
    const { lastKey, lastKeyLength } = this.writer
    if (!this.writer.isBlockEmpty) this.endBlock()
    const last = Bytes.copy(lastKey, 0, lastKeyLength)
    if (this.openBlock !== undefined) this.endIndexEntry(undefined)
    const filterAt = this.dataBytes
    const filterBytes = this.section(Bloom.build(this.hashes, this.hashCount, this.options.bloomBitsPerKey))
    const rangesBytes = this.section(this.encodedRanges())
    const indexBytes = this.section(this.index.finish())
    const bounds = this.bounds(last)
    const meta = {
      number,
      sizeBytes: 0,
      filterAt,
      filterBytes,
      rangesBytes,
      indexBytes,
      ...bounds,
      sequenceMin: this.sequenceMax === 0 ? 0 : this.sequenceMin,
      sequenceMax: this.sequenceMax,
      entries: this.entries,
      deletes: this.deletes,
      olderVersions: this.olderVersions,
      rangeDeletes: this.ranges.length,
      userBytes: this.userBytes,
      ingestedAt: this.options.ingestedAt ?? 0
    }
    const properties = Bytes.Writer.make()
    TableFormat.putMeta(properties, meta)
    const propertiesBytes = this.section(properties.finish())
    this.writer.raw(TableFormat.footer({ filterAt, filterBytes, rangesBytes, indexBytes, propertiesBytes }, number))
    this.writer.seal()
    const sizeBytes = this.dataBytes
    return { meta: { ...meta, sizeBytes }, rest: this.writer.takeLast() }
  }

  private taken(): Uint8Array {
    const bytes = this.writer.take()
    this.takenBytes += bytes.length
    return bytes
  }

  private bounds(last: Uint8Array): { readonly from: Uint8Array; readonly to: Uint8Array } {
    const firstRange = this.ranges.at(0)
    const lastRange = this.ranges.at(-1)
    const to = this.entries === 0 ? undefined : Keys.after(last)
    return {
      from: lowest(this.from, firstRange?.from),
      to: to === undefined || (lastRange !== undefined && Keys.compare(lastRange.to, to) > 0) ? lastRange!.to : to
    }
  }

  private see(sequence: number): void {
    if (sequence < this.sequenceMin) this.sequenceMin = sequence
    if (sequence > this.sequenceMax) this.sequenceMax = sequence
  }

  private remember(hash: number): void {
    if (this.options.bloomBitsPerKey === 0) return
    if (this.hashCount === this.hashes.length) {
      const larger = new Uint32Array(this.hashCount * 2)
      larger.set(this.hashes)
      this.hashes = larger
    }
    this.hashes[this.hashCount++] = hash
  }

  private endBlock(): void {
    const { writer } = this
    const from = writer.endBlock()
    this.trail(from)
    this.openBlock = {
      key: Bytes.copy(writer.lastKey, 0, writer.lastKeyLength),
      sizeBytes: writer.length - from
    }
    writer.seal()
  }

  /** Notes where the closed block ends, now that the key behind it is known. */
  private endIndexEntry(next: Uint8Array | undefined): void {
    const { key, sizeBytes } = this.openBlock!
    this.index.add(next === undefined ? key : separator(key, next), sizeBytes)
    this.openBlock = undefined
  }

  /** Appends a block that holds no entries; its size with the trailer. */
  private section(bytes: Uint8Array): number {
    const from = this.writer.length
    this.writer.raw(bytes)
    this.trail(from)
    this.writer.seal()
    return this.writer.length - from
  }

  /** Compresses what begins at this place of the writer, and puts its trailer behind it. */
  private trail(from: number): void {
    const { writer } = this
    const offset = this.takenBytes + from
    const compressed =
      this.options.compression === "lz4" ? Compression.compress(writer.bytes, from, writer.length) : undefined
    if (compressed !== undefined) {
      writer.bytes.set(compressed, from)
      writer.length = from + compressed.length
    }
    writer.reserve(TableFormat.trailerBytes)
    writer.bytes[writer.length++] = compressed === undefined ? Compression.tags.none : Compression.tags.lz4
    const sum = checksumAt(writer.bytes.subarray(from, writer.length), this.options.number, offset)
    Bytes.putU32(writer.bytes, writer.length, sum)
    writer.length += 4
  }

  private encodedRanges(): Uint8Array {
    const writer = Bytes.Writer.make().u32(this.ranges.length)
    for (const { from, to, sequences } of this.ranges) {
      putBytes(writer, from)
      putBytes(writer, to)
      writer.u32(sequences.length)
      for (const sequence of sequences) putU64(writer, sequence)
    }
    return writer.finish()
  }
}

const isSame = (a: Uint8Array, aLength: number, b: Uint8Array, from: number, to: number): boolean => {
  if (aLength !== to - from) return false
  // From the end, where neighbours differ.
  for (let i = aLength - 1; i >= 0; i--) if (a[i] !== b[from + i]) return false
  return true
}

const lowest = (a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array => {
  assert(a !== undefined || b !== undefined, "a table holds something")
  if (a === undefined || b === undefined) return (a ?? b)!
  return Keys.compare(a, b) <= 0 ? a : b
}
