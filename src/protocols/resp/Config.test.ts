import { Engine } from "#database/redis/Engine.ts"
import { describe, expect, it } from "vitest"
import { Refusal } from "./Refusal.ts"
import { Server } from "./Server.ts"

const make = (): Server => new Server(new Engine({ wallMillis: () => 1_700_000_000_000, random: () => 0.5 }))

const set = (server: Server, ...given: ReadonlyArray<string>): string => {
  try {
    server.config.set(given)
    return "OK"
  } catch (error) {
    if (error instanceof Refusal) return error.text
    throw error
  }
}

const failed = (name: string, reason: string): string =>
  `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`

/** As redis-server 7.0.15 answers. */
const refusals: ReadonlyArray<readonly [given: ReadonlyArray<string>, text: string]> = [
  [["nothing", "1"], "ERR Unknown option or number of arguments for CONFIG SET - 'nothing'"],
  [["maxmemory", "10xb"], failed("maxmemory", "argument must be a memory value")],
  [["maxmemory", "1", "MaxMemory", "2"], failed("MaxMemory", "duplicate parameter")],
  [
    ["hash-max-ziplist-entries", "1", "hash-max-listpack-entries", "2"],
    failed("hash-max-listpack-entries", "duplicate parameter")
  ],
  [["maxmemory-clients", "200%"], failed("maxmemory-clients", "percentage argument must be less or equal to 100")],
  [["daemonize", "yes"], failed("daemonize", "can't set immutable config")],
  [["databases", "3"], failed("databases", "can't set immutable config")],
  [["dbfilename", "x"], failed("dbfilename", "can't set protected config")],
  [["activedefrag", "maybe"], failed("activedefrag", "argument must be 'yes' or 'no'")],
  [["maxclients", "x"], failed("maxclients", "argument couldn't be parsed into an integer")],
  [["active-expire-effort", "11"], failed("active-expire-effort", "argument must be between 1 and 10 inclusive")],
  [["appendfsync", "maybe"], failed("appendfsync", "argument(s) must be one of the following: everysec, always, no")],
  [["save", "1"], failed("save", "Invalid save parameters")],
  [
    ["notify-keyspace-events", "KQ"],
    failed("notify-keyspace-events", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
  ]
]

describe("the configuration", () => {
  it("has the 192 names of Redis 7.0.15, and each of them once", () => {
    expect(make().config.matching(["*"]).size).toBe(192)
    expect([...make().config.matching(["maxmemory", "MAXMEMORY", "*memory"]).keys()]).toEqual([
      "maxmemory",
      "replica-ignore-maxmemory",
      "slave-ignore-maxmemory"
    ])
  })

  it.each(refusals)("refuses %j", (given, text) => {
    const server = make()
    const before = [...server.config.matching(["*"])]
    expect(set(server, ...given)).toBe(text)
    expect([...server.config.matching(["*"])]).toEqual(before)
  })

  it("takes what is set at the start where it stays as it is, and tells why it cannot be another", () => {
    const server = make()
    const port = server.config.get("port")!
    expect(set(server, "port", port)).toBe("OK")
    expect(set(server, "maxmemory", "1gb", "port", "9")).toMatch(/'port'\) - Unable to listen on this port/)
    expect([server.config.get("port"), server.config.get("maxmemory")]).toEqual([port, "0"])
  })

  it("changes nothing when one of many values is wrong", () => {
    const server = make()
    expect(set(server, "maxmemory", "1gb", "hz", "nothing")).not.toBe("OK")
    expect([server.config.get("maxmemory"), server.engine.settings.maxMemoryBytes]).toEqual(["0", 0])
  })

  it("reads units of memory as Redis does, under either name of a setting", () => {
    const server = make()
    expect(set(server, "maxmemory", "1gb", "hash-max-ziplist-value", "1k")).toBe("OK")
    expect(server.engine.settings.maxMemoryBytes).toBe(1_073_741_824)
    expect(server.config.get("hash-max-listpack-value")).toBe("1000")
    expect(server.engine.settings.hashMaxListpackValueBytes).toBe(1_000)
  })

  it("spells classes of notifications as Redis does", () => {
    const server = make()
    const spelled = ["KEA", "mn", "Kn", "Ag", "$lKEmn", "AKn", "Em", ""].map((text) => {
      set(server, "notify-keyspace-events", text)
      return server.config.get("notify-keyspace-events")
    })
    expect(spelled).toEqual(["AKE", "nm", "nK", "A", "$lnKEm", "AK", "Em", ""])
  })

  it("sets the limits of one class of clients and leaves the others", () => {
    const server = make()
    expect(set(server, "client-output-buffer-limit", "replica 1mb 0 0 normal 1k 500 7")).toBe("OK")
    expect(server.settings.outputLimit).toEqual({ hardBytes: 1_000, softBytes: 500, softSeconds: 7 })
    expect(server.config.get("client-output-buffer-limit")).toBe(
      "normal 1000 500 7 slave 1048576 0 0 pubsub 33554432 8388608 60"
    )
  })

  it("asks for a password as soon as one is set", () => {
    const server = make()
    expect(set(server, "requirepass", "secret")).toBe("OK")
    expect(server.users.default.isOpen).toBe(false)
    expect(server.users.login("default", "secret")).toBeDefined()
  })
})
