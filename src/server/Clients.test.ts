/** The server's process under the clients that people have: ioredis and node-redis as they come, which begin with RESP3. */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Cluster, Redis } from "ioredis"
import { createClient, createCluster } from "redis"
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

describe("clients of a cluster, with nodes that send them to the data", { timeout: 2 * timeoutMillis }, () => {
  const ports: Array<number> = []
  const children: Array<ChildProcess> = []

  beforeAll(async () => {
    const stores = await Promise.all([1, 2, 3].map(freePort))
    ports.push(...(await Promise.all([1, 2, 3].map(freePort))))
    const nodes = stores.map((store, index) => `${index + 1}=127.0.0.1:${store}`).join(" ")
    const more = ["--cluster-id", "0123456789abcdef0123456789abcdef", "--nodes", nodes, "--redis-cluster", "moved"]
    const served = ports.map((own, index) =>
      serve(join(parent, `member-${index}`), own, "--node-id", String(index + 1), ...more)
    )
    children.push(...(await Promise.all(served)))
  }, timeoutMillis)

  afterAll(() => {
    for (const each of children) each.kill("SIGKILL")
  })

  /** By slot, as a node says: the ports of those who have them. */
  const ownersOf = async (asked: number): Promise<ReadonlyArray<number>> => {
    const redis = new Redis({ port: asked })
    const owners: Array<number> = []
    for (const [first, last, [, owner]] of await redis.cluster("SLOTS")) {
      for (let slot = first; slot <= last; slot++) owners[slot] = owner
    }
    redis.disconnect()
    return owners
  }

  /** How many slots each of these nodes has, as one says. */
  const shares = async (asked: number): Promise<ReadonlyArray<number>> => {
    const owners = await ownersOf(asked)
    return ports.map((port) => owners.filter((owner) => owner === port).length)
  }

  it("are told by every node who has which slots: each a third; and are sent there", async () => {
    for (const port of ports) {
      await expect.poll(async () => Math.min(...(await shares(port))), { timeout: 60_000 }).toBeGreaterThan(5_400)
      expect((await shares(port)).reduce((sum, share) => sum + share)).toBe(16_384)
    }
    const owner = (await ownersOf(ports[0]))[7_629]
    const redis = new Redis({ port: ports.find((each) => each !== owner)! })
    await expect(redis.get("k")).rejects.toThrow(`MOVED 7629 127.0.0.1:${owner}`)
    await expect(redis.multi().set("k", "1").exec()).rejects.toThrow("EXECABORT")
    const known = (await redis.cluster("NODES")) as string
    for (const port of ports)
      expect(known).toMatch(new RegExp(`127.0.0.1:${port}@${port + 10_000} (myself,)?master - .*\\d`))
    expect(JSON.stringify(await redis.cluster("SHARDS")).match(/"role","master"/g)).toHaveLength(3)
    // It is the way to those who listen, wherever they are.
    const listener = new Redis({ port: owner })
    const heard = new Promise((resolve) => void listener.on("message", (_, message) => resolve(message)))
    await listener.subscribe("news")
    await redis.publish("news", "hello")
    expect(await heard).toBe("hello")
    redis.disconnect()
    listener.disconnect()
  })

  it("of ioredis and node-redis find the data, wherever they begin, and again when its node has died", async () => {
    const owner = (await ownersOf(ports[0]))[15_495]
    const begin = ports.find((each) => each !== owner)!
    const cluster = new Cluster([{ host: "127.0.0.1", port: begin }])
    const other = createCluster({ rootNodes: ports.map((each) => ({ url: `redis://127.0.0.1:${each}` })) })
    for (const client of [cluster, other]) client.on("error", () => {})
    await other.connect()
    expect(await cluster.set("a", "1")).toBe("OK")
    expect(await other.get("a")).toBe("1")
    // Of several slots.
    expect(await cluster.mset("b", "2", "c", "3")).toBe("OK")
    expect(await cluster.mget("a", "b", "c")).toEqual(["1", "2", "3"])
    children[ports.indexOf(owner)].kill("SIGKILL")
    const again = async <A>(act: () => Promise<A>): Promise<A> => {
      try {
        return await act()
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 200))
        return again(act)
      }
    }
    expect(await again(() => cluster.incr("a"))).toBe(2)
    expect(await again(() => other.get("a"))).toBe("2")
    expect(await again(async () => (await ownersOf(begin))[15_495])).not.toBe(owner)
    expect(await again(() => cluster.mget("a", "b", "c"))).toEqual(["2", "2", "3"])
    cluster.disconnect()
    other.destroy()
  })
})
