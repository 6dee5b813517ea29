/** Keys that come to other nodes while clients use them. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { bulks, ClusterRig } from "./ClusterRig.ts"
import type { RigConnection } from "./SessionRig.ts"

/** Counts up as clients do that share a counter: looks what it is, and writes one more unless another one has meanwhile. */
class Counter {
  counted = 0
  refused = 0
  private readonly client: RigConnection
  private readonly key: string
  private heard = ""
  private isWatching = false
  private isAsking = false

  constructor(client: RigConnection, key: string) {
    this.client = client
    this.key = key
  }

  /** Goes on if it has its answer. */
  step(): void {
    this.hear()
    if (this.isAsking) return
    const value = Number(/\r\n(\d+)\r\n$/.exec(this.heard)?.[1] ?? 0)
    const lines = this.isWatching
      ? ["MULTI", `SET ${this.key} ${value + 1}`, "EXEC"]
      : [`WATCH ${this.key}`, `GET ${this.key}`]
    this.isWatching = !this.isWatching
    this.isAsking = true
    this.heard = ""
    for (const line of lines) this.client.sendOnly(`${line}\r\n`)
  }

  hear(): void {
    this.heard += this.client.received()
    const { heard } = this
    if (!this.isAsking || !/\$-1\r\n$|\$\d+\r\n\d+\r\n$|\*-1\r\n$|\*1\r\n\+OK\r\n$/.test(heard)) return
    this.isAsking = false
    if (heard.endsWith("*1\r\n+OK\r\n")) this.counted += 1
    else if (heard.endsWith("*-1\r\n")) this.refused += 1
  }
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

describe("a command whose key has moved", () => {
  it("is refused by the node that had it, and run where it is as soon as that is known", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const [key, other] = [rig.key(2), rig.key(2, 1)]
    rig.ask(client, `SET ${key} 1\r\nSET ${other} 1`)
    rig.move(key, 3)
    expect(rig.ask(client, `INCR ${key}\r\nINCR ${other}\r\nINCR ${key}\r\nPING`)).toBe("")
    expect(rig.node(1).shards.refreshes).toBeGreaterThan(0)
    rig.tell(1, key, 3)
    rig.run()
    expect(client.received()).toBe(":2\r\n:2\r\n:3\r\n+PONG\r\n")
    expect(rig.ask(client, `GET ${key}`)).toBe(bulk("3"))
  })

  it("is run here when it has come here", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const key = rig.key(2)
    rig.ask(client, `SET ${key} 1`)
    rig.node(2).isShut = true
    expect(rig.ask(client, `INCR ${key}\r\nINCR ${key}`)).toBe("")
    client.sendOnly(`INCR ${key}\r\nINCR ${key}\r\nBLPOP ${rig.key(1)} 0.1\r\nPING\r\n`)
    rig.move(key, 1)
    rig.run()
    rig.node(2).isShut = false
    rig.node(2).settle()
    rig.pass(200)
    expect(client.received()).toBe(":2\r\n:3\r\n:4\r\n:5\r\n*-1\r\n+PONG\r\n")
  })

  it("is sent again now and then though nothing is known to have changed, and not for ever", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const key = rig.key(2)
    rig.ask(client, `SET ${key} v`)
    rig.move(key, "nowhere")
    expect(rig.ask(client, `GET ${key}\r\nPING`)).toBe("")
    rig.node(2).shards.set(rig.slotOf(key), 2)
    rig.pass(2 * Limits.respElsewherePauseMillis)
    expect(client.received()).toBe("$-1\r\n+PONG\r\n")
    rig.move(key, "nowhere")
    expect(rig.ask(client, `GET ${key}\r\nPING`)).toBe("")
    rig.pass(Limits.respElsewhereMillisMax - 100)
    expect(client.received()).toBe("")
    rig.pass(200)
    expect(client.received()).toBe("-CLUSTERDOWN Hash slot not served\r\n+PONG\r\n")
  })

  it("is as it was when it was asked: its replies are wanted or not, it waits, it is a MULTI", () => {
    const rig = new ClusterRig(3)
    const [client, other] = [rig.connect(1), rig.connect(3)]
    const key = rig.key(2)
    rig.ask(client, `GET ${key}`)
    rig.move(key, 3)
    expect(
      rig.ask(client, `CLIENT REPLY SKIP\r\nSET ${key} 1\r\nMULTI\r\nINCR ${key}\r\nPING\r\nEXEC\r\nDEL ${key}`)
    ).toBe("")
    rig.tell(1, key, 3)
    rig.run()
    expect(client.received()).toBe("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n+PONG\r\n:1\r\n")
    rig.tell(1, key, 2)
    expect(rig.ask(client, `BLPOP ${key} 0\r\nPING`)).toBe("")
    expect(rig.ask(rig.connect(1), "CLIENT LIST")).toContain("flags=b")
    rig.tell(1, key, 3)
    rig.run()
    expect(rig.ask(other, `LPUSH ${key} e`)).toBe(":1\r\n")
    expect(client.received()).toBe(`*2\r\n${bulk(key)}${bulk("e")}+PONG\r\n`)
  })

  it("waits while nobody may answer for it, here or there, and passes nobody", () => {
    const rig = new ClusterRig(2)
    const [first, second] = [rig.connect(1), rig.connect(1)]
    const [key, far] = [rig.key(1), rig.key(2)]
    rig.tell(1, key, "held")
    rig.tell(2, far, "held")
    for (const client of [first, second]) expect(rig.ask(client, `APPEND ${key} x\r\nAPPEND ${far} x\r\nPING`)).toBe("")
    rig.node(1).server.resumed()
    rig.pass(1_000)
    expect([first.received(), rig.node(1).sessions.count]).toEqual(["", 2])
    rig.tell(1, key, 1)
    rig.run()
    expect([first.received(), second.received()]).toEqual([":1\r\n", ":2\r\n"])
    rig.tell(2, far, 2)
    rig.run()
    expect([first.received(), second.received()]).toEqual([":1\r\n+PONG\r\n", ":2\r\n+PONG\r\n"])
  })

  it("is run again before what its client waits for behind it, here or there", () => {
    for (const node of [1, 3]) {
      const rig = new ClusterRig(3)
      const client = rig.connect(1)
      const [from, to, waited] = [rig.key(2), rig.key(2, 1), rig.key(node)]
      rig.ask(client, `SET ${from} v`)
      client.sendOnly(`RENAME ${from} ${to}\r\n`)
      rig.move(to, 1)
      client.sendOnly(`BLPOP ${waited} 0\r\n`)
      rig.pass(500)
      rig.tell(1, to, 1)
      rig.pass(500)
      expect(client.received()).toBe("+OK\r\n")
      rig.ask(rig.connect(2), `RPUSH ${waited} a`)
      expect(client.received()).toBe(`*2\r\n${bulk(waited)}${bulk("a")}`)
    }
  })

  it.each([
    [1, 2],
    [2, 3],
    [3, 1]
  ])("waits no longer than it said, and for what came since, where its keys go from node %i to %i", (from, to) => {
    const rig = new ClusterRig(3)
    const [reader, popper] = [rig.connect(1), rig.connect(1)]
    const key = rig.key(from)
    rig.ask(rig.connect(from), `XADD ${key} 1-1 a b`)
    expect(rig.ask(reader, `XREAD COUNT 9 BLOCK 0 STREAMS ${key} $\r\nPING`)).toBe("")
    expect(rig.ask(popper, `BLMPOP 0.5 1 {${key}}list LEFT\r\nPING`)).toBe("")
    rig.pass(200)
    rig.move(key, to)
    if (to !== 1) rig.tell(1, key, "nowhere")
    expect(rig.ask(rig.connect(to), `XADD ${key} 2-1 c d`)).toBe(bulk("2-1"))
    rig.pass(100)
    rig.tell(1, key, to)
    rig.pass(100)
    const entry = `*2\r\n${bulk("2-1")}*2\r\n${bulk("c")}${bulk("d")}`
    expect(reader.received()).toBe(`*1\r\n*2\r\n${bulk(key)}*1\r\n${entry}+PONG\r\n`)
    expect(popper.received()).toBe("")
    rig.pass(150)
    expect(popper.received()).toBe("*-1\r\n+PONG\r\n")
  })

  it("is answered as if nothing had moved, whenever which node hears of it", () => {
    const { keys } = new ClusterRig(3)
    const key = fc.constantFrom(...keys)
    const pair = fc.tuple(key, key)
    const command = fc.oneof(
      pair.map(([from, to]) => `RENAME ${from} ${to}`),
      pair.map((both) => `MGET ${both.join(" ")}`),
      pair.map(([one, other]) => `MSET ${one} 1 ${other} 2`),
      pair.map(([one, other]) => `MULTI\r\nAPPEND ${one} m\r\nAPPEND ${other} m\r\nEXEC`),
      pair.map(([from, to]) => `LMOVE ${from} ${to} LEFT RIGHT`),
      pair.map(([from, to]) => `SUNIONSTORE ${to} ${from} ${to}`),
      pair.map((both) => `BLPOP ${both.join(" ")} 0.03`),
      key.map((each) => `RPUSH ${each} a b`),
      key.map((each) => `SADD ${each} a b`),
      key.map((each) => `APPEND ${each} x`),
      key.map((each) => `INCR ${each}`),
      key.map((each) => `GET ${each}`),
      key.map((each) => `DEL ${each}`),
      key.map((each) => `MULTI\r\nAPPEND ${each} y\r\nGET ${each}\r\nEXEC`),
      key.map((each) => `BLPOP ${each} 0.02`),
      key.map((each) => `CLIENT REPLY SKIP\r\nAPPEND ${each} z`),
      fc.constantFrom("PING", "SELECT 1", "SELECT 0")
    )
    const node = fc.constantFrom(1, 2, 3)
    const event = fc.oneof(
      { weight: 3, arbitrary: fc.array(command, { minLength: 1, maxLength: 6 }).map((lines) => ({ lines })) },
      { weight: 2, arbitrary: fc.record({ key, to: node }) },
      { weight: 2, arbitrary: fc.record({ key, told: node }) },
      { weight: 3, arbitrary: fc.record({ rounds: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ millis: fc.integer({ min: 1, max: 100 }) }) }
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30, size: "max" }), (events) => {
        const rig = new ClusterRig(3)
        const single = new ClusterRig(1)
        const [client, other] = [rig.connect(1), single.connect(1)]
        const owners = new Map(keys.map((each) => [each, 1 + (rig.slotOf(each) % 3)]))
        const send = (lines: ReadonlyArray<string>): void => {
          for (const each of [client, other]) each.sendOnly(lines.map((line) => `${line}\r\n`).join(""))
        }
        for (const each of events) {
          if ("lines" in each) send(each.lines)
          else if ("to" in each) {
            if (rig.move(each.key, each.to)) owners.set(each.key, each.to)
          } else if ("told" in each) {
            if (!rig.isHeld(each.key)) rig.tell(each.told, each.key, owners.get(each.key)!)
          } else if ("rounds" in each) rig.run(each.rounds)
          else rig.pass(each.millis)
        }
        rig.pass(500)
        for (const [each, owner] of owners) for (const number of [1, 2, 3]) rig.tell(number, each, owner)
        send(keys.map((each) => `GET ${each}`))
        for (const cluster of [rig, single]) cluster.pass(2_000)
        expect(client.received()).toBe(other.received())
      }),
      { numRuns: 200 }
    )
  })
})

describe("who waits for keys that leave", () => {
  it("waits where they are now, wherever its client is", () => {
    const rig = new ClusterRig(3)
    const [near, far] = [rig.connect(2), rig.connect(1)]
    const key = rig.key(2)
    for (const client of [near, far]) expect(rig.ask(client, `BLPOP ${key} 0`)).toBe("")
    rig.move(key, 3)
    rig.run()
    expect(rig.node(2).engine.blocking.count).toBe(0)
    rig.tell(1, key, 3)
    rig.run()
    expect(rig.node(3).engine.blocking.count).toBe(2)
    expect(rig.ask(rig.connect(3), `RPUSH ${key} a b`)).toBe(":2\r\n")
    expect([near.received(), far.received()].map((each) => each.slice(0, 4))).toEqual(["*2\r\n", "*2\r\n"])
  })
})

describe("what a client watches", () => {
  const begin = (rig: ClusterRig, key: string) => {
    const [client, other] = [rig.connect(1), rig.connect(1)]
    rig.ask(client, `SET ${key} 0`)
    expect(rig.ask(client, `WATCH ${key}`)).toBe("+OK\r\n")
    return { client, other }
  }
  const end = (rig: ClusterRig, client: ReturnType<typeof begin>["client"], key: string): string =>
    rig.ask(client, `MULTI\r\nINCR ${key}\r\nEXEC`).replace("+OK\r\n+QUEUED\r\n", "")

  it("is watched at another node as it is here", () => {
    for (const node of [1, 2]) {
      const rig = new ClusterRig(2)
      const key = rig.key(node)
      const { client, other } = begin(rig, key)
      expect(end(rig, client, key)).toBe("*1\r\n:1\r\n")
      rig.ask(client, `WATCH ${key}`)
      rig.ask(other, `SET ${key} 5`)
      expect(end(rig, client, key)).toBe("*-1\r\n")
      expect(end(rig, client, key)).toBe("*1\r\n:6\r\n")
      for (const word of ["UNWATCH", "MULTI\r\nDISCARD", "MULTI\r\nNOSUCH\r\nEXEC", "RESET"]) {
        rig.ask(client, `WATCH ${key}`)
        rig.ask(other, `INCR ${key}`)
        rig.ask(client, word)
        expect(end(rig, client, key)).toMatch(/^\*1/)
      }
    }
  })

  it("decides, whichever nodes have what is watched and what is run", () => {
    const rig = new ClusterRig(2)
    const { client, other } = begin(rig, rig.key(2))
    expect(rig.ask(client, `MULTI\r\nPING\r\nEXEC`)).toBe("+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n")
    rig.ask(client, `WATCH ${rig.key(2)} ${rig.key(2, 1)}`)
    rig.ask(other, `SET ${rig.key(2, 1)} v`)
    expect(rig.ask(client, `MULTI\r\nEXEC`)).toBe("+OK\r\n*-1\r\n")
    rig.ask(client, `WATCH ${rig.key(1)} ${rig.key(2)}`)
    rig.ask(other, `SET ${rig.key(2)} v`)
    expect(end(rig, client, rig.key(1))).toBe("*-1\r\n")
    rig.ask(client, `WATCH ${rig.key(1)} ${rig.key(2)}`)
    expect(end(rig, client, rig.key(1))).toBe("*1\r\n:1\r\n")
  })

  it("may have changed where its key has left, though it came back, or nobody was there to see it", () => {
    for (const node of [1, 2]) {
      const rig = new ClusterRig(3)
      const key = rig.key(node)
      const { client } = begin(rig, key)
      rig.move(key, 3)
      rig.move(key, node)
      expect(end(rig, client, key)).toBe("*-1\r\n")
      expect(end(rig, client, key)).toBe("*1\r\n:1\r\n")
      rig.ask(client, `WATCH ${key}`)
      rig.move(key, 3)
      rig.tell(1, key, 3)
      expect(end(rig, client, key)).toBe("*-1\r\n")
      expect(end(rig, client, key)).toBe("*1\r\n:2\r\n")
    }
    const rig = new ClusterRig(2)
    const { client } = begin(rig, rig.key(2))
    rig.breakAll()
    rig.run()
    expect(client.isReset).toBe(false)
    expect(end(rig, client, rig.key(2))).toBe("*-1\r\n")
  })

  it("is never changed by another between WATCH and EXEC, wherever its key goes", () => {
    const key = new ClusterRig(3).key(2)
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ client: fc.integer({ min: 0, max: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ to: fc.constantFrom(1, 2, 3) }) },
      { weight: 1, arbitrary: fc.record({ told: fc.constantFrom(1, 2, 3) }) },
      { weight: 6, arbitrary: fc.record({ rounds: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ millis: fc.integer({ min: 1, max: 100 }) }) }
    )
    let changed = 0
    let unchanged = 0
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120, size: "max" }), (events) => {
        const rig = new ClusterRig(3)
        const counters = [1, 2, 3, 1].map((node) => new Counter(rig.connect(node), key))
        let owner = 2
        for (const each of events) {
          if ("client" in each) counters[each.client].step()
          else if ("to" in each) rig.move(key, (owner = each.to))
          else if ("told" in each) rig.tell(each.told, key, owner)
          else if ("rounds" in each) rig.run(each.rounds)
          else rig.pass(each.millis)
        }
        for (const node of [1, 2, 3]) rig.tell(node, key, owner)
        rig.pass(500)
        for (const counter of counters) counter.hear()
        const counted = counters.reduce((sum, counter) => sum + counter.counted, 0)
        expect(rig.ask(rig.connect(1), `INCRBY ${key} 0`)).toBe(`:${counted}\r\n`)
        changed += counters.reduce((sum, counter) => sum + counter.refused, 0)
        unchanged += counted
      }),
      { numRuns: 200 }
    )
    expect([changed > 100, unchanged > 100]).toEqual([true, true])
  })

  it("is lost where EXEC finds its keys gone", () => {
    const rig = new ClusterRig(3)
    const key = rig.key(2)
    const { client } = begin(rig, key)
    rig.move(key, 3)
    expect(end(rig, client, key)).toBe("*-1\r\n")
    rig.tell(1, key, 3)
    expect(end(rig, client, key)).toBe("*1\r\n:1\r\n")
  })
})

describe("a MULTI for another node", () => {
  it("is run there as a whole, in the client's database, and refused as one", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const key = rig.key(2)
    rig.ask(client, "SELECT 2")
    expect(
      rig.ask(client, `SET ${key} 1\r\nMULTI\r\nINCR ${key}\r\nPING\r\nLPUSH ${key} x\r\nEXEC\r\nGET ${key}`)
    ).toBe(
      `+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:2\r\n+PONG\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n${bulk("2")}`
    )
    expect(rig.ask(client, `MULTI\r\nINCR ${key}\r\nNOSUCH\r\nEXEC\r\nGET ${key}`)).toMatch(
      /-EXECABORT.*\r\n\$1\r\n2\r\n$/
    )
    rig.ask(client, `MULTI\r\nINCR ${key}`)
    rig.ask(client, "CLIENT NO-EVICT on")
    rig.ask(rig.connect(1), "ACL SETUSER default -incr")
    expect(rig.ask(client, "EXEC")).toMatch(/^-EXECABORT .*NOPERM/)
    expect(rig.node(2).engine.databases[2].size).toBe(1)
  })

  it("is run once where some of its keys are held, and where one has gone elsewhere", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const [key, other] = [rig.key(2), rig.key(2, 1)]
    rig.tell(2, other, "held")
    const multi = `MULTI\r\nINCR ${key}\r\nINCR ${other}\r\nEXEC`
    expect(rig.ask(client, multi)).toBe("+OK\r\n+QUEUED\r\n+QUEUED\r\n")
    rig.tell(2, other, 2)
    rig.run()
    expect(client.received()).toBe("*2\r\n:1\r\n:1\r\n")
    rig.move(other, 3)
    expect(rig.ask(client, multi)).toBe("+OK\r\n+QUEUED\r\n+QUEUED\r\n")
    rig.tell(1, other, 3)
    rig.run()
    expect(client.received()).toBe("*2\r\n:2\r\n:2\r\n")
    expect(rig.node(3).joint.granted).toBe(1)
  })
})

describe("what waits for one key and changes another", () => {
  it("begins anew where that one has left, and waits where it stands still", () => {
    for (const node of [1, 2]) {
      const rig = new ClusterRig(2)
      const [client, other] = [rig.connect(node), rig.connect(1)]
      const [from, to, beside] = [rig.key(2), rig.key(2, 1), rig.key(1)]
      client.sendOnly(bulks("BLMOVE", from, to, "LEFT", "RIGHT", "0"))
      rig.run()
      rig.move(to, 1)
      rig.run()
      rig.ask(other, `RPUSH ${from} a`)
      rig.run()
      expect(client.received()).toBe(bulk("a"))
      expect(rig.ask(other, `LRANGE ${to} 0 -1`)).toBe(`*1\r\n${bulk("a")}`)
      rig.move(to, 2)
      rig.run()
      client.sendOnly(bulks("BLMOVE", from, to, "LEFT", "RIGHT", "0"))
      rig.run()
      other.sendOnly(`MULTI\r\nRPUSH ${to} b\r\nINCR ${beside}\r\nEXEC\r\n`)
      const slot = rig.slotOf(to)
      while (rig.node(2).joint.held?.has(slot) !== true) rig.run(1)
      const third = rig.connect(2)
      third.sendOnly(`RPUSH ${from} c\r\n`)
      rig.pass(1_000)
      expect(client.received()).toBe(bulk("c"))
      expect(rig.ask(other, `LRANGE ${to} 0 -1`)).toMatch(/\*3\r\n\$1\r\na\r\n/)
    }
  })
})

describe("a client that caches what it reads", () => {
  const invalidated = (key: string): string => `>2\r\n${bulk("invalidate")}*1\r\n${bulk(key)}`
  const everything = `>2\r\n${bulk("invalidate")}_\r\n`

  it("hears of keys that other nodes have, and only of what it has read", () => {
    const rig = new ClusterRig(3)
    const [client, other] = [rig.connect(1), rig.connect(2)]
    rig.ask(client, `GET ${rig.key(2, 1)}`)
    rig.ask(client, "HELLO 3")
    expect(rig.ask(client, "CLIENT TRACKING ON")).toBe("+OK\r\n")
    rig.ask(client, `GET ${rig.key(2)}\r\nGET ${rig.key(3)}\r\nGET ${rig.key(1)}`)
    rig.ask(other, `SET ${rig.key(2, 1)} v`)
    expect(client.received()).toBe("")
    for (const node of [1, 2, 3]) {
      rig.ask(other, `SET ${rig.key(node)} v`)
      expect(client.received()).toBe(invalidated(rig.key(node)))
      rig.ask(other, `SET ${rig.key(node)} w`)
      expect(client.received()).toBe("")
    }
    rig.ask(client, `GET ${rig.key(2)}\r\nCLIENT TRACKING OFF`)
    rig.ask(other, `SET ${rig.key(2)} v`)
    expect(client.received()).toBe("")
  })

  it("may choose what it caches, and is not told of its own changes if it wants so", () => {
    const rig = new ClusterRig(2)
    const [client, other] = [rig.connect(1), rig.connect(2)]
    rig.ask(client, "HELLO 3")
    rig.ask(client, "CLIENT TRACKING ON OPTIN NOLOOP")
    rig.ask(client, `GET ${rig.key(2)}`)
    rig.ask(client, `CLIENT CACHING YES\r\nGET ${rig.key(2, 1)}\r\nGET ${rig.key(2, 2)}`)
    for (const index of [0, 1, 2]) rig.ask(other, `SET ${rig.key(2, index)} v`)
    expect(client.received()).toBe(invalidated(rig.key(2, 1)))
    rig.ask(client, `CLIENT CACHING YES\r\nGET ${rig.key(2)}`)
    expect(rig.ask(client, `SET ${rig.key(2)} w`)).toBe("+OK\r\n")
  })

  it("hears of all keys of all nodes if it wants so, from when it is told that it will", () => {
    const rig = new ClusterRig(3)
    const [client, other] = [rig.connect(1), rig.connect(2)]
    rig.ask(client, "HELLO 3")
    client.sendOnly(`PING\r\nCLIENT TRACKING ON BCAST PREFIX key\r\nGET ${rig.key(1)}\r\nPING\r\n`)
    expect(client.received()).toBe("")
    rig.run()
    expect(client.received()).toBe("+PONG\r\n+OK\r\n_\r\n+PONG\r\n")
    for (const node of [1, 2, 3]) {
      rig.ask(other, `SET ${rig.key(node)} v`)
      expect(client.received()).toBe(invalidated(rig.key(node)))
    }
    rig.breakAll()
    rig.run()
    expect(client.received()).toBe(everything.repeat(2))
    rig.pass(1_100)
    expect(client.received()).toBe(everything.repeat(2))
    rig.ask(other, `SET ${rig.key(3)} v`)
    expect(client.received()).toBe(invalidated(rig.key(3)))
  })

  it("hears of what leaves, and of everything where nobody could tell it more", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    rig.ask(client, "HELLO 3")
    rig.ask(client, "CLIENT TRACKING ON")
    rig.ask(client, `GET ${rig.key(1)}\r\nGET ${rig.key(2)}`)
    rig.move(rig.key(1), 3)
    rig.run()
    expect(client.received()).toBe(invalidated(rig.key(1)))
    rig.move(rig.key(2), 3)
    rig.run()
    expect(client.received()).toBe(invalidated(rig.key(2)))
    rig.breakAll()
    rig.run()
    expect(client.received()).toBe(everything)
  })
})
