import { Engine } from "#database/redis/Engine.ts"
import * as Latin1 from "#base/Latin1.ts"
import { expect, it } from "vitest"
import { Client } from "../Client.ts"
import { Executor } from "../Executor.ts"
import { handlers } from "../Handlers.ts"
import { Reply } from "../Reply.ts"

const make = () => {
  const engine = new Engine({ wallMillis: () => 1_700_000_000_123, random: () => 0.5 })
  const executor = new Executor(engine, handlers)
  const client = new Client(1, new Reply())
  executor.server.join(client)
  const send = (line: string): string => {
    executor.execute(client, line.split(" "))
    return Latin1.decode(client.out.take() ?? new Uint8Array(0))
  }
  return { server: executor.server, send }
}

it("tells in INFO what clients look for", () => {
  const { send } = make()
  send("SET k v EX 100")
  const text = send("INFO")
  for (const line of [
    "redis_version:7.0.15",
    "redis_mode:standalone",
    "role:master",
    "loading:0",
    "connected_clients:1",
    "cluster_enabled:0",
    "db0:keys=1,expires=1,avg_ttl=100000"
  ]) {
    expect(text).toContain(`\r\n${line}\r\n`)
  }
  expect(text).not.toContain("# Commandstats")
  const cluster = "# Cluster\r\ncluster_enabled:0\r\n"
  expect(send("INFO cluster")).toBe(`$${cluster.length}\r\n${cluster}\r\n`)
})

it("counts what UNLINK and FLUSHALL ASYNC leave to be freed, as far as it is much", () => {
  const { send } = make()
  const freed = (): string => /lazyfreed_objects:(\d+)/.exec(send("INFO memory"))![1]
  const members = Array.from({ length: 100 }, (_, i) => `m${i}`).join(" ")
  for (const key of ["big", "other"]) send(`SADD ${key} ${"x".repeat(65)} ${members}`)
  for (let i = 0; i < 7_000; i++) send("XADD stream * f v")
  for (const line of ["SADD small a b", "SET text v", "RPUSH list a"]) send(line)
  send("UNLINK big big small text list")
  expect(freed()).toBe("1")
  send("UNLINK stream")
  expect(freed()).toBe("2")
  send("DEL other")
  expect(freed()).toBe("2")
  send("MSET a 1 b 2")
  send("FLUSHALL ASYNC")
  expect(freed()).toBe("4")
  send("CONFIG RESETSTAT")
  expect(freed()).toBe("0")
})

it("counts commands, and begins anew when it is told to", () => {
  const { send } = make()
  for (const line of ["GET k", "GET k", "GET", "LPUSH l v", "GET l"]) send(line)
  expect(send("INFO commandstats")).toContain(
    "cmdstat_get:calls=3,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=1\r\n"
  )
  send("CONFIG RESETSTAT")
  expect(send("INFO commandstats")).not.toContain("cmdstat_get")
})

it("tells who has which slots where it is a member of a cluster, and refuses as Redis does elsewhere", () => {
  const { send, server } = make()
  expect(send("CLUSTER INFO")).toBe("-ERR This instance has cluster support disabled\r\n")
  const [self, other] = ["a", "b"].map((digit) => digit.repeat(40))
  server.topology = () => [
    { id: self, host: "127.0.0.1", port: 7_001, isSelf: true, isOnline: true, slots: [[0, 8_191]] },
    { id: other, host: "127.0.0.1", port: 7_002, isSelf: false, isOnline: true, slots: [[8_192, 16_383]] }
  ]
  expect(send("CLUSTER KEYSLOT foo")).toBe(":12182\r\n")
  expect(send("CLUSTER KEYSLOT {user1000}.following")).toBe(":3443\r\n")
  expect(send("CLUSTER MYID")).toContain(self)
  expect(send("CLUSTER SLOTS")).toBe(
    `*2\r\n*3\r\n:0\r\n:8191\r\n*4\r\n$9\r\n127.0.0.1\r\n:7001\r\n$40\r\n${self}\r\n*0\r\n*3\r\n:8192\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:7002\r\n$40\r\n${other}\r\n*0\r\n`
  )
  expect(send("CLUSTER NODES")).toContain(`${self} 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-8191\n`)
  expect(send("CLUSTER INFO")).toContain("cluster_state:ok\r\n")
  send("SET foo v")
  expect(send("CLUSTER COUNTKEYSINSLOT 12182")).toBe(":1\r\n")
  expect(send("CLUSTER GETKEYSINSLOT 12182 10")).toBe("*1\r\n$3\r\nfoo\r\n")
})

it("ends the process only when it can, and never for a contradiction", () => {
  const { send, server } = make()
  expect(send("SHUTDOWN NOSAVE SAVE")).toBe("-ERR syntax error\r\n")
  expect(send("SHUTDOWN")).toBe("-ERR Errors trying to SHUTDOWN. Check logs.\r\n")
  let isEnded = false
  server.machine = { ...server.machine, shutdown: () => void (isEnded = true) }
  expect([send("SHUTDOWN NOSAVE"), isEnded]).toEqual(["", true])
})

it("keeps DEBUG from clients unless it was allowed at the start", () => {
  const { send, server } = make()
  expect(send("DEBUG DIGEST")).toMatch(/^-ERR DEBUG command not allowed/)
  server.config.begin("enable-debug-command", "local")
  expect(send("DEBUG DIGEST")).toBe("+0000000000000000000000000000000000000000\r\n")
})

it("gives every value back the same when it was reloaded from bytes", () => {
  const { send, server } = make()
  server.config.begin("enable-debug-command", "yes")
  const lines = [
    "RPUSH l a b c",
    "SADD s 1 2 x",
    "ZADD z 1.5 a inf b",
    "HSET h f v",
    "XADD x 1-1 f v",
    "XGROUP CREATE x g 0"
  ]
  for (const line of lines) send(line)
  const before = send("DEBUG DIGEST")
  expect(before).not.toContain("0000000000")
  expect([send("DEBUG RELOAD"), send("DEBUG DIGEST")]).toEqual(["+OK\r\n", before])
  expect(send("XINFO GROUPS x")).toContain("last-delivered-id")
})

it("is nobody's replica and has none, and says what is wrong with who asks for that", () => {
  const { send } = make()
  expect([send("REPLICAOF no one"), send("REPLICAOF h x")]).toEqual(["+OK\r\n", "-ERR Invalid master port\r\n"])
  for (const [line, text] of [
    ["FAILOVER x", "syntax error"],
    ["FAILOVER TO h", "syntax error"],
    ["FAILOVER ABORT", "No failover in progress."],
    ["FAILOVER TIMEOUT a", "value is not an integer or out of range"],
    ["FAILOVER TIMEOUT 0", "FAILOVER timeout must be greater than 0"],
    ["FAILOVER TO h 1 FORCE TIMEOUT 5", "FAILOVER requires connected replicas."]
  ]) {
    expect(send(line)).toBe(`-ERR ${text}\r\n`)
  }
})
