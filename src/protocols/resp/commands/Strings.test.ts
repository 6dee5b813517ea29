import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { StringValue } from "#database/redis/StringValue.ts"
import * as Bitfields from "./Bitfields.ts"
import * as Bitmaps from "./Bitmaps.ts"
import * as HyperLogLogs from "./HyperLogLogs.ts"
import { differences, Rig } from "./Rig.ts"
import * as StringCounters from "./StringCounters.ts"
import * as StringRanges from "./StringRanges.ts"
import * as Strings from "./Strings.ts"

const rigOfStrings = () =>
  new Rig(
    Bitfields.handlers,
    Bitmaps.handlers,
    HyperLogLogs.handlers,
    StringCounters.handlers,
    StringRanges.handlers,
    Strings.handlers
  )

const recorded = (name: string) => readFileSync(new URL(`testdata/${name}.txt`, import.meta.url), "latin1")

describe("commands of strings", () => {
  it.each(["strings", "bitmaps"])("answer as Redis 7.0.15 has answered: %s", (name) => {
    expect(differences(rigOfStrings().connect(), recorded(name))).toEqual([])
  })

  it("write a long string in place and store only the piece that changed", () => {
    const rig = rigOfStrings()
    const client = rig.connect()
    client.send("setrange big 1000000 x")
    const { content } = rig.engine.databases[0].peek("big")!
    const value = content as StringValue
    const stored: Array<number> = []
    const sink = { put: (_: string, bytes: string) => stored.push(bytes.length), remove: () => stored.push(-1) }
    value.persist(sink, true)
    expect(stored).toEqual([1_000_001 - 15 * 65_536])
    stored.length = 0
    client.send("setbit big 700000 1")
    client.send("append big y")
    value.persist(sink, false)
    expect(stored).toEqual([65_536, 1_000_002 - 15 * 65_536])
  })

  it("keep a string that was stored in pieces", () => {
    const value = StringValue.of("a".repeat(200_000))
    value.write(131_071, "bc")
    const pieces = new Map<string, string>()
    value.persist({ put: (name, bytes) => pieces.set(name, bytes), remove: (name) => pieces.delete(name) }, true)
    value.truncate(70_000)
    value.persist({ put: (name, bytes) => pieces.set(name, bytes), remove: (name) => pieces.delete(name) }, false)
    expect(pieces.size).toBe(2)
    expect(StringValue.load(value.head(), pieces).text()).toBe("a".repeat(70_000))
  })

  it("refuse words that only objects of the language know", () => {
    const client = rigOfStrings().connect()
    for (const word of ["constructor", "__proto__"]) {
      expect(client.send(`set k v ${word} 1`)).toBe("-ERR syntax error\r\n")
      expect(client.send(`getex k ${word} 1`)).toBe("-ERR syntax error\r\n")
    }
  })

  it("change nothing when a bit is what it is to be, and make a key by one change", () => {
    const rig = rigOfStrings()
    const client = rig.connect()
    const changes = (line: string): number => {
      const before = rig.engine.journal.changes
      client.send(line)
      return rig.engine.journal.changes - before
    }
    expect(["setbit s 0 0", "setbit s 0 0", "setbit s 0 1", "setbit s 0 1", "setbit s 90 0"].map(changes)).toEqual([
      1, 0, 1, 0, 1
    ])
    expect(["bitfield f set i5 0 0", "bitfield f set i5 0 0", "bitfield f incrby i5 0 1"].map(changes)).toEqual([
      1, 0, 1
    ])
    expect(client.send("strlen s")).toBe(":12\r\n")
  })

  it("refuse other types and change nothing", () => {
    const rig = rigOfStrings()
    const client = rig.connect()
    const list = {
      type: "list",
      size: 1,
      encoding: "quicklist",
      heldBytes: 0,
      head: () => "",
      persist: () => {},
      clone: () => list
    } as const
    rig.engine.databases[0].set("l", list)
    for (const line of [
      "get l",
      "set l 1 get",
      "getset l 1",
      "getdel l",
      "getex l persist",
      "incr l",
      "incrbyfloat l 1",
      "append l 1",
      "strlen l",
      "getrange l 0 1",
      "setrange l 0 x",
      "setbit l 0 1",
      "getbit l 0",
      "bitcount l",
      "bitpos l 1",
      "bitop not d l",
      "bitfield l get u8 0",
      "bitfield l set u8 0 1",
      "pfadd l a",
      "pfcount l",
      "pfcount l m",
      "pfmerge l m"
    ]) {
      expect([line, client.send(line).slice(0, 11)]).toEqual([line, "-WRONGTYPE "])
      expect(rig.engine.databases[0].peek("l")?.content).toBe(list)
    }
    expect(client.send("mget l")).toBe("*1\r\n$-1\r\n")
    expect(client.send("set l 1")).toBe("+OK\r\n")
  })
})
