import { Engine } from "#database/redis/Engine.ts"
import { describe, expect, it } from "vitest"
import { Client } from "./Client.ts"
import { Executor } from "./Executor.ts"
import { handlers } from "./Handlers.ts"
import { Reply } from "./Reply.ts"
import { Slowlog } from "./Slowlog.ts"

const who = { address: "127.0.0.1:1", name: "me", atMillis: 1_700_000_000_999 }

describe("the log of slow commands", () => {
  it("keeps the newest, newest first, with ids that rise", () => {
    const log = new Slowlog()
    log.lengthMax = 2
    for (const name of ["a", "b", "c"]) log.note([name], 10_000, who)
    log.note(["fast"], 9_999, who)
    expect(log.latest(10).map(({ argv, id }) => [id, ...argv])).toEqual([
      [2, "c"],
      [1, "b"]
    ])
    expect(log.latest(1)[0].atSeconds).toBe(1_700_000_000)
  })

  it("cuts long commands and long arguments as Redis does", () => {
    const log = new Slowlog()
    log.note(["set", "k", "x".repeat(130)], 10_000, who)
    log.note(["mset", ...Array.from({ length: 40 }, (_, at) => String(at))], 10_000, who)
    const [many, long] = log.latest(2)
    expect(long.argv[2]).toBe(`${"x".repeat(128)}... (2 more bytes)`)
    expect([many.argv.length, many.argv[31]]).toEqual([32, "... (10 more arguments)"])
  })

  it("has no password in it", () => {
    const log = new Slowlog()
    log.note(["auth", "someone", "secret"], 10_000, who)
    log.note(["CONFIG", "SET", "maxmemory", "1", "requirepass", "secret"], 10_000, who)
    log.note(["acl", "setuser", "someone", ">secret"], 10_000, who)
    log.note(["hello", "3", "auth", "someone", "secret"], 10_000, who)
    expect(JSON.stringify(log.latest(10))).not.toContain("secret")
    expect(log.latest(10)[2].argv).toEqual(["CONFIG", "SET", "maxmemory", "1", "requirepass", "(redacted)"])
  })

  it("takes what took long by the clock, and everything when it is told to", () => {
    let now = 1_700_000_000_000
    const engine = new Engine({ wallMillis: () => (now += 7), random: () => 0.5 })
    const executor = new Executor(engine, handlers)
    const client = new Client(1, new Reply())
    const { slowlog } = executor.server
    executor.execute(client, ["keys", "*"])
    expect(slowlog.length).toBe(0)
    slowlog.slowerThanMicros = 5_000
    executor.execute(client, ["keys", "*"])
    expect(slowlog.latest(1)[0]).toMatchObject({ argv: ["keys", "*"], micros: 7_000 })
    slowlog.slowerThanMicros = 0
    executor.execute(client, ["get", "k"])
    expect(slowlog.latest(1)[0].argv).toEqual(["get", "k"])
  })
})
