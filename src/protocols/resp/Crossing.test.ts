/** Commands whose keys several nodes have: they are what they are where one node has all of them. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ClusterRig } from "./ClusterRig.ts"
import type { RigConnection } from "./SessionRig.ts"

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

const listOf = (...texts: ReadonlyArray<string>): string => `*${texts.length}\r\n${texts.map(bulk).join("")}`

/** Nothing stands still any more, and nobody waits. */
const isAtRest = (rig: ClusterRig): boolean =>
  rig.nodes.every(({ engine, joint }) => joint.held === undefined && engine.blocking.count === 0)

describe("a command on keys of several nodes", () => {
  it("reads and changes all of them", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const [one, two, three] = [1, 2, 3].map((node) => rig.key(node))
    expect(rig.ask(client, `MSET ${one} 1 ${two} 2 ${three} 3`)).toBe("+OK\r\n")
    for (const node of [1, 2, 3]) {
      expect(rig.ask(rig.connect(node), `MGET ${three} ${one} ${two}`)).toBe(listOf("3", "1", "2"))
      expect(rig.node(node).engine.databases[0].size).toBe(1)
    }
    expect(rig.ask(client, `DEL ${one} ${two}`)).toBe(":2\r\n")
    expect(rig.ask(client, `EXISTS ${one} ${two} ${three}`)).toBe(":1\r\n")
    expect(isAtRest(rig)).toBe(true)
  })

  it("asks only those nodes that have some", () => {
    const rig = new ClusterRig(4)
    const client = rig.connect(4)
    expect(rig.ask(client, `MGET ${rig.key(3)} ${rig.key(1)}`)).toBe("*2\r\n$-1\r\n$-1\r\n")
    expect(rig.nodes.map(({ joint }) => joint.granted)).toEqual([1, 0, 1, 0])
  })

  it("finds values of all kinds as they are, and when they expire", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const [here, there] = [rig.key(1), rig.key(2)]
    const values = [
      "HSET k a 1 b 2",
      "RPUSH k a b c",
      "SADD k a b 3",
      "ZADD k 1 a 2.5 b",
      "SET k text",
      "SET k 42",
      "PFADD k a b"
    ]
    for (const line of values) {
      rig.ask(client, `DEL ${here} ${there}`)
      rig.ask(client, line.replace(" k ", ` ${there} `))
      const dumped = rig.ask(client, `DUMP ${there}`)
      rig.ask(client, `PEXPIRE ${there} 5000`)
      expect(rig.ask(client, `RENAME ${there} ${here}`)).toBe("+OK\r\n")
      expect(rig.ask(client, `DUMP ${here}\r\nPTTL ${here}\r\nEXISTS ${there}`)).toBe(`${dumped}:5000\r\n:0\r\n`)
      expect(rig.ask(client, `COPY ${here} ${there}`)).toBe(":1\r\n")
      expect(rig.ask(client, `DUMP ${there}`)).toBe(dumped)
    }
  })

  it("leaves nothing behind when it is refused", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const [here, there] = [rig.key(1), rig.key(2)]
    rig.ask(client, `SET ${there} text\r\nRPUSH ${here} a`)
    expect(rig.ask(client, `LMOVE ${here} ${there} LEFT RIGHT`)).toMatch(/^-WRONGTYPE/)
    expect(rig.ask(client, `LRANGE ${here} 0 -1\r\nGET ${there}`)).toBe(listOf("a") + bulk("text"))
    rig.node(2).joint.outcome = { type: "unstored", reason: "no", isMoved: false }
    rig.node(1).joint.outcome = rig.node(2).joint.outcome
    expect(rig.ask(client, `MSET ${here} 1 ${there} 2`)).toBe("-ERR no\r\n")
    expect(rig.ask(client, `TYPE ${here}\r\nGET ${there}`)).toBe(`+list\r\n${bulk("text")}`)
    expect(isAtRest(rig)).toBe(true)
  })

  it("is a MULTI, too, in the databases that it selects, with what is watched anywhere", () => {
    const rig = new ClusterRig(2)
    const [client, other] = [rig.connect(1), rig.connect(2)]
    const [here, there] = [rig.key(1), rig.key(2)]
    const multi = `MULTI\r\nINCR ${here}\r\nSELECT 3\r\nINCRBY ${there} 5\r\nLPUSH ${there} x\r\nPING\r\nSELECT 0\r\nEXEC`
    const replies =
      "*6\r\n:1\r\n+OK\r\n:5\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n+PONG\r\n+OK\r\n"
    expect(rig.ask(client, multi)).toBe(`+OK\r\n${"+QUEUED\r\n".repeat(6)}${replies}`)
    expect(rig.ask(other, `SELECT 3\r\nGET ${there}\r\nSELECT 0\r\nGET ${here}`)).toBe(
      `+OK\r\n${bulk("5")}+OK\r\n${bulk("1")}`
    )
    const bump = `MULTI\r\nINCR ${here}\r\nINCR ${there}\r\nEXEC`
    for (const [changes, reply] of [
      [true, "*-1\r\n"],
      [false, "*2\r\n:2\r\n:1\r\n"]
    ] as const) {
      rig.ask(client, `WATCH ${here} ${rig.key(2, 1)}`)
      if (changes) rig.ask(other, `SET ${rig.key(2, 1)} v`)
      expect(rig.ask(client, bump)).toBe(`+OK\r\n+QUEUED\r\n+QUEUED\r\n${reply}`)
    }
  })

  it("tells others what it has to tell them once it has been done, clients of this node among them", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const listeners = [1, 2].map((node) => rig.connect(node))
    for (const listener of listeners)
      rig.ask(listener, "SUBSCRIBE news\r\nPSUBSCRIBE new* __keyspace*\r\nSSUBSCRIBE news")
    rig.ask(client, "CONFIG SET notify-keyspace-events K$")
    const multi = `MULTI\r\nSELECT 1\r\nPUBLISH news a\r\nSPUBLISH news b\r\nSET ${rig.key(1)} v\r\nINCR ${rig.key(2)}\r\nEXEC`
    rig.node(1).joint.outcome = { type: "unstored", reason: "no", isMoved: false }
    expect(rig.ask(client, multi)).toMatch(/-ERR no\r\n$/)
    for (const listener of listeners) expect(listener.received()).toBe("")
    rig.node(1).joint.outcome = { type: "stored" }
    expect(rig.ask(client, `GET ${rig.key(1)}\r\n${multi}`)).toMatch(
      /^\$-1\r\n.*\*5\r\n\+OK\r\n:2\r\n:1\r\n\+OK\r\n:1\r\n$/s
    )
    for (const listener of listeners) {
      const heard = listener.received()
      expect(heard.match(/\r\n[ab]\r\n/g)).toEqual(["\r\na\r\n", "\r\na\r\n", "\r\nb\r\n"])
      expect(heard).toContain(`__keyspace@1__:${rig.key(1)}`)
    }
    rig.ask(client, `MULTI\r\nPUBLISH news c\r\nGET ${rig.key(1)}\r\nGET ${rig.key(2)}\r\nEXEC`)
    for (const listener of listeners) expect(listener.received()).toContain(bulk("c"))
  })

  it("is run in the database that its client had chosen when it is run once more", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const multi = `MULTI\r\nINCR ${rig.key(1)}\r\nSELECT 3\r\nINCR ${rig.key(2)}\r\nEXEC`
    rig.node(1).joint.outcome = { type: "unstored", reason: "", isMoved: true }
    client.sendOnly(`${multi}\r\n`)
    rig.run(20)
    rig.node(1).joint.outcome = { type: "stored" }
    rig.pass(200)
    expect(client.received()).toMatch(/\*3\r\n:1\r\n\+OK\r\n:1\r\n$/)
    expect(rig.nodes.map(({ engine }) => engine.databases.map(({ size }) => size).slice(0, 4))).toEqual([
      [1, 0, 0, 0],
      [0, 0, 0, 1]
    ])
  })

  it("leaves what is watched to be watched, and heeds it only in a MULTI", () => {
    const rig = new ClusterRig(2)
    const [client, other] = [rig.connect(1), rig.connect(2)]
    const [here, there] = [rig.key(1), rig.key(2)]
    for (const key of [here, there]) {
      rig.ask(client, `MSET ${here} 1 ${there} 1`)
      expect(rig.ask(client, `WATCH ${key}\r\nMGET ${here} ${there}`)).toBe(`+OK\r\n${listOf("1", "1")}`)
      rig.ask(other, `SET ${key} 7`)
      const both = key === here ? listOf("7", "1") : listOf("1", "7")
      expect(rig.ask(client, `MGET ${here} ${there}`)).toBe(both)
      expect(rig.ask(client, `MULTI\r\nINCR ${key}\r\nEXEC`)).toBe("+OK\r\n+QUEUED\r\n*-1\r\n")
      rig.ask(client, `WATCH ${key}`)
      rig.ask(other, `SET ${key} 8`)
      expect(rig.ask(client, `UNWATCH\r\nMULTI\r\nINCR ${here}\r\nINCR ${there}\r\nEXEC`)).toMatch(
        /\*2\r\n:\d\r\n:\d\r\n$/
      )
      rig.ask(client, `WATCH ${key}\r\nMULTI\r\nPING\r\nINCR ${here}\r\nINCR ${there}\r\nEXEC`)
      rig.ask(other, `SET ${key} 8`)
      expect(rig.ask(client, `MULTI\r\nINCR ${key}\r\nEXEC`)).toBe("+OK\r\n+QUEUED\r\n*1\r\n:9\r\n")
    }
  })

  it("has nothing about the client's own node, or its connection, beside keys of others in a MULTI", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    for (const keys of [rig.key(2), `${rig.key(1)} ${rig.key(2)}`]) {
      for (const line of ["CONFIG SET maxmemory 1", "CLIENT LIST", "SUBSCRIBE c", "ACL WHOAMI", "INFO"]) {
        expect(rig.ask(client, `MULTI\r\nDEL ${keys}\r\n${line}\r\nEXEC`)).toMatch(
          /-EXECABORT .*: [A-Z ]+ is not allowed in a MULTI with keys of other nodes\r\n$/
        )
      }
      expect(rig.ask(client, `MULTI\r\nDEL ${keys}\r\nPING\r\nECHO a\r\nSELECT 0\r\nCOMMAND COUNT\r\nEXEC`)).toContain(
        `*5\r\n:0\r\n+PONG\r\n${bulk("a")}+OK\r\n:`
      )
    }
    expect(rig.ask(client, `MULTI\r\nDEL ${rig.key(1)}\r\nCLIENT ID\r\nEXEC`)).toContain("*2\r\n:0\r\n:1\r\n")
  })

  it("breaks its client where nobody knows what became of it", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.node(1).joint.outcome = { type: "unknown" }
    rig.ask(client, `MSET ${rig.key(1)} 1 ${rig.key(2)} 2`)
    expect(client.isReset).toBe(true)
    rig.run()
    expect(isAtRest(rig)).toBe(true)
  })

  it("leaves nobody waiting when its client goes, or a node does, at any moment", () => {
    for (let rounds = 0; rounds < 12; rounds++) {
      for (const goes of ["client", "wires"]) {
        const rig = new ClusterRig(3)
        const client = rig.connect(2)
        client.sendOnly(`MSET ${rig.key(1)} 1 ${rig.key(2)} 2 ${rig.key(3)} 3\r\n`)
        rig.run(rounds)
        if (goes === "client") client.sink.closed(undefined)
        else rig.breakAll()
        rig.pass(3_000)
        expect([goes, rounds, isAtRest(rig)]).toEqual([goes, rounds, true])
        expect(rig.ask(rig.connect(1), `MSET ${rig.key(1)} a ${rig.key(2)} b`)).toBe("+OK\r\n")
      }
    }
  })
})

describe("who waits for keys of several nodes", () => {
  const served = (rig: ClusterRig, client: RigConnection, key: string, item: string): void => {
    expect(rig.ask(rig.connect(3), `RPUSH ${key} ${item}`)).toBe(":1\r\n")
    rig.pass(100)
    expect(client.received()).toBe(listOf(key, item))
    expect(isAtRest(rig)).toBe(true)
  }

  it("is served from whichever has something first, there or here", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const keys = [1, 2, 3].map((node) => rig.key(node))
    for (const key of keys) {
      expect(rig.ask(client, `BLPOP ${keys.join(" ")} 0`)).toBe("")
      served(rig, client, key, "a")
    }
    expect(rig.ask(client, `BLMOVE ${keys[1]} ${keys[2]} LEFT LEFT 0`)).toBe("")
    rig.ask(rig.connect(3), `RPUSH ${keys[1]} b`)
    rig.pass(100)
    expect(client.received()).toBe(bulk("b"))
    expect(rig.ask(client, `LRANGE ${keys[2]} 0 -1`)).toBe(listOf("b"))
  })

  it("reads of streams what comes after it has come, wherever that is", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const keys = [rig.key(2), rig.key(3)]
    const writer = rig.connect(3)
    for (const key of keys) rig.ask(writer, `XADD ${key} 1-1 a b`)
    for (const [at, key] of keys.entries()) {
      expect(rig.ask(client, `XREAD BLOCK 0 STREAMS ${keys.join(" ")} $ $`)).toBe("")
      rig.ask(writer, `XADD ${key} 2-${at} c d`)
      rig.pass(100)
      const entry = `*2\r\n${bulk(`2-${at}`)}${listOf("c", "d")}`
      expect(client.received()).toBe(`*1\r\n*2\r\n${bulk(key)}*1\r\n${entry}`)
    }
  })

  it("waits as long as it said, and no longer, whatever comes and goes meanwhile", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const keys = [rig.key(2), rig.key(3)]
    rig.ask(client, `BLPOP ${keys.join(" ")} 0.5`)
    rig.pass(200)
    rig.ask(rig.connect(2), `SET ${keys[0]} v\r\nDEL ${keys[0]}`)
    rig.pass(200)
    expect(client.received()).toBe("")
    rig.pass(120)
    expect(client.received()).toBe("*-1\r\n")
    expect(isAtRest(rig)).toBe(true)
  })

  it("waits no more when somebody says so, or it goes", () => {
    const rig = new ClusterRig(3)
    const line = `BLPOP ${rig.key(1)} ${rig.key(3)} 0`
    for (const [word, reply] of [
      ["TIMEOUT", "*-1\r\n"],
      ["ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"]
    ] as const) {
      const client = rig.connect(1)
      const id = /:(\d+)/.exec(rig.ask(client, "CLIENT ID"))![1]
      rig.ask(client, line)
      expect(rig.ask(rig.connect(1), `CLIENT UNBLOCK ${id} ${word}`)).toBe(":1\r\n")
      expect(client.received()).toBe(reply)
      expect(isAtRest(rig)).toBe(true)
    }
    const gone = rig.connect(1)
    rig.ask(gone, line)
    expect(isAtRest(rig)).toBe(false)
    gone.sink.closed(undefined)
    rig.run()
    expect(isAtRest(rig)).toBe(true)
  })

  it("loses nothing that comes while it looks", () => {
    const event = fc.oneof(
      fc.record({ push: fc.constantFrom(1, 2, 3) }),
      fc.record({ rounds: fc.integer({ min: 1, max: 4 }) }),
      fc.constant({ pop: true })
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40, size: "max" }), (events) => {
        const rig = new ClusterRig(3)
        const keys = [1, 2, 3].map((node) => rig.key(node))
        const [client, pusher] = [rig.connect(1), rig.connect(2)]
        let [pops, pushes] = [0, 0]
        for (const each of events) {
          if ("push" in each) pusher.sendOnly(`RPUSH ${keys[each.push - 1]} item${++pushes}\r\n`)
          else if ("rounds" in each) rig.run(each.rounds)
          else if (++pops > 0) client.sendOnly(`BLPOP ${keys.join(" ")} 0\r\n`)
        }
        rig.pass(1_000)
        const got = client.received().match(/item\d+/g) ?? []
        expect(got.length).toBe(Math.min(pops, pushes))
        expect(new Set(got).size).toBe(got.length)
      }),
      { numRuns: 150 }
    )
  })
})
