import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { classes } from "#database/redis/Engine.ts"
import * as Geo from "./Geo.ts"
import * as GeoSearches from "./GeoSearches.ts"
import * as Hashes from "./Hashes.ts"
import * as Keys from "./Keys.ts"
import * as Objects from "./Objects.ts"
import { differences, Rig, type RigClient } from "./Rig.ts"
import * as Sets from "./Sets.ts"
import * as SetsAlgebra from "./SetsAlgebra.ts"
import * as SortedSetPops from "./SortedSetPops.ts"
import * as SortedSetRanges from "./SortedSetRanges.ts"
import * as SortedSets from "./SortedSets.ts"
import * as SortedSetStores from "./SortedSetStores.ts"
import * as Strings from "./Strings.ts"

const rigOfCollections = (): Rig =>
  new Rig(
    Geo.handlers,
    GeoSearches.handlers,
    Hashes.handlers,
    Keys.handlers,
    Objects.handlers,
    Sets.handlers,
    SetsAlgebra.handlers,
    SortedSetPops.handlers,
    SortedSetRanges.handlers,
    SortedSets.handlers,
    SortedSetStores.handlers,
    Strings.handlers
  )

const clients = (count: number): ReadonlyArray<RigClient> => {
  const rig = rigOfCollections()
  return Array.from({ length: count }, () => rig.connect())
}

/** The strings of a reply, whatever stands around them. */
const stringsOf = (reply: string): ReadonlyArray<string> =>
  reply.split("\r\n").filter((line) => line !== "" && !/^[*$~%]\d/.test(line))

/** A scan from its begin to its end: all that it met, and how many calls that took. */
const scanned = (client: RigClient, command: string, between: () => void): readonly [Set<string>, number] => {
  const met = new Set<string>()
  let cursor = "0"
  let calls = 0
  do {
    const [next, ...names] = stringsOf(client.send(command.replace("CURSOR", cursor)))
    cursor = next
    for (const name of names) met.add(name)
    calls += 1
    between()
  } while (cursor !== "0")
  return [met, calls]
}

describe("commands of hashes, sets, sorted sets and places", () => {
  for (const family of ["hashes", "sets", "sortedSets", "geo"]) {
    it.each([2, 3] as const)(`answer as Redis 7.0.15 has answered: ${family}, protocol %d`, (protocol) => {
      const [client] = clients(1)
      client.client.out.protocol = protocol
      const path = new URL(`testdata/${family}.resp${protocol}.txt`, import.meta.url)
      expect(differences(client, readFileSync(path, "latin1"))).toEqual([])
    })
  }

  it("name the encodings that Redis has at its bounds", () => {
    const [client] = clients(1)
    const encodingAt = (command: (i: number) => string, key: string, size: number): string => {
      client.send(`del ${key}`)
      for (let i = 0; i < size; i++) client.send(command(i))
      return client.send(`object encoding ${key}`).split("\r\n")[1]
    }
    const hash = (i: number): string => `hset h f${i} v`
    const set = (i: number): string => `sadd s ${i}`
    const sorted = (i: number): string => `zadd z ${i} m${i}`
    expect([encodingAt(hash, "h", 512), encodingAt(hash, "h", 513)]).toEqual(["listpack", "hashtable"])
    expect([encodingAt(set, "s", 512), encodingAt(set, "s", 513)]).toEqual(["intset", "hashtable"])
    expect([encodingAt(sorted, "z", 128), encodingAt(sorted, "z", 129)]).toEqual(["listpack", "skiplist"])
  })

  it("meet in a scan all that is there throughout, and give small values whole", () => {
    const [client] = clients(1)
    for (let i = 0; i < 1_000; i++) client.send(`sadd s m${i}`)
    for (let i = 0; i < 1_000; i++) client.send(`hset h m${i} x`)
    for (let i = 0; i < 1_000; i++) client.send(`zadd z 1 m${i}`)
    let step = 0
    for (const [scan, remove, add] of [
      ["sscan s CURSOR count 7", "srem s", "sadd s"],
      ["hscan h CURSOR count 7", "hdel h", "hset h new"],
      ["zscan z CURSOR count 7", "zrem z", "zadd z 2"]
    ]) {
      const [met, calls] = scanned(client, scan, () => {
        client.send(`${remove} m${(step++ * 37) % 500}`)
        client.send(`${add} n${step}`)
      })
      expect(calls).toBeGreaterThan(100)
      for (let i = 500; i < 1_000; i++) expect(met.has(`m${i}`)).toBe(true)
    }
    client.send("sadd few 1 2 3")
    expect(client.send("sscan few 0 count 1")).toBe("*2\r\n$1\r\n0\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n")
  })

  it("pick random elements: each once, or as many as are asked for", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 60 }), fc.nat(), (size, count, seed) => {
        const rig = rigOfCollections()
        let state = seed
        // Any numbers do that are not all the same.
        Object.defineProperty(rig.engine, "random", {
          value: () => (state = (state * 16_807 + 7) % 2_147_483_647) / 2_147_483_647
        })
        const client = rig.connect()
        const all = new Set(Array.from({ length: size }, (_, i) => `m${i}`))
        for (const member of all) {
          client.send(`sadd s ${member}`)
          client.send(`hset h ${member} x`)
          client.send(`zadd z 1 ${member}`)
        }
        for (const command of ["srandmember s", "hrandfield h", "zrandmember z"]) {
          const once = stringsOf(client.send(`${command} ${count}`))
          expect(new Set(once).size).toBe(Math.min(size, count))
          const often = stringsOf(client.send(`${command} -${count}`))
          expect([once.length, often.length]).toEqual([Math.min(size, count), count])
          for (const member of [...once, ...often]) expect(all.has(member)).toBe(true)
        }
        const popped = stringsOf(client.send(`spop s ${count}`))
        const left = stringsOf(client.send("smembers s"))
        expect(new Set([...popped, ...left])).toEqual(all)
        expect([popped.length, left.length]).toEqual([Math.min(size, count), Math.max(0, size - count)])
      }),
      { numRuns: 50 }
    )
  })

  it("take no word for a unit that is a word of the language alone", () => {
    const [client] = clients(1)
    client.send("geoadd g 1 1 a 2 2 b")
    for (const word of ["constructor", "__proto__"]) {
      expect(client.send(`geodist g a b ${word}`)).toBe("-ERR unsupported unit provided. please use M, KM, FT, MI\r\n")
    }
  })

  it("refuse to give random elements without an end", () => {
    const [client] = clients(1)
    for (const command of ["sadd s a", "hset h a 1", "zadd z 1 a"]) client.send(command)
    for (const command of ["srandmember s", "hrandfield h", "zrandmember z"]) {
      expect(client.send(`${command} -1048577`)).toBe("-ERR value is out of range\r\n")
      expect(client.send(`${command} -1048576`)).toMatch(/^\*1048576\r\n/)
    }
  })

  it("tell what they have done, and nothing when nothing was", () => {
    const rig = rigOfCollections()
    const client = rig.connect()
    const heard: Array<string> = []
    rig.engine.notified = classes.hash | classes.set | classes.zset | classes.generic
    rig.engine.listen({
      changed: () => {},
      flushed: () => {},
      notify: (_, event, __, key) => heard.push(`${event} ${key}`)
    })
    const events = (command: string): ReadonlyArray<string> => {
      client.send(command)
      return heard.splice(0)
    }
    expect(events("hset h f 1")).toEqual(["hset h"])
    expect(events("hsetnx h f 1")).toEqual([])
    expect(events("hincrby h f 1")).toEqual(["hincrby h"])
    expect(events("hdel h f")).toEqual(["hdel h", "del h"])
    expect(events("sadd s a b")).toEqual(["sadd s"])
    expect(events("sadd s a")).toEqual([])
    expect(events("smove s t a")).toEqual(["srem s", "sadd t"])
    expect(events("smove s t b")).toEqual(["srem s", "del s", "sadd t"])
    expect(events("spop t 9")).toEqual(["spop t", "del t"])
    expect(events("zadd z 1 a 2 b")).toEqual(["zadd z"])
    expect(events("zadd z 1 a")).toEqual([])
    expect(events("zincrby z 1 a")).toEqual(["zincr z"])
    expect(events("zunionstore d 1 z")).toEqual(["zunionstore d"])
    expect(events("zrangestore d z 5 6")).toEqual(["del d"])
    expect(events("zremrangebyrank z 0 0")).toEqual(["zremrangebyrank z"])
    expect(events("zpopmax z")).toEqual(["zpopmax z", "del z"])
    expect(events("geoadd g 1 1 a")).toEqual(["zadd g"])
    expect(events("geosearchstore d g fromlonlat 1 1 byradius 1 km")).toEqual(["geosearchstore d"])
  })

  it("combine sets as sets, whichever is larger and whatever is missing", () => {
    const members = fc.uniqueArray(fc.nat(30), { maxLength: 25 })
    fc.assert(
      fc.property(fc.array(members, { minLength: 1, maxLength: 4 }), (given) => {
        const [client] = clients(1)
        const keys = given.map((_, i) => `k${i}`).join(" ")
        for (const [i, list] of given.entries()) for (const member of list) client.send(`sadd k${i} m${member}`)
        const [first, ...rest] = given.map((list) => list.map((member) => `m${member}`))
        const expected = {
          sinter: first.filter((member) => rest.every((list) => list.includes(member))),
          sunion: [...new Set([first, ...rest].flat())],
          sdiff: first.filter((member) => !rest.some((list) => list.includes(member)))
        }
        for (const [command, list] of Object.entries(expected)) {
          const sorted = list.toSorted()
          expect(stringsOf(client.send(`${command} ${keys}`)).toSorted()).toEqual(sorted)
          expect(client.send(`${command}store d ${keys}`)).toBe(`:${list.length}\r\n`)
          expect(stringsOf(client.send("smembers d")).toSorted()).toEqual(sorted)
          const ofSorted = command.replace("s", "z")
          expect(stringsOf(client.send(`${ofSorted} ${given.length} ${keys}`)).toSorted()).toEqual(sorted)
        }
        expect(client.send(`sintercard ${given.length} ${keys}`)).toBe(`:${expected.sinter.length}\r\n`)
      }),
      { numRuns: 60 }
    )
  })
})

describe("a command that waits for a sorted set", () => {
  it("is served in the order in which it came", () => {
    const [one, two, three, writer] = clients(4)
    expect(one.send("bzpopmin z 0")).toBe("")
    expect(two.send("bzpopmax z 0")).toBe("")
    expect(three.send("bzmpop 0 2 y z min count 2")).toBe("")
    expect(writer.send("zadd z 1 a 2 b 3 c 4 d 5 e")).toBe(":5\r\n")
    expect(one.received()).toBe("*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n")
    expect(two.received()).toBe("*3\r\n$1\r\nz\r\n$1\r\ne\r\n$1\r\n5\r\n")
    expect(three.received()).toBe("*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n")
    expect(writer.send("zcard z")).toBe(":1\r\n")
  })

  it("waits on when its key becomes something else, and has nothing when its time is over", () => {
    const [one, writer] = clients(2)
    one.send("bzpopmin z 1")
    writer.send("set z text")
    expect(one.received()).toBe("")
    expect(one.timeOut()).toBe("*-1\r\n")
    writer.send("del z")
    writer.send("zadd z 1 a")
    expect(one.received()).toBe("")
  })

  it("does not wait in a MULTI", () => {
    const rig = rigOfCollections()
    const client = rig.connect()
    rig.executeTogether(client, ["bzpopmin z 0", "bzmpop 0 1 z max"])
    expect(client.received()).toBe("*-1\r\n*-1\r\n")
    expect(rig.engine.blocking.count).toBe(0)
  })
})
