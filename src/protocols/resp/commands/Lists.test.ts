import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as BlockingLists from "./BlockingLists.ts"
import * as Lists from "./Lists.ts"
import { differences, Rig } from "./Rig.ts"

const clients = (count: number) => {
  const rig = new Rig(Lists.handlers, BlockingLists.handlers)
  rig.engine.databases[0].set("text", "x")
  return { rig, clients: Array.from({ length: count }, () => rig.connect()) }
}

describe("commands of lists", () => {
  it("answer as Redis 7.0.15 has answered", () => {
    const [client] = clients(1).clients
    const recorded = readFileSync(new URL("testdata/lists.txt", import.meta.url), "latin1")
    expect(differences(client, recorded)).toEqual([])
  })

  it("remove a list with its last item", () => {
    const { rig, clients: all } = clients(1)
    for (const way of ["lpop l", "ltrim l 1 0", "lrem l 0 a", "lmove l m left left", "lmpop 1 l right", "blpop l 0"]) {
      all[0].send("rpush l a")
      all[0].send(way)
      expect(rig.engine.databases[0].peek("l")).toBe(undefined)
    }
  })
})

describe("a command that waits for a list", () => {
  it("is served in the order in which it came", () => {
    const [one, two, three, writer] = clients(4).clients
    for (const client of [one, two, three]) expect(client.send("blpop l 0")).toBe("")
    expect(writer.send("rpush l a b")).toBe(":2\r\n")
    expect(one.received()).toBe("*2\r\n$1\r\nl\r\n$1\r\na\r\n")
    expect(two.received()).toBe("*2\r\n$1\r\nl\r\n$1\r\nb\r\n")
    expect(three.received()).toBe("")
    expect(writer.send("llen l")).toBe(":0\r\n")
    writer.send("rpush l c")
    expect(three.received()).toBe("*2\r\n$1\r\nl\r\n$1\r\nc\r\n")
  })

  it("takes from the first of its keys that has something, and once only", () => {
    const [one, writer] = clients(2).clients
    writer.send("rpush b 1")
    expect(one.send("blpop a b c 0")).toBe("*2\r\n$1\r\nb\r\n$1\r\n1\r\n")
    one.send("blpop a b b c 0")
    writer.send("rpush c 2")
    writer.send("rpush a 3")
    expect(one.received()).toBe("*2\r\n$1\r\nc\r\n$1\r\n2\r\n")
    expect(writer.send("llen a")).toBe(":1\r\n")
  })

  it("sees a MULTI as a whole", () => {
    const { clients: all, rig } = clients(2)
    all[0].send("blpop l 0")
    rig.executeTogether(all[1], ["lpush l a", "lpush l b", "lpush l c"])
    expect(all[0].received()).toBe("*2\r\n$1\r\nl\r\n$1\r\nc\r\n")
    all[0].send("blpop l m 0")
    expect(all[1].received()).toBe(":1\r\n:2\r\n:3\r\n")
    all[1].send("lpop l 5")
    all[0].send("blpop l 0")
    rig.executeTogether(all[1], ["lpush l a", "lpop l"])
    expect(all[0].received()).toBe("")
  })

  it("does not wait in a MULTI", () => {
    const { clients: all, rig } = clients(1)
    rig.executeTogether(all[0], ["blpop l 0", "blmove l m left left 0", "blmpop 0 1 l left", "brpoplpush l m 0"])
    expect(all[0].received()).toBe("*-1\r\n$-1\r\n*-1\r\n$-1\r\n")
    expect(rig.engine.blocking.count).toBe(0)
  })

  it("waits on when its key becomes something else", () => {
    const { clients: all, rig } = clients(2)
    all[0].send("blpop l 0")
    rig.engine.databases[0].set("l", "text")
    rig.engine.settle()
    expect(all[0].received()).toBe("")
    rig.engine.databases[0].delete("l")
    all[1].send("rpush l a")
    expect(all[0].received()).toBe("*2\r\n$1\r\nl\r\n$1\r\na\r\n")
  })

  it("hands an item on to who waits for its target", () => {
    const [mover, popper, writer] = clients(3).clients
    popper.send("blpop b 0")
    mover.send("blmove a b left right 0")
    writer.send("rpush a 1")
    expect(mover.received()).toBe("$1\r\n1\r\n")
    expect(popper.received()).toBe("*2\r\n$1\r\nb\r\n$1\r\n1\r\n")
    expect(writer.send("exists a b")).toMatch(/^-ERR/)
  })

  it("leaves an item where it is when its target cannot take it, and goes on with the next", () => {
    const [mover, popper, writer] = clients(3).clients
    mover.send("blmove a text left right 0")
    popper.send("blmpop 0 2 b a right count 5")
    writer.send("rpush a 1 2")
    expect(mover.received()).toBe("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
    expect(popper.received()).toBe("*2\r\n$1\r\na\r\n*2\r\n$1\r\n2\r\n$1\r\n1\r\n")
  })

  it("has nothing when its time is over, and takes nothing afterwards", () => {
    const { clients: all, rig } = clients(2)
    for (const command of ["blpop l 1", "blmove l m left left 1", "blmpop 1 1 l left", "brpoplpush l m 1"]) {
      expect(all[0].send(command)).toBe("")
      expect(all[0].client.blocked?.until).toBe(rig.now + 1_000)
      expect(all[0].timeOut()).toBe("*-1\r\n")
    }
    all[1].send("rpush l a")
    expect(all[0].received()).toBe("")
    expect(all[1].send("llen l")).toBe(":1\r\n")
  })
})
