/**
 * AuditStream: entries of the audit trail as one stretch of bytes, for files: a header, records, an end with the heads of all chains, without
 * which a stream is torn. `docs/formats.md` has the bytes.
 *
 * A record says its length and checks it; its bytes are checked by their own hash. So one entry that is damaged costs no other.
 */
import * as Data from "effect/Data"
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Limits from "#base/Limits.ts"
import type { Head } from "./AuditChain.ts"
import * as AuditEntry from "./AuditEntry.ts"

/** "ORBITAUD" as numbers. */
const magic = [0x4942_524f, 0x4455_4154] as const
export const version = 1
export const headerBytes = 16
export const recordHeadBytes = 12
const kinds = { entry: 1, end: 2 } as const
const endHeadBytes = 12
const endHeadOfChainBytes = 12 + AuditEntry.hashBytes

/** A record at most, in bytes: an entry, or the heads of all chains that a store can have. */
const endBytesMax = endHeadBytes + Limits.auditChainsMax * endHeadOfChainBytes + 4

/** Of what is written, continued from the place where it stands. */
const checksumAt = (bytes: Uint8Array, offsetBytes: number, to: number): number => {
  const place = AuditEntry.putLong(Bytes.Writer.make(), offsetBytes).finish()
  return crc32c(bytes, 0, crc32c(place), to)
}

const recordHead = (kind: number, sizeBytes: number, offsetBytes: number): Uint8Array => {
  const head = Bytes.Writer.make().u32(sizeBytes).u8(kind).u8(0).u8(0).u8(0).u32(0).finish()
  Bytes.putU32(head, 8, checksumAt(head, offsetBytes, 8))
  return head
}

/** Writes a stream, part by part; whoever asks writes the parts one behind the other. */
export class AuditStreamWriter {
  private offsetBytes = 0
  private entries = 0
  private hasEnded = false
  private readonly heads = new Map<number, Head>()

  /** The beginning. */
  header(): Uint8Array {
    assert(this.offsetBytes === 0, "a stream begins once")
    const bytes = Bytes.Writer.make().u32(magic[0]).u32(magic[1]).u8(version).u8(0).u8(0).u8(0).u32(0).finish()
    Bytes.putU32(bytes, 12, crc32c(bytes, 0, 0, 12))
    this.offsetBytes = headerBytes
    return bytes
  }

  /** The next entry. `head`: the head of its chain that it makes. */
  entry(bytes: Uint8Array, head: Head): ReadonlyArray<Uint8Array> {
    assert(
      this.heads.has(head.chain) || this.heads.size < Limits.auditChainsMax,
      "a stream has a bounded number of chains"
    )
    this.heads.set(head.chain, head)
    this.entries++
    return this.record(kinds.entry, bytes)
  }

  /** The end. Nothing follows. */
  end(): ReadonlyArray<Uint8Array> {
    const writer = AuditEntry.putLong(Bytes.Writer.make(), this.entries).u32(this.heads.size)
    for (const { chain, hash, sequence } of [...this.heads.values()].sort((a, b) => a.chain - b.chain)) {
      AuditEntry.putLong(writer.u32(chain), sequence).raw(hash)
    }
    const summed = writer.finish()
    const sum = new Uint8Array(4)
    Bytes.putU32(sum, 0, crc32c(summed))
    const payload = Bytes.Writer.make().raw(summed).raw(sum).finish()
    const parts = this.record(kinds.end, payload)
    this.hasEnded = true
    return parts
  }

  private record(kind: number, payload: Uint8Array): ReadonlyArray<Uint8Array> {
    assert(this.offsetBytes > 0 && !this.hasEnded, "records stand behind the header and before the end")
    const head = recordHead(kind, payload.length, this.offsetBytes)
    this.offsetBytes += head.length + payload.length
    return [head, payload]
  }
}

/**
 * The stream cannot be read from here on: it is none (`foreign`), a newer program wrote it, it is not what was written (`damaged`), or its
 * end is missing (`torn`).
 */
export class AuditStreamBroken extends Data.TaggedError("AuditStreamBroken")<{
  readonly reason: "foreign" | "newer" | "damaged" | "torn"
  readonly offsetBytes: number
  readonly message: string
}> {}

/** What a stream says of itself at its end. */
export interface End {
  readonly entries: number
  readonly heads: ReadonlyArray<Head>
}

const decodeEnd = (bytes: Uint8Array): End | undefined => {
  if (bytes.length < endHeadBytes + 4) return undefined
  const to = bytes.length - 4
  if (Bytes.getU32(bytes, to) !== crc32c(bytes, 0, 0, to)) return undefined
  const reader = new Bytes.Reader(bytes.subarray(0, to))
  const entries = AuditEntry.getLong(reader)
  const count = reader.u32()
  if (reader.leftBytes !== count * endHeadOfChainBytes) return undefined
  const heads = Array.from({ length: count }, () => ({
    chain: reader.u32(),
    sequence: AuditEntry.getLong(reader),
    hash: Bytes.copy(reader.raw(AuditEntry.hashBytes))
  }))
  return { entries, heads }
}

/**
 * Reads a stream that comes in pieces of any size. `onEntry` gets the bytes of each entry, sound or not, and where its record begins; they are
 * valid during the call only. The first problem is the last: what `push` answers then, `finish` answers too.
 */
export class AuditStreamReader {
  private readonly onEntry: (bytes: Uint8Array, offsetBytes: number) => void
  /** What has come and is not read yet: `pending` from `at` on. */
  private pending = new Uint8Array(0)
  private at = 0
  /** Where in the stream that is. */
  private offsetBytes = 0
  private ending: End | undefined
  private entries = 0
  private broken: AuditStreamBroken | undefined

  constructor(onEntry: (bytes: Uint8Array, offsetBytes: number) => void) {
    this.onEntry = onEntry
  }

  push(piece: Uint8Array): AuditStreamBroken | undefined {
    if (this.broken !== undefined) return this.broken
    const rest = this.pending.length - this.at
    const joined = new Uint8Array(rest + piece.length)
    joined.set(this.pending.subarray(this.at))
    joined.set(piece, rest)
    this.pending = joined
    this.at = 0
    let taken: number
    do {
      taken = this.offsetBytes === 0 ? this.header() : this.record()
      this.at += taken
      this.offsetBytes += taken
    } while (taken > 0)
    return this.broken
  }

  /** No more will come. */
  finish(): End | AuditStreamBroken {
    if (this.broken !== undefined) return this.broken
    if (this.ending !== undefined) return this.ending
    return this.offsetBytes === 0
      ? new AuditStreamBroken({ reason: "foreign", offsetBytes: 0, message: "it is too short for an audit trail" })
      : new AuditStreamBroken({
          reason: "torn",
          offsetBytes: this.offsetBytes,
          message: "it is cut off: its end is missing"
        })
  }

  private fail(message: string, reason: AuditStreamBroken["reason"] = "damaged"): 0 {
    this.broken = new AuditStreamBroken({ reason, offsetBytes: this.offsetBytes, message })
    return 0
  }

  private get left(): number {
    return this.pending.length - this.at
  }

  /** How many bytes the header takes; 0: not there yet, or a failure. */
  private header(): number {
    if (this.left < headerBytes) return 0
    const bytes = this.pending.subarray(this.at, this.at + headerBytes)
    if (Bytes.getU32(bytes, 0) !== magic[0] || Bytes.getU32(bytes, 4) !== magic[1]) {
      return this.fail("it does not begin like an audit trail", "foreign")
    }
    if (Bytes.getU32(bytes, 12) !== crc32c(bytes, 0, 0, 12)) return this.fail("its header is not what was written")
    if (bytes[8] !== version) {
      return this.fail(`it has version ${bytes[8]}, and this program reads version ${version}`, "newer")
    }
    return headerBytes
  }

  /** How many bytes the next record takes; 0: not there yet, or a failure. */
  private record(): number {
    if (this.ending !== undefined) return this.left === 0 ? 0 : this.fail("something follows the end")
    if (this.left < recordHeadBytes) return 0
    const head = this.pending.subarray(this.at, this.at + recordHeadBytes)
    const sizeBytes = Bytes.getU32(head, 0)
    if (Bytes.getU32(head, 8) !== checksumAt(head, this.offsetBytes, 8)) {
      return this.fail("the head of a record is not what was written: nothing from here on can be told apart")
    }
    const isEnd = head[4] === kinds.end
    if (!isEnd && head[4] !== kinds.entry) return this.fail(`nothing is known of records of kind ${head[4]}`)
    if (sizeBytes > (isEnd ? endBytesMax : Limits.auditEntryBytesMax)) return this.fail("a record is over its bound")
    if (this.left < recordHeadBytes + sizeBytes) return 0
    const from = this.at + recordHeadBytes
    const payload = this.pending.subarray(from, from + sizeBytes)
    if (isEnd) {
      this.ending = decodeEnd(payload)
      if (this.ending?.entries !== this.entries) return this.fail("its end is not what was written")
    } else {
      this.entries++
      this.onEntry(payload, this.offsetBytes)
    }
    return recordHeadBytes + sizeBytes
  }
}
