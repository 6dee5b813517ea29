import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { classes } from "#database/redis/Engine.ts"
import * as Bitmaps from "./Bitmaps.ts"
import * as Dumps from "./Dumps.ts"
import * as Expiry from "./Expiry.ts"
import * as Hashes from "./Hashes.ts"
import * as Keys from "./Keys.ts"
import * as Lists from "./Lists.ts"
import * as Objects from "./Objects.ts"
import { differences, Rig } from "./Rig.ts"
import * as Scanning from "./Scanning.ts"
import * as Sets from "./Sets.ts"
import * as SetsAlgebra from "./SetsAlgebra.ts"
import * as SortedSets from "./SortedSets.ts"
import * as Sorting from "./Sorting.ts"
import * as StringCounters from "./StringCounters.ts"
import * as StringRanges from "./StringRanges.ts"
import * as Strings from "./Strings.ts"

const rigOfKeys = () =>
  new Rig(
    Bitmaps.handlers,
    Dumps.handlers,
    Expiry.handlers,
    Hashes.handlers,
    Keys.handlers,
    Lists.handlers,
    Objects.handlers,
    Scanning.handlers,
    Sets.handlers,
    SetsAlgebra.handlers,
    SortedSets.handlers,
    Sorting.handlers,
    StringCounters.handlers,
    StringRanges.handlers,
    Strings.handlers
  )

const none = "$-1\r\n"

describe("commands of keys", () => {
  it("answer as Redis 7.0.15 has answered", () => {
    const recorded = readFileSync(new URL("testdata/keys.txt", import.meta.url), "latin1")
    expect(differences(rigOfKeys().connect(), recorded)).toEqual([])
  })

  it("do not see a key whose time has passed", () => {
    const rig = rigOfKeys()
    const client = rig.connect()
    for (const [line, reply] of [
      ["get k", "$-1|"],
      ["exists k", ":0|"],
      ["ttl k", ":-2|"],
      ["keys *", "*0|"],
      ["scan 0", "*2|$1|0|*0|"],
      ["type k", "+none|"],
      ["object encoding k", "$-1|"],
      ["rename k l", "-ERR no such key|"]
    ]) {
      client.send("set k v px 10")
      rig.now += 10
      expect([line, client.send(line).replaceAll("\r\n", "|")]).toEqual([line, reply])
    }
    expect(rig.engine.counts.expired).toBe(8)
  })

  it("copy a value so that neither changes with the other", () => {
    const client = rigOfKeys().connect()
    client.send("set a 1")
    client.send("append a 2")
    client.send("copy a b")
    client.send("append a 3")
    expect(client.send("mget a b")).toBe("*2\r\n$3\r\n123\r\n$2\r\n12\r\n")
  })

  it("exchange two databases with all their keys", () => {
    const rig = rigOfKeys()
    const [client, other] = [rig.connect(), rig.connect()]
    other.client.database = 1
    client.send("set k 0")
    other.send("set k 1")
    client.send("swapdb 0 1")
    expect([client.send("get k"), other.send("get k")]).toEqual(["$1\r\n1\r\n", "$1\r\n0\r\n"])
    client.send("flushdb")
    expect([client.send("get k"), other.send("get k")]).toEqual([none, "$1\r\n0\r\n"])
  })

  it("tell who listens what became of which key", () => {
    const rig = rigOfKeys()
    const client = rig.connect()
    const told: Array<string> = []
    rig.engine.notified = classes.generic | classes.string | classes.list
    rig.engine.listen({
      changed: () => {},
      flushed: () => {},
      notify: (_, event, database, key) => told.push(`${event} ${database} ${key}`)
    })
    for (const line of [
      "set k 1 ex 10",
      "rename k l",
      "copy l m",
      "move m 3",
      "expire l 20",
      "persist l",
      "expire l -1",
      "rpush s 2 1",
      "sort s store t",
      "del t nope"
    ]) {
      client.send(line)
    }
    expect(told.join(", ")).toBe(
      "set 0 k, expire 0 k, rename_from 0 k, rename_to 0 l, copy_to 0 m, move_from 0 m, move_to 3 m, expire 0 l, " +
        "persist 0 l, del 0 l, rpush 0 s, sortstore 0 t, del 0 t"
    )
  })

  it("wait for replicas, of which there are none, as long as they are told to", () => {
    const client = rigOfKeys().connect()
    expect(client.send("wait 1 100")).toBe("")
    expect(client.timeOut()).toBe(":0\r\n")
  })
})

describe("a scan", () => {
  it("meets every key that is there throughout, while others come and go", () => {
    const client = rigOfKeys().connect()
    for (let i = 0; i < 1_000; i++) client.send(`set stays:${i} 1`)
    const met = new Set<string>()
    let cursor = "0"
    let calls = 0
    do {
      const reply = client.send(`scan ${cursor} count 37`).split("\r\n")
      cursor = reply[2]
      for (const text of reply) if (text.startsWith("stays:")) met.add(text)
      for (let i = 0; i < 10; i++) client.send(`set goes:${calls}:${i} 1`)
      if (calls > 0) for (let i = 0; i < 10; i++) client.send(`del goes:${calls - 1}:${i}`)
      calls++
    } while (cursor !== "0")
    expect(met.size).toBe(1_000)
    expect(calls).toBeLessThan(40)
  })

  it("meets every key that another value was put in place of", () => {
    const payload = String.raw`"\x00\x01v\x06\x00\x07\xe5\xa62\xecm\xb6]"`
    const ways: ReadonlyArray<(key: string) => ReadonlyArray<string>> = [
      (key) => [`set other ${key}`, `rename other ${key}`],
      (key) => ["set other x", `copy other ${key} replace`],
      (key) => [`restore ${key} 0 ${payload} replace`],
      (key) => ["rpush list 2 1", `sort list store ${key}`],
      (key) => ["sadd set 2 1", `sunionstore ${key} set`],
      (key) => ["set other x", `bitop not ${key} other`]
    ]
    for (const way of ways) {
      const client = rigOfKeys().connect()
      for (let i = 0; i < 300; i++) client.send(`set stays:${i} 1`)
      const met = new Set<string>()
      let cursor = "0"
      let next = 0
      do {
        const reply = client.send(`scan ${cursor} count 10`).split("\r\n")
        cursor = reply[2]
        for (const text of reply) if (text.startsWith("stays:")) met.add(text)
        for (let i = 0; i < 20; i++) {
          for (const line of way(`stays:${next++ % 300}`)) expect(client.send(line)).not.toMatch(/^-/)
        }
      } while (cursor !== "0")
      expect(met.size).toBe(300)
    }
  })

  it("removes keys whose time has passed, and misses no other for that", () => {
    const rig = rigOfKeys()
    const client = rig.connect()
    for (let i = 0; i < 1_000; i++) client.send(i % 3 === 0 ? `set stays:${i} 1` : `set goes:${i} 1 px 10`)
    rig.now += 10
    const met = new Set<string>()
    let cursor = "0"
    do {
      const reply = client.send(`scan ${cursor} count 7`).split("\r\n")
      cursor = reply[2]
      for (const text of reply) if (text.includes(":") && text.length > 4) met.add(text)
    } while (cursor !== "0")
    expect([met.size, [...met].every((name) => name.startsWith("stays:"))]).toEqual([334, true])
    expect(client.send("dbsize")).toBe(":334\r\n")
  })
})
