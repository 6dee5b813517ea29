/**
 * Scanner: finds the records in a segment's bytes, which come in stretches of any size. Pure.
 *
 * Everything between the segment's header and the end is told exactly once, in order: as a record, whose payload may be
 * damaged, or as a gap, in which no header is valid. After a header that does not read, the next valid one is looked for at
 * every offset: with its checksum, salt and offset it is found by chance once in four thousand million tries.
 */
import { crc32c } from "#base/Crc32c.ts"
import * as Format from "./Format.ts"

export interface Visitor {
  /**
   * A valid header at `offset`, and whether the payload matches its checksum. `table`: the payload of a sound table. The
   * header is used again for the next record.
   */
  record(offset: number, header: Format.RecordHeader, sound: boolean, table: Uint8Array | undefined): void
  /** No valid header in [from, to). `blank`: all of it is zeros. */
  gap(from: number, to: number, blank: boolean): void
}

const nothing = new Uint8Array(0)

export class Scanner {
  private readonly salt: number
  private readonly visitor: Visitor
  private readonly header = new Format.RecordHeader()
  /** Bytes that were too few to decide on, which belong before the next stretch. */
  private rest: Uint8Array = nothing
  /** Where `rest`, or the next stretch, begins. */
  private offset: number
  private recordAt = -1
  private payloadLeft = 0
  private checksum = 0
  private table: Uint8Array | undefined
  private gapAt = -1
  private gapBlank = true

  constructor(salt: number, from: number, visitor: Visitor) {
    this.salt = salt
    this.offset = from
    this.visitor = visitor
  }

  /** The next bytes. */
  feed(stretch: Uint8Array): void {
    let bytes = stretch
    if (this.rest.length > 0) {
      bytes = new Uint8Array(this.rest.length + stretch.length)
      bytes.set(this.rest)
      bytes.set(stretch, this.rest.length)
      this.rest = nothing
    }
    let at = 0
    for (;;) {
      if (this.payloadLeft > 0) {
        at = this.takePayload(bytes, at)
        if (this.payloadLeft > 0) break
      }
      if (at + Format.recordHeaderBytes > bytes.length) break
      at = this.takeHeader(bytes, at)
    }
    this.rest = at < bytes.length ? bytes.slice(at) : nothing
    this.offset += at
  }

  /** Everything before `position` has been told. */
  get isBetween(): boolean {
    return this.payloadLeft === 0 && this.gapAt < 0
  }

  /** Where the next record may begin. */
  get position(): number {
    return this.offset
  }

  /** There are no more bytes. */
  finish(): void {
    if (this.payloadLeft > 0) {
      const at = this.recordAt
      this.payloadLeft = 0
      this.recordAt = -1
      this.visitor.record(at, this.header, false, undefined)
      return
    }
    if (this.rest.length > 0) {
      this.openGap(this.offset)
      for (const byte of this.rest) if (byte !== 0) this.gapBlank = false
    }
    this.closeGap(this.offset + this.rest.length)
  }

  private takePayload(bytes: Uint8Array, from: number): number {
    const to = Math.min(bytes.length, from + this.payloadLeft)
    this.checksum = crc32c(bytes, from, this.checksum, to)
    this.table?.set(bytes.subarray(from, to), this.table.length - this.payloadLeft)
    this.payloadLeft -= to - from
    if (this.payloadLeft === 0) this.endRecord()
    return to
  }

  private endRecord(): void {
    const sound = this.checksum === this.header.payloadChecksum
    this.visitor.record(this.recordAt, this.header, sound, sound ? this.table : undefined)
    this.table = undefined
    this.recordAt = -1
  }

  /** Goes on behind a valid header, or one byte further. */
  private takeHeader(bytes: Uint8Array, at: number): number {
    const { header } = this
    const offset = this.offset + at
    if (!header.read(bytes, at, this.salt, offset)) {
      this.openGap(offset)
      if (bytes[at] !== 0) this.gapBlank = false
      return at + 1
    }
    this.closeGap(offset)
    this.recordAt = offset
    this.checksum = 0
    this.payloadLeft = header.payloadBytes
    if (header.kind === Format.kinds.table) this.table = new Uint8Array(header.payloadBytes)
    if (header.payloadBytes === 0) this.endRecord()
    return at + Format.recordHeaderBytes
  }

  private openGap(offset: number): void {
    if (this.gapAt >= 0) return
    this.gapAt = offset
    this.gapBlank = true
  }

  private closeGap(offset: number): void {
    if (this.gapAt < 0) return
    const from = this.gapAt
    this.gapAt = -1
    if (from < offset) this.visitor.gap(from, offset, this.gapBlank)
  }
}
