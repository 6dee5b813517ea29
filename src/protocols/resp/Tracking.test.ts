/** Clients that cache what they read, and have others told of it, where several nodes have the data: after tests/unit/tracking.tcl of Redis 7.0. */
import { describe, expect, it } from "vitest"
import { ClusterRig } from "./ClusterRig.ts"
import type { RigConnection } from "./SessionRig.ts"

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const listOf = (...texts: ReadonlyArray<string>): string => `*${texts.length}\r\n${texts.map(bulk).join("")}`

const pushed = (...keys: ReadonlyArray<string>): string => `>2\r\n${bulk("invalidate")}${listOf(...keys)}`
const pushedAll = `>2\r\n${bulk("invalidate")}_\r\n`
const head = `*3\r\n${bulk("message")}${bulk("__redis__:invalidate")}`
const messaged = (...keys: ReadonlyArray<string>): string => `${head}${listOf(...keys)}`
const messagedAll = `${head}$-1\r\n`

const idOf = (rig: ClusterRig, client: RigConnection): string => /:(\d+)/.exec(rig.ask(client, "CLIENT ID"))![1]

interface Scene {
  readonly rig: ClusterRig
  /** It reads, at node 1. */
  readonly client: RigConnection
  /** It is told, at node 1. */
  readonly listener: RigConnection
  readonly id: string
  /** It changes, at node 2. */
  readonly other: RigConnection
  /** A key of each node. */
  readonly keys: ReadonlyArray<string>
}

const scene = (options: string): Scene => {
  const rig = new ClusterRig(3)
  const [client, listener, other] = [rig.connect(1), rig.connect(1), rig.connect(2)]
  const id = idOf(rig, listener)
  rig.ask(listener, "SUBSCRIBE __redis__:invalidate")
  expect(rig.ask(client, `CLIENT TRACKING ON REDIRECT ${id}${options}`)).toBe("+OK\r\n")
  return { rig, client, listener, id, other, keys: [1, 2, 3].map((node) => rig.key(node)) }
}

describe("a client that has another one told", () => {
  it("has it told of keys of all nodes that it has read, in the protocol of whom is told, whatever its own", () => {
    const { client, keys, listener, other, rig } = scene("")
    for (const [own, told, message] of [
      [2, 2, messaged],
      [3, 2, messaged],
      [3, 3, pushed],
      [2, 3, pushed]
    ] as const) {
      rig.ask(client, `HELLO ${own}`)
      rig.ask(listener, `UNSUBSCRIBE\r\nHELLO ${told}\r\nSUBSCRIBE __redis__:invalidate`)
      for (const key of keys) {
        rig.ask(client, `GET ${key}`)
        rig.ask(other, `SET ${key} v`)
        expect(listener.received()).toBe(message(key))
        rig.ask(other, `SET ${key} w`)
        expect(listener.received()).toBe("")
      }
    }
    expect(client.received()).toBe("")
    rig.ask(listener, "HELLO 2\r\nUNSUBSCRIBE")
    rig.ask(client, `GET ${keys[1]}`)
    rig.ask(other, `SET ${keys[1]} v\r\nPING`)
    expect(listener.received()).toBe("")
  })

  it("has it told of keys that were read before it changed its protocol", () => {
    const { client, keys, listener, other, rig } = scene("")
    rig.ask(client, `GET ${keys[1]}\r\nHELLO 3`)
    rig.ask(other, `SET ${keys[1]} v`)
    expect(listener.received()).toBe(messaged(keys[1]))
  })

  it("hears that it is gone, in protocol 3, and asks for another one", () => {
    const { client, id, keys, listener, other, rig } = scene("")
    rig.ask(client, `HELLO 3\r\nGET ${keys[1]}\r\nGET ${keys[2]}`)
    listener.sink.closed(undefined)
    rig.ask(other, `SET ${keys[1]} v`)
    expect(client.received()).toBe(`>2\r\n${bulk("tracking-redir-broken")}:${id}\r\n`)
    expect(rig.ask(client, "CLIENT TRACKINGINFO")).toContain(`${bulk("broken_redirect")}${bulk("redirect")}:${id}\r\n`)
    const next = rig.connect(1)
    expect(rig.ask(client, `HELLO 2\r\nCLIENT TRACKING ON REDIRECT ${idOf(rig, next)}`)).toMatch(/\+OK\r\n$/)
    rig.ask(next, "SUBSCRIBE __redis__:invalidate")
    rig.ask(other, `SET ${keys[2]} v`)
    expect(next.received()).toBe(messaged(keys[2]))
  })

  it("has it told of all keys of all nodes, or of those with its prefixes", () => {
    const { client, keys, listener, other, rig } = scene(" BCAST PREFIX key PREFIX name")
    for (const key of keys) {
      rig.ask(other, `SET ${key} v`)
      expect(listener.received()).toBe(messaged(key))
    }
    rig.ask(other, "SET another v")
    expect(listener.received()).toBe("")
    expect(rig.ask(client, `CLIENT TRACKING ON BCAST REDIRECT ${idOf(rig, rig.connect(1))} PREFIX an`)).toBe("+OK\r\n")
    expect(rig.ask(client, "CLIENT TRACKINGINFO")).toContain(`${bulk("prefixes")}${listOf("key", "name", "an")}`)
  })

  it("has it told of nothing that it has changed itself, if it wants so", () => {
    for (const mode of [" NOLOOP", " BCAST NOLOOP"]) {
      const { client, keys, listener, other, rig } = scene(mode)
      for (const key of keys) {
        rig.ask(client, `GET ${key}\r\nSET ${key} v`)
        expect(listener.received()).toBe("")
        rig.ask(client, `GET ${key}`)
        rig.ask(other, `SET ${key} w`)
        expect(listener.received()).toBe(messaged(key))
      }
    }
  })

  it("has it told of what commands on keys of several nodes have read, or changed for others", () => {
    for (const mode of ["", " NOLOOP"]) {
      const { client, keys, listener, other, rig } = scene(mode)
      const multi = `MULTI\r\n${keys.map((key) => `GET ${key}`).join("\r\n")}\r\nEXEC`
      for (const read of [`MGET ${keys.join(" ")}`, multi]) {
        rig.ask(client, read)
        for (const key of keys) {
          rig.ask(other, `SET ${key} v`)
          expect(listener.received()).toBe(messaged(key))
        }
        rig.ask(client, read)
        rig.ask(other, `MSET ${keys.map((key) => `${key} w`).join(" ")}`)
        expect(listener.received().length).toBe(keys.map((key) => messaged(key)).join("").length)
        rig.ask(client, read)
        rig.ask(client, `MSET ${keys.map((key) => `${key} x`).join(" ")}`)
        expect(listener.received().length).toBe(mode === "" ? keys.map((key) => messaged(key)).join("").length : 0)
        rig.ask(client, `EXISTS ${keys.join(" ")}`)
        rig.ask(other, `SET ${keys[0]} v`)
        expect(listener.received()).toBe(messaged(keys[0]))
        for (const key of keys) rig.ask(other, `SET ${key} y`)
        listener.received()
      }
    }
  })

  it("has it told of what it chose to cache by a command on keys of several nodes, and of nothing after that", () => {
    const { client, keys, listener, other, rig } = scene(" OPTIN")
    const [one, two, three] = keys
    rig.ask(
      client,
      `MGET ${one} ${two}\r\nCLIENT CACHING YES\r\nMGET ${two} ${three}\r\nGET ${one}\r\nMGET ${one} ${two}`
    )
    for (const key of keys) rig.ask(other, `SET ${key} v`)
    expect(listener.received()).toBe(messaged(two) + messaged(three))
    rig.ask(client, `CLIENT TRACKING OFF\r\nCLIENT TRACKING ON OPTOUT\r\nCLIENT CACHING NO\r\nMGET ${one} ${two}`)
    rig.ask(client, `HELLO 3\r\nGET ${three}`)
    for (const key of keys) rig.ask(other, `SET ${key} v`)
    expect(client.received()).toBe(pushed(three))
  })

  it("has it told of what it chose to cache", () => {
    const { client, keys, listener, other, rig } = scene(" OPTIN")
    rig.ask(client, `GET ${keys[1]}\r\nCLIENT CACHING YES\r\nGET ${keys[2]}`)
    for (const key of keys) rig.ask(other, `SET ${key} v`)
    expect(listener.received()).toBe(messaged(keys[2]))
  })

  it("has it told of everything where all is flushed, and where nobody could tell more", () => {
    const { client, keys, listener, other, rig } = scene("")
    rig.ask(client, `GET ${keys[1]}`)
    rig.ask(other, "FLUSHALL")
    expect(listener.received()).toContain(messagedAll)
    rig.ask(client, `GET ${keys[1]}`)
    rig.breakAll()
    rig.run()
    expect(listener.received()).toBe(messagedAll)
    rig.ask(listener, "UNSUBSCRIBE\r\nHELLO 3")
    rig.ask(client, `GET ${keys[2]}`)
    rig.breakAll()
    rig.run()
    expect(listener.received()).toBe(pushedAll)
    expect(client.received()).toBe("")
  })

  it("has it told of everything where nodes hear anew that it wants to hear of all keys", () => {
    const { keys, listener, other, rig } = scene(" BCAST")
    rig.breakAll()
    rig.run()
    expect(listener.received()).toBe(messagedAll.repeat(2))
    rig.pass(1_100)
    expect(listener.received()).toBe(messagedAll.repeat(2))
    rig.ask(other, `SET ${keys[2]} v`)
    expect(listener.received()).toBe(messaged(keys[2]))
  })

  it("names a client of its own node", () => {
    const { client, rig } = scene("")
    rig.ask(rig.connect(2), `GET ${rig.key(1)}`)
    const relayed = [...rig.node(1).server.clients.values()].find(({ isRelayed }) => isRelayed)!
    for (const id of [relayed.id, 999]) {
      expect(rig.ask(client, `CLIENT TRACKING ON REDIRECT ${id}`)).toBe(
        "-ERR The client ID you want redirect to does not exist\r\n"
      )
    }
  })
})

describe("a client of protocol 2 that has nobody told", () => {
  it("is not told either, until it speaks protocol 3", () => {
    const rig = new ClusterRig(3)
    const [client, other] = [rig.connect(1), rig.connect(2)]
    const [key, ...more] = [1, 2, 3].map((node) => rig.key(node))
    expect(rig.ask(client, "CLIENT TRACKING ON")).toBe("+OK\r\n")
    expect(rig.ask(client, "CLIENT TRACKINGINFO")).toBe(
      `*6\r\n${bulk("flags")}${listOf("on")}${bulk("redirect")}:0\r\n${bulk("prefixes")}*0\r\n`
    )
    for (const each of [key, ...more]) {
      rig.ask(client, `GET ${each}`)
      rig.ask(other, `SET ${each} v`)
    }
    rig.ask(client, `GET ${more[0]}`)
    rig.breakAll()
    rig.pass(100)
    expect(client.received()).toBe("")
    rig.ask(client, `GET ${more[1]}\r\nHELLO 3`)
    rig.ask(other, `SET ${more[1]} w`)
    expect(client.received()).toBe(pushed(more[1]))
  })
})
