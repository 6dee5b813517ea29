import { describe, expect, it } from "vitest"
import * as ClientMemory from "./ClientMemory.ts"
import { type RigConnection, SessionRig } from "./SessionRig.ts"

const refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"

/** What INFO says under a name. */
const told = (client: RigConnection, name: string): number =>
  Number(new RegExp(`\r\n${name}:(.*)\r\n`).exec(client.ask("INFO"))?.[1])

const fill = (client: RigConnection, count: number): void => {
  for (let at = 0; at < count; at++) client.ask(`SET k${at} ${"x".repeat(1_000)}`)
}

/** So much more may be in memory than is now. */
const limit = (client: RigConnection, moreBytes: number): void => {
  client.ask(`CONFIG SET maxmemory ${told(client, "used_memory") + moreBytes}`)
}

/** Sends the beginning of a request that has one argument, or many. */
const sendPart = (client: RigConnection, sizeBytes: number): void => {
  client.sendOnly(`*2\r\n$${sizeBytes}\r\n${"v".repeat(sizeBytes)}`)
}

const sumOfClients = ({ server }: SessionRig): number =>
  [...server.clients.values()].reduce((sum, client) => sum + ClientMemory.of(client), 0)

describe("more data than the process has room for", () => {
  it("is refused, or has keys evicted, also without maxmemory", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    fill(client, 10)
    rig.server.memory.dataBytesMax = rig.engine.usedBytes
    expect(client.ask("SET k10 v")).toBe("+OK\r\n")
    expect(client.ask("SET k11 v")).toMatch(/^-OOM command not allowed: data has the \d+ bytes .*--max-old-space-size/)
    expect(client.ask("STRLEN k1")).toBe(":1000\r\n")
    client.ask("CONFIG SET maxmemory-policy allkeys-lru")
    expect(client.ask("SET k11 v")).toBe("+OK\r\n")
    expect(told(client, "evicted_keys")).toBe(1)
    client.ask("CONFIG SET maxmemory-policy noeviction")
    client.ask("DEL k1 k2 k3")
    expect(client.ask("SET k12 v")).toBe("+OK\r\n")
  })
})

describe("more data than maxmemory allows", () => {
  it("is refused where no key may go, and what takes no memory is not", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    fill(client, 10)
    client.ask("CONFIG SET maxmemory 1")
    expect(client.ask("SET k v")).toBe(refused)
    expect(client.ask("HSET h f v")).toBe(refused)
    expect(client.ask("STRLEN k1")).toBe(":1000\r\n")
    expect(client.ask("DEL k1")).toBe(":1\r\n")
    expect(told(client, "evicted_keys")).toBe(0)
    client.ask("CONFIG SET maxmemory 0")
    expect(client.ask("SET k v")).toBe("+OK\r\n")
  })

  it("is refused in a MULTI when it is queued, whatever it is, and when it is to be run", () => {
    const rig = new SessionRig()
    const [client, other] = [rig.connect(), rig.connect()]
    client.ask("MULTI")
    client.ask("SET k v")
    other.ask("CONFIG SET maxmemory 1")
    expect(client.ask("EXEC")).toBe(
      "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n"
    )
    client.ask("MULTI")
    expect(client.ask("GET k")).toBe(refused)
    expect(client.ask("EXEC")).toBe("-EXECABORT Transaction discarded because of previous errors.\r\n")
    other.ask("CONFIG SET maxmemory 0")
    client.ask("MULTI\r\nGET k")
    other.ask("CONFIG SET maxmemory 1")
    expect(client.ask("EXEC")).toBe("*1\r\n$-1\r\n")
  })

  it("has keys go before the command that would be refused, and whoever listens is told", () => {
    const rig = new SessionRig()
    const [client, listener] = [rig.connect(), rig.connect()]
    fill(client, 100)
    client.ask("CONFIG SET notify-keyspace-events Ee")
    client.ask("CONFIG SET maxmemory-policy allkeys-lru")
    listener.ask("SUBSCRIBE __keyevent@0__:evicted")
    limit(client, 500)
    expect(client.ask("SET k v")).toBe("+OK\r\n")
    expect(told(client, "evicted_keys")).toBe(0)
    for (let at = 0; at < 10; at++) expect(client.ask(`SET new${at} ${"y".repeat(1_000)}`)).toBe("+OK\r\n")
    const evicted = told(client, "evicted_keys")
    expect(evicted).toBeGreaterThanOrEqual(9)
    expect(evicted).toBeLessThan(13)
    expect(listener.received().split("__keyevent@0__:evicted\r\n").length).toBe(evicted + 1)
    expect(told(client, "used_memory")).toBeLessThan(told(client, "maxmemory"))
  })

  it("goes on going when nobody asks, as long as one turn does not do all", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    fill(client, 100)
    client.ask("CONFIG SET maxmemory-policy allkeys-random maxmemory-eviction-tenacity 0")
    rig.server.config.set(["maxmemory", "1"])
    expect(rig.engine.counts.evicted).toBe(0)
    rig.pass(0)
    expect([rig.engine.counts.evicted, rig.engine.databases[0].size]).toEqual([100, 0])
  })

  it("stays while clients are paused", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    fill(client, 10)
    client.ask("CLIENT PAUSE 100 WRITE")
    client.ask("CONFIG SET maxmemory-policy allkeys-random maxmemory 1")
    rig.pass(50)
    expect(told(client, "evicted_keys")).toBe(0)
    rig.pass(100)
    expect(told(client, "evicted_keys")).toBe(10)
  })

  it("is also what clients hold", () => {
    const rig = new SessionRig()
    const [client, greedy] = [rig.connect(), rig.connect()]
    fill(client, 20)
    client.ask("CONFIG SET maxmemory-policy allkeys-random")
    limit(client, 15_000)
    expect(told(client, "evicted_keys")).toBe(0)
    sendPart(greedy, 20_000)
    expect(told(client, "evicted_keys")).toBeGreaterThanOrEqual(4)
  })
})

describe("what clients hold", () => {
  it("is requests that are not whole, queued ones, replies that wait, and watched keys and the like", () => {
    const rig = new SessionRig()
    const [admin, client] = [rig.connect(), rig.connect()]
    const total = (): number => Number(/ tot-mem=(\d+)/.exec(admin.ask("CLIENT LIST ID 2"))?.[1])
    admin.ask(`SET large ${"x".repeat(50_000)}`)
    const idle = total()
    client.sendOnly("WATCH a b\r\nSUBSCRIBE c\r\n")
    expect(total()).toBe(idle + 3 * 64)
    client.ask("RESET")
    expect(total()).toBe(idle)
    client.sendOnly(`*250\r\n${`$1000\r\n${"x".repeat(1_000)}\r\n`.repeat(200)}`)
    expect(total()).toBe(idle + 200 * 1_064)
    client.sendOnly(`$1000\r\n${"x".repeat(1_000)}\r\n`.repeat(50))
    expect(total()).toBe(idle)
    client.ask(`MULTI\r\nSET k ${"x".repeat(1_000)}`)
    expect(total()).toBe(idle + 1_004 + 3 * 64)
    client.ask("DISCARD")
    client.isFull = true
    client.sendOnly("GET large\r\nGET large\r\n")
    expect(total()).toBe(idle + 100_000 + 2 * 10)
    client.isFull = false
    client.sink.drained()
    expect(total()).toBe(idle)
  })

  it("is counted as it changes, once there is a limit", () => {
    const rig = new SessionRig()
    const [admin, client, third] = [rig.connect(), rig.connect(), rig.connect()]
    sendPart(third, 7_000)
    admin.ask("CONFIG SET maxmemory-clients 10mb")
    const check = (): void => expect(rig.server.memory.ofClients()).toBe(sumOfClients(rig))
    check()
    for (const line of ["WATCH a b c", "MULTI", `SET k ${"x".repeat(9_000)}`, "EXEC", "PSUBSCRIBE x y", "RESET"]) {
      client.ask(line)
      check()
    }
    client.isFull = true
    client.sendOnly(`ECHO ${"x".repeat(50_000)}\r\nECHO ${"x".repeat(40_000)}\r\n`)
    check()
    expect(rig.server.memory.ofClients()).toBeGreaterThan(80_000)
    client.isFull = false
    client.sink.drained()
    third.sink.closed(undefined)
    check()
    expect(rig.server.memory.ofClients()).toBeLessThan(20_000)
  })

  it("has the largest of them go when it is too much, until it is not", () => {
    const rig = new SessionRig()
    const admin = rig.connect()
    const clients = [10_000, 300_000, 40_000, 150_000].map((sizeBytes) => {
      const client = rig.connect()
      sendPart(client, sizeBytes)
      return client
    })
    const gone = (): ReadonlyArray<boolean> => clients.map(({ isReset }) => isReset)
    admin.ask("CONFIG SET maxmemory-clients 600000")
    expect(gone()).toEqual([false, false, false, false])
    admin.ask("CONFIG SET maxmemory-clients 270000")
    expect(gone()).toEqual([false, true, false, false])
    admin.ask("CONFIG SET maxmemory 1000000 maxmemory-clients 20%")
    expect(gone()).toEqual([false, true, false, true])
    sendPart(rig.connect(), 250_000)
    expect(rig.server.clients.size).toBe(3)
    expect(told(admin, "evicted_clients")).toBe(3)
  })

  it("keeps who has asked for that from going, and nobody else", () => {
    const rig = new SessionRig()
    const [admin, client, other] = [rig.connect(), rig.connect(), rig.connect()]
    admin.ask("CLIENT NO-EVICT ON")
    client.ask("CLIENT NO-EVICT ON")
    sendPart(client, 100_000)
    admin.ask("CONFIG SET maxmemory-clients 50000")
    expect([client.isReset, other.isReset, admin.isReset]).toEqual([false, true, false])
  })

  it("is no reply without an end: who asks for one is refused, and goes where output is limited", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.ask("HSET h f v")
    expect(client.ask("HRANDFIELD h -999999999")).toBe("-ERR value is out of range\r\n")
    client.ask('CONFIG SET client-output-buffer-limit "normal 1000000 0 0"')
    expect([client.ask("HRANDFIELD h -999999999"), client.isReset]).toEqual(["", true])
  })

  it("has a client go that runs a command, before that and without a word", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.ask("CONFIG SET maxmemory-clients 100000")
    expect(client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n${"v".repeat(100_000)}\r\n`)).toBe("")
    expect([client.isReset, rig.engine.databases[0].size, rig.server.errors.size]).toEqual([true, 0, 0])
  })
})

describe("how a key is used", () => {
  it("is told of as often or as long ago, by the policy, and taken over from a dump", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.ask("SET k v")
    expect(client.ask("OBJECT FREQ k")).toMatch(/^-ERR An LFU maxmemory policy is not selected/)
    client.ask("CONFIG SET maxmemory-policy allkeys-lfu")
    expect(client.ask("OBJECT IDLETIME k")).toMatch(/^-ERR An LFU maxmemory policy is selected/)
    expect(client.ask("OBJECT FREQ k")).toBe(":5\r\n")
    client.ask("SET new v")
    expect(client.ask("OBJECT FREQ new")).toBe(":5\r\n")
    client.ask("SET new w")
    expect(client.ask("OBJECT FREQ new")).toBe(":6\r\n")
    for (let i = 0; i < 10; i++) client.ask("GET k")
    // A draw of a half raises it while the chance of that is higher: 1 / (10 * (n - 5) + 1).
    expect(client.ask("OBJECT FREQ k")).toBe(":6\r\n")
    rig.pass(2 * 60_000)
    expect(client.ask("OBJECT FREQ k")).toBe(":4\r\n")
    const payload = /\$\d+\r\n([^]*)\r\n$/.exec(client.ask("DUMP k"))![1]
    const restore = (name: string, ...options: ReadonlyArray<string>): string =>
      client.send(
        [
          `*${4 + options.length}`,
          ...["RESTORE", name, "0", payload, ...options].flatMap((each) => [`$${each.length}`, each]),
          ""
        ].join("\r\n")
      )
    expect(restore("counted", "FREQ", "77")).toBe("+OK\r\n")
    expect(client.ask("OBJECT FREQ counted")).toBe(":77\r\n")
    client.ask("CONFIG SET maxmemory-policy noeviction")
    expect(restore("idle", "IDLETIME", "50")).toBe("+OK\r\n")
    expect(client.ask("OBJECT IDLETIME idle")).toBe(":50\r\n")
  })
})
