import { readFileSync, writeFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Hex from "#base/Hex.ts"
import * as AuditStream from "./AuditStream.ts"
import * as TestTrail from "./TestTrail.ts"

const written = [...TestTrail.chain(3, 4), ...TestTrail.chain(1, 3)]
const stream = TestTrail.streamOf(written)
const firstEntry = AuditStream.headerBytes + AuditStream.recordHeadBytes

/** Reads a stream in pieces that end at these places. */
const read = (bytes: Uint8Array, places: ReadonlyArray<number> = []) => {
  const entries: Array<Uint8Array> = []
  const offsets: Array<number> = []
  const reader = new AuditStream.AuditStreamReader((entry, offset) => {
    entries.push(entry.slice())
    offsets.push(offset)
  })
  let from = 0
  for (const to of [...[...places].sort((a, b) => a - b), bytes.length]) {
    reader.push(bytes.subarray(from, to))
    from = to
  }
  return { entries, offsets, end: reader.finish() }
}

describe("a stream of the audit trail", () => {
  /** `UPDATE=1` writes the file anew: only ever for a new version, which gets a file of its own. */
  it("is written in version 1 as the golden file has it, and read from there", () => {
    const golden = new URL("testdata/stream-1.hex", import.meta.url)
    const text = `${(Hex.of(stream).match(/.{1,64}/g) ?? []).join("\n")}\n`
    if (process.env["UPDATE"] === "1") writeFileSync(golden, text)
    const lines = readFileSync(golden, "utf8")
    expect(text).toBe(lines)
    const { end, entries } = read(Hex.bytesOf(lines.replaceAll("\n", "")))
    expect(entries).toEqual(written.map(({ bytes }) => bytes.slice()))
    expect(end).toEqual({ entries: 7, heads: [written[6].head, written[3].head] })
  })

  it("is read in pieces of any size", () => {
    const whole = read(stream)
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (places) => {
        expect(read(stream, places)).toEqual(whole)
      })
    )
    expect(read(stream, Array.from(stream.keys()))).toEqual(whole)
    expect(whole.offsets[0]).toBe(AuditStream.headerBytes)
  })

  it("of no entries is one, too", () => {
    expect(read(TestTrail.streamOf([]))).toEqual({ entries: [], offsets: [], end: { entries: 0, heads: [] } })
  })

  it("that is cut anywhere is torn, and the entries before are there", () => {
    for (let length = 0; length < stream.length; length++) {
      const { end, entries, offsets } = read(stream.subarray(0, length))
      expect(end).toBeInstanceOf(AuditStream.AuditStreamBroken)
      const whole = written.slice(0, entries.length)
      expect(entries).toEqual(whole.map(({ bytes }) => bytes.slice()))
      expect(offsets.every((offset) => offset < length)).toBe(true)
    }
  })

  it("hands on entries that are damaged, and finds every other damage", () => {
    const places = read(stream).offsets.map((offset) => offset + AuditStream.recordHeadBytes)
    const isInEntry = (place: number): boolean =>
      places.some((from, index) => place >= from && place < from + written[index].bytes.length)
    for (let place = 0; place < stream.length; place++) {
      const { end, entries } = read(stream.with(place, stream[place] ^ 0x20))
      const isRead = !(end instanceof AuditStream.AuditStreamBroken)
      expect([place, isRead]).toEqual([place, isInEntry(place)])
      expect(entries.length).toBe(isRead ? written.length : places.filter((from) => from <= place).length)
    }
  })

  it("ends with its end, and is no other file", () => {
    expect(read(Uint8Array.from([...stream, 0])).end).toMatchObject({ message: "something follows the end" })
    expect(read(Uint8Array.from([...stream, 0]), [stream.length]).end).toMatchObject({ offsetBytes: stream.length })
    for (const foreign of [new Uint8Array(100), new Uint8Array(0), stream.subarray(0, 3)]) {
      expect(read(foreign).end).toMatchObject({ reason: "foreign", offsetBytes: 0 })
    }
    expect(read(stream.subarray(0, -1)).end).toMatchObject({ reason: "torn" })
    const newer = stream.with(8, 2)
    Bytes.putU32(newer, 12, crc32c(newer, 0, 0, 12))
    expect(read(newer).end).toMatchObject({ reason: "newer", message: expect.stringContaining("version 2") })
    expect(read(Uint8Array.from([...stream.subarray(0, firstEntry), ...stream])).end).toMatchObject({
      _tag: "AuditStreamBroken"
    })
  })

  it("has as many entries as its end says", () => {
    const endBytes = 12 + 2 * 44 + 4
    const other = stream.with(stream.length - endBytes, 8)
    Bytes.putU32(other, other.length - 4, crc32c(other, other.length - endBytes, 0, other.length - 4))
    expect(read(other).end).toMatchObject({ reason: "damaged", message: "its end is not what was written" })
  })

  it("does not take records from another place", () => {
    const { offsets } = read(stream)
    const [, second, third] = offsets
    const without = Uint8Array.from([...stream.subarray(0, second), ...stream.subarray(third)])
    expect(read(without).end).toMatchObject({
      offsetBytes: second,
      message: expect.stringContaining("head of a record")
    })
  })

  it("is a defect of its writer where the order of calls is", () => {
    const [{ bytes, head }] = written
    expect(() => new AuditStream.AuditStreamWriter().entry(bytes, head)).toThrow("behind the header")
    const writer = new AuditStream.AuditStreamWriter()
    writer.header()
    expect(() => writer.header()).toThrow("begins once")
    writer.end()
    expect(() => writer.entry(bytes, head)).toThrow("before the end")
  })
})
