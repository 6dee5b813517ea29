/** The server's process under the clients that people have: ioredis and node-redis as they come, which begin with RESP3. */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cluster, Redis } from "ioredis"
import { createClient } from "redis"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freePort, serve } from "./cli/TestServer.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-clients-"))
const timeoutMillis = 60_000
let port = 0
let child: ChildProcess

beforeAll(async () => {
  port = await freePort()
  child = await serve(join(parent, "data"), port, "--redis-cluster", "yes")
}, timeoutMillis)

afterAll(() => {
  child.kill("SIGKILL")
  rmSync(parent, { recursive: true, force: true })
})

describe("clients as they come", { timeout: timeoutMillis }, () => {
  it("of ioredis: values, pipelines, transactions, streams, blocking, pub/sub", async () => {
    const redis = new Redis({ port })
    const other = new Redis({ port })
    expect(await redis.set("i:a", "1", "EX", 100)).toBe("OK")
    expect(await redis.incr("i:a")).toBe(2)
    expect(await redis.hset("i:h", { one: "1", two: "2" })).toBe(2)
    expect(await redis.hgetall("i:h")).toEqual({ one: "1", two: "2" })
    const piped = await redis
      .pipeline()
      .sadd("i:s", "x", "y")
      .scard("i:s")
      .zadd("i:z", 1.5, "m")
      .zscore("i:z", "m")
      .exec()
    expect(piped!.map(([error]) => error)).toEqual([null, null, null, null])
    expect(piped!.slice(0, 3).map(([, value]) => value)).toEqual([2, 2, 1])
    expect(Number(piped![3][1])).toBe(1.5)
    const done = await redis.multi().rpush("i:l", "a", "b").lrange("i:l", 0, -1).exec()
    expect(done!.map(([, value]) => value)).toEqual([2, ["a", "b"]])
    const id = await redis.xadd("i:x", "*", "field", "value")
    expect(await redis.xlen("i:x")).toBe(1)
    expect(id).toMatch(/^\d+-0$/)
    const popped = other.blpop("i:wait", 10)
    await redis.lpush("i:wait", "now")
    expect(await popped).toEqual(["i:wait", "now"])
    const heard = new Promise((resolve) => void other.on("message", (channel, message) => resolve([channel, message])))
    await other.subscribe("i:news")
    await redis.publish("i:news", "hello")
    expect(await heard).toEqual(["i:news", "hello"])
    redis.disconnect()
    other.disconnect()
  })

  it("of ioredis for clusters: they find whoever has the slots", async () => {
    const cluster = new Cluster([{ host: "127.0.0.1", port }])
    expect(await cluster.set("{c}:a", "1")).toBe("OK")
    expect(await cluster.get("{c}:a")).toBe("1")
    expect(await cluster.mget("{c}:a", "{c}:b")).toEqual(["1", null])
    cluster.disconnect()
  })

  it("of node-redis: values, transactions that watch, scans, streams, blocking, pub/sub", async () => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` })
    await client.connect()
    expect(await client.set("n:a", "1")).toBe("OK")
    expect(await client.hSet("n:h", { one: "1", two: "2" })).toBe(2)
    expect({ ...(await client.hGetAll("n:h")) }).toEqual({ one: "1", two: "2" })
    expect(await client.multi().set("n:b", "2").get("n:b").exec()).toEqual(["OK", "2"])
    const names: Array<string> = []
    for await (const keys of client.scanIterator({ MATCH: "n:*" })) names.push(...keys)
    expect(names.sort()).toEqual(["n:a", "n:b", "n:h"])
    await client.xGroupCreate("n:x", "readers", "0", { MKSTREAM: true })
    await client.xAdd("n:x", "*", { field: "value" })
    const read = await client.xReadGroup("readers", "me", { key: "n:x", id: ">" })
    expect(JSON.stringify(read)).toContain('"field":"value"')
    const other = client.duplicate()
    await other.connect()
    const popped = other.blPop("n:wait", 10)
    await client.lPush("n:wait", "now")
    expect(await popped).toEqual({ key: "n:wait", element: "now" })
    const listener = client.duplicate()
    await listener.connect()
    let hear: (message: string) => void
    const heard = new Promise<string>((resolve) => (hear = resolve))
    await listener.subscribe("n:news", (message) => hear(message))
    expect(await client.publish("n:news", "hello")).toBe(1)
    expect(await heard).toBe("hello")
    for (const each of [client, other, listener]) each.destroy()
  })
})
