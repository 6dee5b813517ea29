import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { crc64 } from "#database/redis/Crc64.ts"
import { HashValue } from "#database/redis/HashValue.ts"
import * as Listpack from "#database/redis/Listpack.ts"
import * as Lzf from "#database/redis/Lzf.ts"
import { defaults } from "#database/redis/Settings.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import { StreamValue } from "#database/redis/StreamValue.ts"
import * as Dump from "../Dump.ts"
import * as Dumps from "./Dumps.ts"
import * as Expiry from "./Expiry.ts"
import * as Hashes from "./Hashes.ts"
import * as Keys from "./Keys.ts"
import * as Lists from "./Lists.ts"
import { Rig } from "./Rig.ts"
import * as Sets from "./Sets.ts"
import * as SortedSetRanges from "./SortedSetRanges.ts"
import * as SortedSets from "./SortedSets.ts"
import * as StreamGroups from "./StreamGroups.ts"
import * as StreamInfo from "./StreamInfo.ts"
import * as Streams from "./Streams.ts"
import * as Strings from "./Strings.ts"

const rigOfDumps = () =>
  new Rig(
    Dumps.handlers,
    Expiry.handlers,
    Hashes.handlers,
    Keys.handlers,
    Lists.handlers,
    Sets.handlers,
    SortedSetRanges.handlers,
    SortedSets.handlers,
    StreamGroups.handlers,
    StreamInfo.handlers,
    Streams.handlers,
    Strings.handlers
  )

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"))

/** As a word of a line for the rig. */
const quoted = (hex: string): string => `"${hex.replace(/../g, "\\x$&")}"`

/** A body with the end that makes it a payload. */
const ended = (body: Uint8Array): Uint8Array => {
  const bytes = Uint8Array.of(...body, 10, 0)
  return Uint8Array.of(...bytes, ...crc64(bytes))
}

/** What redis-server 7.0.15 dumps after these commands. */
const recorded = (): ReadonlyArray<{ readonly commands: ReadonlyArray<string>; readonly hex: string }> =>
  readFileSync(new URL("testdata/dumps.txt", import.meta.url), "latin1")
    .split(/(?<=^[\da-f]+\n)/m)
    .filter((part) => part !== "")
    .map((part) => {
      const lines = part.trimEnd().split("\n")
      return { commands: lines.slice(0, -1).map((line) => line.slice(2)), hex: lines[lines.length - 1] }
    })

describe("a dump", () => {
  it("has the bytes that Redis 7.0.15 gives for the same commands, and is restored as what it was", () => {
    const all = recorded()
    expect(all.length).toBe(15)
    for (const { commands, hex } of all) {
      const client = rigOfDumps().connect()
      for (const command of commands) client.send(command)
      const reply = Buffer.from(client.send("dump k"), "latin1")
      expect([commands, reply.subarray(reply.indexOf("\n") + 1, -2).toString("hex")]).toEqual([commands, hex])
      expect(client.send(`restore l 0 ${quoted(hex)}`)).toBe("+OK\r\n")
      expect(client.send("dump l")).toBe(client.send("dump k"))
    }
  })

  // Each was restored by redis-server 7.0.15, and answers what is here.
  it.each([
    ["0a171700000012000000030000c0010004c0020004c00300ff040075233cc03b2ee9dd", "lrange k 0 -1", "*3|$1|1|$1|2|$1|3|"],
    ["010201610262630a00a3f54d6e59f06065", "lrange k 0 -1", "*2|$1|a|$2|bc|"],
    [
      "0e0210100000000d000000020000016103f2ff10100000000d000000020000016203f3ff0a00edf66f595ae54306",
      "lrange k 0 -1",
      "*4|$1|a|$1|1|$1|b|$1|2|"
    ],
    ["12020105706c61696e020c0c00000002008170020c01ff0a00889c5f83baa32183", "lrange k 0 -1", "*3|$5|plain|$1|p|$2|12|"],
    ["0d161600000012000000040000016603f2020167030168ff0a00fd2cb59ff4b450b4", "hgetall k", "*4|$1|f|$1|1|$1|g|$1|h|"],
    ["090e02016602013132000167010068ff0a00994852ee36267619", "hgetall k", "*4|$1|f|$2|12|$1|g|$1|h|"],
    ["0401016601760a00adf24356b1860efc", "hgetall k", "*2|$1|f|$1|v|"],
    ["0c181800000012000000040000016103f20201620303322e35ff0a005c571d9d946faeb7", "zscore k b", "$3|2.5|"],
    ["0303016103312e350162fe0163ff0a0006d6b5d11bd0084f", "zrange k 0 -1", "*3|$1|c|$1|a|$1|b|"],
    ["0202016101620a00fe642125eb033d0d", "scard k", ":2|"],
    [
      "0f0110000000000000006400000000000000014046460000001900030100010201816102816202000102010001000101018374776f04050102010501dfff02020185746872656506050100010501060101018163028178020601ff0340690702016740640100000168000000000a009a32db3fe808afb9",
      "xinfo groups k",
      "*2|*12|$4|name|$1|g|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$5|100-1|$12|entries-read|:1|$3|lag|:2|*12|$4|name|$1|h|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|0-0|$12|entries-read|:0|$3|lag|:3|"
    ]
  ])("of an older form is restored: %s", (hex, command, reply) => {
    const client = rigOfDumps().connect()
    expect(client.send(`restore k 0 ${quoted(hex)}`)).toBe("+OK\r\n")
    expect(client.send(command).replaceAll("\r\n", "|")).toBe(reply)
  })

  it("is restored under its conditions only", () => {
    const client = rigOfDumps().connect()
    const damaged = quoted("0003616263090068dd9e6b5cbd5a72")
    const intact = quoted(Buffer.from(ended(Uint8Array.of(0, 1, 0x61))).toString("hex"))
    expect(client.send(`restore k 0 ${damaged}`)).toBe("-ERR DUMP payload version or checksum are wrong\r\n")
    expect(client.send(`restore k -1 ${intact}`)).toBe("-ERR Invalid TTL value, must be >= 0\r\n")
    expect(client.send(`restore k 5000 ${intact} idletime 7`)).toBe("+OK\r\n")
    expect(client.send("ttl k")).toBe(":5\r\n")
    expect(client.send(`restore k 0 ${intact}`)).toBe("-BUSYKEY Target key name already exists.\r\n")
    expect(client.send(`restore k 0 ${intact} replace freq 256`)).toBe(
      "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"
    )
    expect(client.send(`restore k 0 ${intact} replace idletime 1 freq 1`)).toBe("-ERR syntax error\r\n")
    expect(client.send(`restore k 1 ${intact} replace absttl`)).toBe("+OK\r\n")
    expect(client.send("exists k")).toBe(":0\r\n")
  })

  it("of anything but a value is refused, and nothing is thrown", () => {
    const bodies = recorded().map(({ hex }) => bytesOf(hex).slice(0, -10))
    let refused = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (body, changes, isCut) => {
          const bytes = body.slice(0, isCut ? 1 + (changes[0][0] % body.length) : undefined)
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte
          const payload = ended(bytes)
          expect(Dump.isIntact(payload)).toBe(true)
          const content = Dump.read(payload, defaults)
          if (content === undefined) refused++
          expect(content === undefined || Dump.isIntact(Dump.write(content, defaults))).toBe(true)
        }
      ),
      { numRuns: 20_000, seed: 7 }
    )
    expect(refused).toBeGreaterThan(5_000)
  })

  it("of a stream keeps what is pending, for whom, since when", () => {
    const stream = new StreamValue()
    for (let i = 1; i <= 250; i++) stream.append(StreamId.of(i, i % 3), ["field", `${i}`], defaults)
    stream.delete(StreamId.of(100, 1))
    const group = stream.addGroup("group", StreamId.of(200, 0), 42)
    const [alice, bob] = ["alice", "bob"].map((name) => group.addConsumer(name, 1_234))
    for (let i = 1; i <= 20; i++) group.deliver(StreamId.of(i, i % 3), i % 2 === 0 ? alice : bob, 5_000 + i, i)
    const restored = Dump.read(Dump.write(stream, defaults), defaults) as StreamValue
    const written = (value: StreamValue) => {
      const found: Array<readonly [string, string]> = []
      value.persist({ put: (name, bytes) => found.push([name, bytes]), remove: () => {} }, true)
      return found.filter(([name]) => !name.startsWith("e"))
    }
    expect(written(restored)).toEqual(written(stream))
    expect([restored.size, restored.added, restored.head()]).toEqual([249, 250, stream.head()])
  })

  it("of a large hash comes back with every field", () => {
    const hash = new HashValue()
    for (let i = 0; i < 1_000; i++) hash.set(`field:${i}`, `${i * 7_919}`)
    hash.settle(defaults.hashMaxListpackEntries, defaults.hashMaxListpackValueBytes)
    const restored = Dump.read(Dump.write(hash, defaults), defaults) as HashValue
    expect(new Map(restored.fields)).toEqual(new Map(hash.fields))
    expect(restored.encoding).toBe("hashtable")
  })
})

describe("the pieces of dumps", () => {
  const anyText = fc.oneof(
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 }),
    fc.bigInt({ min: -(1n << 64n), max: 1n << 64n }).map(String),
    fc.integer({ min: -9_000, max: 9_000 }).map(String)
  )

  it("end with the CRC-64 of Jones", () => {
    const check = crc64(new TextEncoder().encode("123456789"))
    expect(Buffer.from(check).reverse().toString("hex")).toBe("e9c6d914c4b8d9ca")
  })

  it("come out of a listpack as they went in", () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 40 }), (texts) => {
        expect(Listpack.decode(Listpack.encode(texts))).toEqual(texts)
      }),
      { seed: 3 }
    )
  })

  it("come out of compression as they went in, or were not made smaller", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3_000 }).map((all) => Uint8Array.from(all)),
      fc.nat(9_000).map((length) => new Uint8Array(length).fill(7))
    )
    let packed = 0
    fc.assert(
      fc.property(bytes, (input) => {
        const output = Lzf.compress(input, input.length)
        if (output === undefined) return
        packed++
        expect(Buffer.compare(Lzf.decompress(output, input.length)!, input)).toBe(0)
      }),
      { numRuns: 500, seed: 5 }
    )
    expect(packed).toBeGreaterThan(100)
  })
})
