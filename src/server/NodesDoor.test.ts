/** Two nodes with certificates: what they ask each other for their clients goes by TLS, to a door where nobody else comes in. */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freePort, serve } from "./cli/TestServer.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-nodes-door-"))
const timeoutMillis = 60_000
const portsPerNode = 3
let ports: ReadonlyArray<number> = []
let children: ReadonlyArray<ChildProcess> = []

const file = (name: string): string => fileURLToPath(new URL(`../world/real/testdata/tls/${name}`, import.meta.url))

beforeAll(async () => {
  ports = await Promise.all(Array.from({ length: 2 * portsPerNode }, freePort))
  const nodes = [1, 2].map((node) => `${node}=127.0.0.1:${ports[portsPerNode * (node - 1) + 1]}`).join(",")
  children = await Promise.all(
    [1, 2].map((node) => {
      const [port, , nodesPort] = ports.slice(portsPerNode * (node - 1))
      const tls = ["certificate", "key", "authority"].flatMap((each, index) => [
        `--cluster-${each}-file`,
        file([`store-${node}.pem`, `store-${node}.key.pem`, "authority.pem"][index])
      ])
      const cluster = ["--cluster-id", "c".repeat(32), "--node-id", String(node), "--nodes", nodes]
      return serve(join(parent, String(node)), port, ...cluster, ...tls, "--redis-nodes-port", String(nodesPort))
    })
  )
}, timeoutMillis)

afterAll(() => {
  for (const child of children) child.kill("SIGKILL")
  rmSync(parent, { recursive: true, force: true })
})

/** What comes back of what is said to a port, until the connection ends or that much has come. */
const replyOf = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    let reply = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    socket.on("data", (chunk: Buffer) => {
      reply += chunk.toString("latin1")
      if (reply.includes("\n")) socket.destroy()
    })
    socket.on("error", () => {})
    socket.on("close", () => resolve(reply))
  })

describe("nodes that have certificates", { timeout: timeoutMillis }, () => {
  it("carry commands to each other by TLS", async () => {
    const [one, two] = [new Redis({ port: ports[0] }), new Redis({ port: ports[portsPerNode] })]
    const names = Array.from({ length: 200 }, (_, index) => `key:${index}`)
    for (const name of names) expect(await one.set(name, name)).toBe("OK")
    // Each has a part of the slots, by then.
    for (;;) {
      const info = String(await two.call("INFO", "keyspace"))
      if (/keys=[1-9]/.test(info) && !info.includes("keys=200,")) break
      await new Promise((resolve) => void setTimeout(resolve, 200))
    }
    expect(await two.mget(...names)).toEqual(names)
    expect(await two.dbsize()).toBe(names.length)
    expect(await one.mset(Object.fromEntries(names.map((name) => [name, "new"])))).toBe("OK")
    for (const name of names) expect(await two.get(name)).toBe("new")
    one.disconnect()
    two.disconnect()
  })

  it("let nobody in there without one, and no node in at the clients' door", async () => {
    const line = `ORBIT-RELAY 127.0.0.1:1 ${"0".repeat(64)} 1\r\nPING\r\n`
    expect(await replyOf(ports[portsPerNode - 1], line)).not.toContain("PONG")
    expect(await replyOf(ports[0], line)).toMatch(/^-ERR unknown command 'ORBIT-RELAY'/)
  })
})
