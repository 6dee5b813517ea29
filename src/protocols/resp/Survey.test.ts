/** Commands about all keys, and messages to all clients, where several nodes have the data. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { ClusterRig } from "./ClusterRig.ts"
import type { RigConnection } from "./SessionRig.ts"

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** Thirty keys, on all nodes, each of which has a run of slots. */
const filled = (
  count: number
): { readonly rig: ClusterRig; readonly client: RigConnection; readonly keys: ReadonlyArray<string> } => {
  const rig = new ClusterRig(count, (slot) => 1 + Math.floor((slot * count) / 16_384))
  const client = rig.connect(Math.min(2, count))
  const keys = Array.from({ length: 30 }, (_, index) => `key${index}`)
  for (const key of keys) rig.ask(client, `SET ${key} v`)
  return { rig, client, keys }
}

const namesIn = (reply: string): ReadonlyArray<string> => reply.match(/key\d+/g) ?? []

const scanned = (rig: ClusterRig, client: RigConnection, options: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let cursor = "0"
  do {
    const reply = rig.ask(client, `SCAN ${cursor}${options}`)
    const match = /^\*2\r\n\$\d+\r\n(\d+)\r\n\*(\d+)\r\n/.exec(reply)!
    cursor = match[1]
    const names = namesIn(reply)
    expect(names.length).toBe(Number(match[2]))
    found.push(...names)
  } while (cursor !== "0")
  return found
}

describe("a command about all keys", () => {
  it("counts and lists those of all nodes", () => {
    const { client, keys, rig } = filled(3)
    expect(rig.ask(client, "DBSIZE")).toBe(":30\r\n")
    const reply = rig.ask(client, "KEYS *")
    expect(reply).toMatch(/^\*30\r\n/)
    expect([...namesIn(reply)].sort()).toEqual([...keys].sort())
    expect(namesIn(rig.ask(client, "KEYS key1?"))).toHaveLength(10)
    expect(rig.ask(client, "SELECT 3\r\nDBSIZE\r\nRANDOMKEY")).toBe("+OK\r\n:0\r\n$-1\r\n")
  })

  it("scans slot after slot, with all options", () => {
    const { client, keys, rig } = filled(3)
    for (const options of ["", " COUNT 3", " MATCH key*", " COUNT 100"]) {
      expect([...scanned(rig, client, options)].sort()).toEqual([...keys].sort())
    }
    expect(scanned(rig, client, " MATCH key2 COUNT 2")).toEqual(["key2"])
    expect(scanned(rig, client, " TYPE hash")).toEqual([])
    expect(rig.ask(client, "SCAN x")).toBe("-ERR invalid cursor\r\n")
    expect(rig.ask(client, "SCAN 0 COUNT 0")).toBe("-ERR syntax error\r\n")
    expect(rig.ask(client, "SCAN 18446744073709551616")).toBe("-ERR invalid cursor\r\n")
    // Nobody has made it; it is one all the same.
    expect(rig.ask(client, "SCAN 18446744073709551615")).toBe(`*2\r\n${bulk("0")}*0\r\n`)
  })

  it("finds some key wherever there is one", () => {
    const { client, keys, rig } = filled(3)
    let draws = 0
    for (const { engine } of rig.nodes) Object.assign(engine, { random: () => (draws++ % 10) / 10 })
    const found = new Set(Array.from({ length: 60 }, () => namesIn(rig.ask(client, "RANDOMKEY"))[0]))
    expect(new Set([...found].map((key) => Math.floor((rig.slotOf(key) * 3) / 16_384))).size).toBe(3)
    for (const key of keys) if (key !== rig.key(3)) rig.ask(client, `DEL ${key}`)
    expect(rig.ask(client, "RANDOMKEY")).toBe(bulk(rig.key(3)))
  })

  it("removes everything everywhere, when nothing stands still any more", () => {
    const { client, rig } = filled(3)
    rig.ask(client, "SELECT 1\r\nSET key0 v\r\nSET key1 v\r\nSET key2 v\r\nFLUSHDB\r\nSELECT 0")
    expect(rig.ask(client, "DBSIZE")).toBe(":30\r\n")
    const slow = rig.connect(1)
    slow.sendOnly("MSET key0 a key1 b key2 c\r\n")
    while (rig.nodes.every(({ joint }) => joint.held === undefined)) rig.run(1)
    expect(rig.ask(client, "FLUSHALL")).toBe("+OK\r\n")
    expect(slow.received()).toBe("+OK\r\n")
    expect(rig.ask(client, "DBSIZE")).toBe(":0\r\n")
  })

  it("is refused where it cannot be what it says", () => {
    const { client, rig } = filled(2)
    expect(rig.ask(client, "SWAPDB 0 1")).toBe("-ERR SWAPDB is not allowed where several nodes have the data\r\n")
    for (const line of ["DBSIZE", "KEYS *", "FLUSHALL", "SCAN 0", "RANDOMKEY", "SWAPDB 0 1"]) {
      expect(rig.ask(client, `MULTI\r\n${line}\r\nEXEC`)).toMatch(
        /^\+OK\r\n-ERR [A-Z]+ is not allowed in a MULTI.*\r\n-EXECABORT/
      )
    }
  })

  it("is what all nodes are to be like, where clients do not know that there are several", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const told = (): ReadonlyArray<number> => rig.nodes.map(({ engine }) => engine.settings.listMaxListpackSize)
    const [before] = told()
    expect(rig.ask(client, "CONFIG SET list-max-listpack-size 77")).toBe("+OK\r\n")
    expect(told()).toEqual([77, 77, 77])
    expect(rig.ask(client, "CONFIG SET list-max-listpack-size 5 nosuch 1")).toMatch(/^-ERR/)
    expect(told()).toEqual([77, 77, 77])
    for (const { server } of rig.nodes) server.topology = () => []
    expect(rig.ask(client, `CONFIG SET list-max-listpack-size ${before}`)).toBe("+OK\r\n")
    expect(told()).toEqual([before, 77, 77])
  })

  it("swaps databases where one node has everything", () => {
    const rig = new ClusterRig(1)
    const client = rig.connect(1)
    expect(rig.ask(client, "SET a v\r\nSWAPDB 0 1\r\nGET a\r\nSELECT 1\r\nGET a")).toBe(
      `+OK\r\n+OK\r\n$-1\r\n+OK\r\n${bulk("v")}`
    )
  })

  it("is run at once where one node has everything, and nothing stands still", () => {
    const rig = new ClusterRig(1)
    const client = rig.connect(1)
    client.sendOnly("SET a v\r\nFLUSHALL\r\nDBSIZE\r\n")
    expect(client.received()).toBe("+OK\r\n+OK\r\n:0\r\n")
  })

  it("waits until all nodes have loaded what they have", () => {
    const { client, rig } = filled(3)
    rig.tell(3, rig.key(3), "loading")
    expect(rig.ask(client, "FLUSHALL")).toBe("")
    rig.tell(3, rig.key(3), 3)
    rig.pass(100)
    expect(client.received()).toBe("+OK\r\n")
    expect(rig.ask(client, "DBSIZE")).toBe(":0\r\n")
  })

  it("is begun again where a node was not there", () => {
    const { client, rig } = filled(3)
    rig.breakAll()
    rig.run()
    client.sendOnly("DBSIZE\r\n")
    rig.run(1)
    rig.breakAll()
    rig.pass(200)
    expect(client.received()).toBe(":30\r\n")
  })
})

const isAt = (rig: ClusterRig, key: string, node: number): boolean =>
  rig.node(node).shards.placeOf(rig.slotOf(key)) === "here"

describe("a command about all keys, where clients know of a Redis Cluster", () => {
  /** Where they are told who has what, and where they are sent there, too. */
  const clustered = (isMoved: boolean): ReturnType<typeof filled> => {
    const made = filled(3)
    for (const { address, server } of made.rig.nodes) {
      server.topology = () => []
      if (isMoved) server.place = address
    }
    return made
  }

  for (const isMoved of [false, true]) {
    it(`is about the keys of the node that it asks${isMoved ? ", which sends away who asks for others" : ""}`, () => {
      const { keys, rig } = clustered(isMoved)
      const all: Array<string> = []
      for (const node of [1, 2, 3]) {
        const client = rig.connect(node)
        const own = keys.filter((key) => isAt(rig, key, node)).sort()
        expect(rig.ask(client, "DBSIZE")).toBe(`:${own.length}\r\n`)
        expect([...namesIn(rig.ask(client, "KEYS *"))].sort()).toEqual(own)
        expect([...scanned(rig, client, " COUNT 3")].sort()).toEqual(own)
        expect(own).toContain(namesIn(rig.ask(client, "RANDOMKEY"))[0])
        const multi = `MULTI\r\nGET ${own[0]}\r\nDBSIZE\r\nSCAN 0 COUNT 100\r\nEXEC`
        const reply = rig.ask(client, multi)
        expect(reply).toMatch(new RegExp(`\\*3\r\n\\$1\r\nv\r\n:${own.length}\r\n\\*2\r\n\\$1\r\n0\r\n`))
        all.push(...namesIn(reply))
      }
      expect(all.sort()).toEqual([...keys].sort())
      expect(rig.ask(rig.connect(1), "FLUSHALL\r\nDBSIZE")).toBe("+OK\r\n:0\r\n")
      expect(rig.ask(rig.connect(2), "MULTI\r\nFLUSHDB\r\nEXEC\r\nDBSIZE")).toBe(
        "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n:0\r\n"
      )
      const left = keys.filter((key) => isAt(rig, key, 3)).length
      expect(rig.ask(rig.connect(3), "DBSIZE")).toBe(`:${left}\r\n`)
    })
  }

  it("swaps no databases", () => {
    const { client, rig } = clustered(false)
    const refused = "-ERR SWAPDB is not allowed in cluster mode\r\n"
    expect(rig.ask(client, "SWAPDB 0 1")).toBe(refused)
    expect(rig.ask(client, "MULTI\r\nSWAPDB 0 1\r\nEXEC")).toBe(`+OK\r\n+QUEUED\r\n*1\r\n${refused}`)
    const alone = new ClusterRig(1)
    alone.node(1).server.topology = () => []
    expect(alone.ask(alone.connect(1), "SWAPDB 0 1")).toBe(refused)
  })

  it("removes what the node has when nothing of it stands still, or is on its way", () => {
    const { rig } = clustered(false)
    const client = rig.connect(1)
    const multi = "MULTI\r\nFLUSHALL\r\nEXEC"
    rig.tell(1, rig.key(1), "held")
    expect(rig.ask(client, multi)).toBe("+OK\r\n+QUEUED\r\n")
    rig.tell(1, rig.key(1), 1)
    rig.run()
    expect(client.received()).toBe("*1\r\n+OK\r\n")
    rig.tell(1, rig.key(1), "loading")
    expect(rig.ask(client, "FLUSHALL")).toBe("")
    rig.tell(1, rig.key(1), 1)
    rig.pass(100)
    expect(client.received()).toBe("+OK\r\n")
    rig.tell(1, rig.key(1), "loading")
    expect(rig.ask(client, multi)).toBe("+OK\r\n+QUEUED\r\n")
    rig.pass(Limits.respElsewhereMillisMax + 100)
    expect(client.received()).toMatch(/^-LOADING/)
    rig.tell(1, rig.key(1), 1)
    const slow = rig.connect(2)
    slow.sendOnly(`MSET ${rig.key(1)} a ${rig.key(2)} b\r\n`)
    while (rig.node(1).joint.held === undefined) rig.run(1)
    expect(rig.ask(client, "FLUSHALL")).toBe("+OK\r\n")
    expect(slow.received()).toBe("+OK\r\n")
    expect(rig.ask(client, "DBSIZE")).toBe(":0\r\n")
  })

  it("has no keys of other nodes beside it in a MULTI", () => {
    const { rig } = clustered(false)
    const client = rig.connect(1)
    for (const lines of [`GET ${rig.key(2)}`, `GET ${rig.key(1)}\r\nGET ${rig.key(2)}`]) {
      expect(rig.ask(client, `MULTI\r\n${lines}\r\nDBSIZE\r\nEXEC`)).toMatch(
        /-EXECABORT .* a MULTI with a command about all keys cannot use, or watch, keys of other nodes\r\n$/
      )
    }
  })
})

/** The cursor and the names of a reply. */
const pageOf = (reply: string): { readonly cursor: string; readonly names: ReadonlyArray<string> } => ({
  cursor: /^\*2\r\n\$\d+\r\n(\d+)\r\n\*/.exec(reply)![1],
  names: namesIn(reply)
})

describe("a scan", () => {
  it("meets whatever is there throughout, wherever slots go meanwhile, and back to where they were", () => {
    const move = fc.record({ key: fc.nat(39), to: fc.integer({ min: 1, max: 3 }) })
    const step = fc.record({ moves: fc.array(move, { maxLength: 4 }), count: fc.integer({ min: 1, max: 4 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
        const rig = new ClusterRig(3, (slot) => 1 + (Math.floor(slot / 1_024) % 3))
        const client = rig.connect(2)
        // Four slots, with ten keys each.
        const keys = Array.from({ length: 40 }, (_, index) => `{${index % 4}}key${index}`)
        for (const key of keys) rig.ask(client, `SET ${key} v`)
        const owners = new Map<string, number>()
        const met = new Set<string>()
        let next = "0"
        const scan = (count: number): void => {
          let reply = rig.ask(client, `SCAN ${next} COUNT ${count}`)
          if (reply === "") {
            // It was refused where the slot was: now the node of the client hears where it is.
            for (const [key, owner] of owners) rig.tell(2, key, owner)
            rig.run()
            reply = client.received()
          }
          const { cursor, names } = pageOf(reply)
          next = cursor
          for (const name of names) met.add(name)
        }
        scan(1)
        for (const { count, moves } of steps) {
          if (next === "0") break
          for (const { key, to } of moves) {
            rig.move(keys[key], to)
            owners.set(keys[key % 4], to)
            for (const node of [1, 3]) rig.tell(node, keys[key], to)
          }
          scan(count)
        }
        while (next !== "0") scan(5)
        expect(keys.filter((_, index) => !met.has(`key${index}`))).toEqual([])
      }),
      { numRuns: 60 }
    )
  })

  it("begins a slot again that has come back where it was, however the position it was at may fit", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const keys = Array.from({ length: 10 }, (_, index) => `{${rig.key(1)}}key${index}`)
    for (const key of keys) rig.ask(client, `SET ${key} v`)
    const slot = rig.slotOf(keys[0])
    const first = pageOf(rig.ask(client, `SCAN ${slot} COUNT 4`))
    rig.move(keys[0], 2)
    rig.move(keys[0], 1)
    const again = [pageOf(rig.ask(client, `SCAN ${first.cursor} COUNT 6`))]
    again.push(pageOf(rig.ask(client, `SCAN ${again[0].cursor} COUNT 6`)))
    expect(new Set(again.flatMap(({ names }) => names)).size).toBe(10)
  })

  it("meets what a command of several nodes changes meanwhile", () => {
    const { client, rig } = filled(2)
    const keys = Array.from({ length: 10 }, (_, index) => `{${rig.key(1)}}key${index}`)
    for (const key of keys) rig.ask(client, `SET ${key} v`)
    const first = pageOf(rig.ask(client, `SCAN ${rig.slotOf(keys[0])} COUNT 4`))
    expect(rig.ask(client, `MSET ${keys[0]} w ${rig.key(2)} w`)).toBe("+OK\r\n")
    const rest = pageOf(rig.ask(client, `SCAN ${first.cursor} COUNT 100`))
    expect([...first.names, ...rest.names]).toContain("key0")
    expect(rest.names).toEqual(expect.arrayContaining(["key1", "key2"]))
  })

  it("waits for a slot that is held, or loading, or that nobody has, and stops before it", () => {
    const { client, keys, rig } = filled(1)
    const slots = keys.map((key) => rig.slotOf(key)).sort((left, right) => left - right)
    const [, , third] = slots
    const key = keys.find((each) => rig.slotOf(each) === third)!
    rig.tell(1, key, "held")
    const { cursor, names } = pageOf(rig.ask(client, "SCAN 0 COUNT 100"))
    expect([cursor, names.length]).toEqual([String(third), 2])
    expect(rig.ask(client, `SCAN ${cursor} COUNT 100`)).toBe("")
    rig.tell(1, key, 1)
    rig.run()
    const rest = pageOf(client.received())
    expect([rest.cursor, rest.names.length]).toEqual(["0", 28])
    for (const place of ["loading", "nowhere"] as const) {
      rig.tell(1, key, place)
      expect(rig.ask(client, `SCAN ${cursor} COUNT 100`)).toBe("")
      rig.tell(1, key, 1)
      rig.pass(100)
      expect(pageOf(client.received())).toEqual(rest)
    }
  })

  it("sees what its client has set before, whichever node has it by then", () => {
    const rig = new ClusterRig(3, () => 2)
    const client = rig.connect(1)
    rig.tell(1, "key0", 3)
    client.sendOnly("SET key0 v\r\nSCAN 0 COUNT 10\r\n")
    rig.run()
    expect(client.received()).toBe("")
    rig.tell(1, "key0", 2)
    rig.run()
    expect(client.received()).toBe(`+OK\r\n*2\r\n${bulk("0")}*1\r\n${bulk("key0")}`)
  })

  it("is carried to the node that has the slot also where clients go to their keys by themselves", () => {
    const { client, keys, rig } = filled(3)
    rig.node(2).server.place = rig.node(2).address
    expect([...scanned(rig, client, " COUNT 7")].sort()).toEqual([...keys].sort())
  })
})

describe("the keys of a slot", () => {
  it("are those of its table, all of them or some", () => {
    const { client, rig } = filled(1)
    rig.node(1).server.topology = () => []
    const slot = rig.slotOf("tag")
    for (let n = 0; n < 12; n++) rig.ask(client, `SET {tag}${n} v`)
    expect(rig.ask(client, `CLUSTER COUNTKEYSINSLOT ${slot}`)).toBe(":12\r\n")
    expect(rig.ask(client, `CLUSTER GETKEYSINSLOT ${slot} 20`).match(/\{tag\}\d+/g)).toHaveLength(12)
    expect(rig.ask(client, `CLUSTER GETKEYSINSLOT ${slot} 5`).match(/\{tag\}\d+/g)).toHaveLength(5)
    expect(rig.ask(client, `CLUSTER COUNTKEYSINSLOT ${slot + 1}`)).toBe(":0\r\n")
    expect(rig.ask(client, `CLUSTER GETKEYSINSLOT ${slot + 1} 5`)).toBe("*0\r\n")
  })
})

describe("a message", () => {
  it("reaches the clients of all nodes, once, in order, through channels, patterns and shard channels", () => {
    const rig = new ClusterRig(3)
    const listeners = [1, 2, 3].map((node) => rig.connect(node))
    for (const listener of listeners) rig.ask(listener, "SUBSCRIBE news\r\nPSUBSCRIBE n*\r\nSSUBSCRIBE shard")
    const client = rig.connect(1)
    expect(rig.ask(client, "PUBLISH news a\r\nPUBLISH news b\r\nSPUBLISH shard c")).toBe(":2\r\n:2\r\n:1\r\n")
    const messages = ["a", "b"]
      .map(
        (each) =>
          `*3\r\n${bulk("message")}${bulk("news")}${bulk(each)}*4\r\n${bulk("pmessage")}${bulk("n*")}${bulk("news")}${bulk(each)}`
      )
      .join("")
    for (const listener of listeners) {
      expect(listener.received()).toBe(`${messages}*3\r\n${bulk("smessage")}${bulk("shard")}${bulk("c")}`)
    }
  })

  it("of what happens to keys does, too, wherever they are", () => {
    const rig = new ClusterRig(2)
    const listener = rig.connect(1)
    rig.ask(listener, "PSUBSCRIBE __key*__:*")
    rig.ask(rig.connect(2), "CONFIG SET notify-keyspace-events KA")
    rig.ask(rig.connect(1), `SET ${rig.key(2)} v`)
    expect(listener.received()).toContain(`__keyspace@0__:${rig.key(2)}`)
  })

  it("is lost with a connection, and the next one is not", () => {
    const rig = new ClusterRig(2)
    const listener = rig.connect(2)
    rig.ask(listener, "SUBSCRIBE news")
    const client = rig.connect(1)
    rig.ask(client, "PUBLISH news a")
    rig.breakAll()
    rig.run()
    listener.received()
    rig.ask(client, "PUBLISH news b")
    expect(listener.received()).toContain(bulk("b"))
  })

  it("that other nodes have slots reaches all nodes: they look", () => {
    const rig = new ClusterRig(3)
    rig.node(2).messengers.announce()
    rig.run()
    expect(rig.nodes.map(({ shards }) => shards.refreshes)).toEqual([1, 0, 1])
  })

  it("is taken from nodes alone", () => {
    const rig = new ClusterRig(2)
    for (const line of ["RELAY news a", "PARTAKE k", "CONCLUDE UNSTORED", "AWAIT k 0", "EMPTY FLUSHALL", "LOOK"]) {
      expect(rig.ask(rig.connect(1), `CLIENT ${line}`)).toMatch(/^-ERR unknown subcommand/)
    }
  })
})
