import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { differences, Rig } from "./Rig.ts"
import * as StreamClaims from "./StreamClaims.ts"
import * as StreamGroups from "./StreamGroups.ts"
import * as StreamInfo from "./StreamInfo.ts"
import * as StreamReads from "./StreamReads.ts"
import * as Streams from "./Streams.ts"

const clients = (count: number) => {
  const rig = new Rig(
    Streams.handlers,
    StreamReads.handlers,
    StreamGroups.handlers,
    StreamClaims.handlers,
    StreamInfo.handlers
  )
  rig.engine.databases[0].set("text", "x")
  return { rig, database: rig.engine.databases[0], clients: Array.from({ length: count }, () => rig.connect()) }
}

const recorded = (name: string): string => readFileSync(new URL(`testdata/${name}.txt`, import.meta.url), "latin1")

/** A reply to XREAD of one entry `a b` of the stream `s`. */
const entry = (id: string): string => `*1|*2|$1|s|*1|*2|$${id.length}|${id}|*2|$1|a|$1|b|`.replaceAll("|", "\r\n")

describe("commands of streams", () => {
  it.each(["streams", "groups", "mixed-streams", "stream-edges"])("answer as Redis 7.0.15 has answered: %s", (name) => {
    const [client] = clients(1).clients
    expect(differences(client, recorded(name))).toEqual([])
  })

  it("give maps to protocol 3", () => {
    const [client] = clients(1).clients
    client.client.out.protocol = 3
    client.send("xadd s 1-0 a b")
    client.send("xgroup create s g 0")
    expect(client.send("xread streams s 0")).toBe(
      "%1\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
    )
    expect(client.send("xread streams s 1")).toBe("_\r\n")
    expect(client.send("xinfo groups s")).toMatch(/^\*1\r\n%6\r\n/)
    expect(client.send("xinfo stream s")).toMatch(/^%10\r\n/)
    expect(client.send("xinfo stream s full")).toMatch(/^%9\r\n/)
  })

  it("change data when they deliver, and not when they deliver again", () => {
    const { clients: all, rig } = clients(1)
    const [client] = all
    for (const id of ["1-0", "2-0", "3-0"]) client.send(`xadd s ${id} a b`)
    client.send("xgroup create s g 0")
    client.send("xgroup createconsumer s g one")
    const { journal } = rig.engine
    const before = journal.changes
    client.send("xreadgroup group g one count 2 streams s >")
    expect(journal.changes).toBe(before + 1)
    journal.take()
    client.send("xreadgroup group g one streams s 0")
    expect(journal.changes).toBe(before + 1)
    // It is stored all the same, how often that was.
    expect(journal.hasChanges).toBe(true)
  })

  it("tell those who watch a key of its entries, and not of who has read them", () => {
    const { clients: all, rig } = clients(1)
    const [client] = all
    for (const id of ["1-0", "2-0"]) client.send(`xadd s ${id} a b`)
    let told = 0
    rig.engine.listen({ changed: () => void (told += 1), flushed: () => {}, notify: () => {} })
    for (const line of [
      "xgroup create s g 0",
      "xgroup createconsumer s g one",
      "xreadgroup group g one streams s >",
      "xreadgroup group g two streams s 0",
      "xclaim s g two 0 1-0",
      "xautoclaim s g one 0 0",
      "xack s g 1-0",
      "xgroup setid s g 0",
      "xgroup delconsumer s g one",
      "xgroup destroy s g",
      "xsetid s 9-9",
      "xdel s 5-0",
      "xtrim s maxlen 2"
    ]) {
      expect(client.send(line)).not.toMatch(/^-/)
      expect([line, told]).toEqual([line, 0])
    }
    for (const line of ["xadd s * a b", "xdel s 1-0", "xtrim s maxlen 1"]) client.send(line)
    expect(told).toBe(3)
  })

  it("take ids from the clock, and never go back with it", () => {
    const { clients: all, rig } = clients(1)
    expect(all[0].send("xadd s * a b")).toBe("$15\r\n1700000000000-0\r\n")
    expect(all[0].send("xadd s * a b")).toBe("$15\r\n1700000000000-1\r\n")
    rig.now -= 1_000
    expect(all[0].send("xadd s * a b")).toBe("$15\r\n1700000000000-2\r\n")
    rig.now += 2_000
    expect(all[0].send("xadd s * a b")).toBe("$15\r\n1700000001000-0\r\n")
  })

  it("show and claim what was delivered later than now, where the clock went back", () => {
    const { clients: all, rig } = clients(1)
    const [client] = all
    client.send("XADD s 1-0 f v")
    client.send("XGROUP CREATE s g 0")
    client.send("XREADGROUP GROUP g c STREAMS s >")
    rig.now -= 5_000
    const pending = "*1\r\n*4\r\n$3\r\n1-0\r\n$1\r\nc\r\n:0\r\n:1\r\n"
    expect(client.send("XPENDING s g - + 10")).toBe(pending)
    expect(client.send("XPENDING s g IDLE 1 - + 10")).toBe("*0\r\n")
    const claimed = "*1\r\n$3\r\n1-0\r\n"
    expect(client.send("XAUTOCLAIM s g other 0 0 JUSTID")).toBe(`*3\r\n$3\r\n0-0\r\n${claimed}*0\r\n`)
    rig.now -= 5_000
    expect(client.send("XCLAIM s g c 0 1-0 JUSTID")).toBe(claimed)
  })

  it("tell how long ago something was delivered, and claim what is old enough", () => {
    const { clients: all, rig } = clients(1)
    const [client] = all
    for (const id of ["1-0", "2-0"]) client.send(`xadd s ${id} a b`)
    client.send("xgroup create s g 0")
    client.send("xreadgroup group g one count 1 streams s >")
    rig.now += 500
    client.send("xreadgroup group g two count 1 streams s >")
    rig.now += 70
    const first = "*4|$3|1-0|$3|one|:570|:1|".replaceAll("|", "\r\n")
    const second = "*4|$3|2-0|$3|two|:70|:1|".replaceAll("|", "\r\n")
    expect(client.send("xpending s g - + 10")).toBe(`*2\r\n${first}${second}`)
    expect(client.send("xpending s g idle 570 - + 10")).toBe(`*1\r\n${first}`)
    expect(client.send("xpending s g idle 571 - + 10")).toBe("*0\r\n")
    expect(client.send("xpending s g - + 10 two")).toBe(`*1\r\n${second}`)
    expect(client.send("xpending s g (1-0 (2-0 10")).toBe("*0\r\n")
    expect(client.send("xclaim s g two 100 1-0 2-0 justid")).toBe("*1\r\n$3\r\n1-0\r\n")
    expect(client.send("xclaim s g two 0 1-0 idle 4000 retrycount 9 justid")).toBe("*1\r\n$3\r\n1-0\r\n")
    expect(client.send("xpending s g - + 1")).toBe("*1|*4|$3|1-0|$3|two|:4000|:9|".replaceAll("|", "\r\n"))
    expect(client.send("xautoclaim s g one 100 0 justid")).toBe("*3|$3|0-0|*1|$3|1-0|*0|".replaceAll("|", "\r\n"))
    rig.now += 30
    expect(client.send("xinfo consumers s g")).toBe(
      "*2|*6|$4|name|$3|one|$7|pending|:1|$4|idle|:30|*6|$4|name|$3|two|$7|pending|:1|$4|idle|:30|".replaceAll(
        "|",
        "\r\n"
      )
    )
    expect(client.send("xinfo stream s full")).toContain(
      "$4|name|$3|one|$9|seen-time|:1700000000570|$9|pel-count|:1|$7|pending|*1|*3|$3|1-0|:1700000000570|:9|".replaceAll(
        "|",
        "\r\n"
      )
    )
  })
})

describe("a command that waits for entries", () => {
  it("gets them with all others that wait for them", () => {
    const [one, two, writer] = clients(3).clients
    expect(one.send("xread block 0 streams s $")).toBe("")
    expect(two.send("xread block 0 streams no s 0 1-0")).toBe("")
    writer.send("xadd s 1-0 a b")
    expect(one.received()).toBe(entry("1-0"))
    expect(two.received()).toBe("")
    writer.send("xadd s 2-0 a b")
    expect(two.received()).toBe(entry("2-0"))
  })

  it("gets each entry once in a group", () => {
    const [one, two, writer] = clients(3).clients
    writer.send("xgroup create s g $ mkstream")
    one.send("xreadgroup group g one block 0 streams s >")
    two.send("xreadgroup group g two block 0 streams s >")
    writer.send("xadd s 1-0 a b")
    expect(one.received()).toBe(entry("1-0"))
    expect(two.received()).toBe("")
    writer.send("xadd s 2-0 a b")
    expect(two.received()).toBe(entry("2-0"))
    expect(writer.send("xpending s g")).toBe(
      "*4|:2|$3|1-0|$3|2-0|*2|*2|$3|one|$1|1|*2|$3|two|$1|1|".replaceAll("|", "\r\n")
    )
  })

  it("hears that its stream or its group is gone", () => {
    const gone = "-UNBLOCKED the stream key no longer exists\r\n"
    const noGroup = "-NOGROUP the consumer group this client was blocked on no longer exists\r\n"
    const { clients: all, database, rig } = clients(2)
    const [reader, writer] = all
    const afterwards = (change: () => void): string => {
      database.delete("s")
      writer.send("xgroup create s g $ mkstream")
      expect(reader.send("xreadgroup group g c block 0 streams s >")).toBe("")
      change()
      rig.engine.settle()
      return reader.received()
    }
    expect(afterwards(() => database.delete("s"))).toBe(gone)
    expect(afterwards(() => database.set("s", "text"))).toBe(gone)
    expect(afterwards(() => rig.engine.flush(-1))).toBe(gone)
    expect(afterwards(() => writer.send("xgroup destroy s g"))).toBe(noGroup)
    expect(afterwards(() => rig.engine.swap(0, 1))).toBe(gone)
    expect(rig.engine.blocking.count).toBe(0)
  })

  it("waits on without a group, whatever the key holds meanwhile", () => {
    const { clients: all, database, rig } = clients(2)
    const [reader, writer] = all
    reader.send("xread block 0 streams s 0")
    database.set("s", "text")
    rig.engine.settle()
    database.delete("s")
    expect(reader.received()).toBe("")
    writer.send("xadd s 1-0 a b")
    expect(reader.received()).toBe(entry("1-0"))
  })

  it("finds what is in the other database after both have changed places", () => {
    const { clients: all, rig } = clients(2)
    const [reader, writer] = all
    writer.client.database = 1
    reader.send("xread block 0 streams s 0")
    writer.send("xadd s 1-0 a b")
    expect(reader.received()).toBe("")
    rig.engine.swap(0, 1)
    rig.engine.settle()
    expect(reader.received()).toBe(entry("1-0"))
    reader.send("xread block 0 streams s 1")
    writer.client.database = 0
    writer.send("xadd s 2-0 a b")
    expect(reader.received()).toBe(entry("2-0"))
  })

  it("gets no empty reply when what came is gone again, nor in a MULTI", () => {
    const { clients: all, rig } = clients(2)
    const [reader, writer] = all
    reader.send("xread block 0 streams s 0")
    rig.executeTogether(writer, ["xadd s 1-0 a b", "xdel s 1-0"])
    expect(reader.received()).toBe("")
    expect(reader.timeOut()).toBe("*-1\r\n")
    rig.executeTogether(reader, ["xread block 0 streams s $"])
    expect(reader.received()).toBe("*-1\r\n")
  })
})
