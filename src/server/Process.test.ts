/** The server as processes of this machine: what only those can show. */
import { type ChildProcess, spawn } from "node:child_process"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createHttpServer } from "node:http"
import { createServer, type AddressInfo } from "node:net"
import { connect } from "node:tls"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { codes } from "./Ending.ts"

const main = fileURLToPath(new URL("main.ts", import.meta.url))
const parent = mkdtempSync(join(tmpdir(), "orbit-server-"))
const children = new Set<ChildProcess>()
const timeoutMillis = 60_000

afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

class Server {
  readonly child: ChildProcess
  output = ""
  errors = ""
  readonly ended: Promise<number | NodeJS.Signals | null>
  private readonly ready: Promise<void>

  constructor(argv: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) {
    // Without doors of clients: those have tests of their own.
    const child = spawn(process.execPath, [main, ...argv], { cwd: parent, env: { ...process.env, ...environment } })
    children.add(child)
    this.child = child
    child.stderr.on("data", (chunk: Buffer) => void (this.errors += chunk.toString()))
    this.ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(code ?? signal)))
    this.ready = new Promise((resolve, reject) => {
      child.stdout.on("data", (chunk: Buffer) => {
        this.output += chunk.toString()
        if (this.output.includes("* Ready to accept connections\n")) resolve()
      })
      child.on("close", () => reject(new Error(`it ended: ${this.output}${this.errors}`)))
    })
    // Some of them never are.
    this.ready.catch(() => {})
  }

  serves(): Promise<void> {
    return this.ready
  }

  stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.child.kill(signal)
    return this.ended
  }
}

const start = async (name: string, ...more: ReadonlyArray<string>) => {
  const port = await freePort()
  const argv = [
    "--dir",
    join(parent, name),
    "--admin-port",
    String(port),
    "--admin-bind",
    "127.0.0.1",
    "--port",
    "0",
    ...more
  ]
  const server = new Server(argv)
  return { argv, port, server }
}

const clusterOf = ({ output }: Server): string => /of cluster ([0-9a-f]{32})/.exec(output)![1]

describe("the server's process", { timeout: timeoutMillis }, () => {
  it("serves, says so, drains at SIGTERM, and goes on where it was, also after kill -9", async () => {
    const { argv, port, server } = await start("life")
    await server.serves()
    expect(server.output).toContain(`Listening for admin on 127.0.0.1:${port}\n`)
    expect(server.output).toContain(`Data in ${join(parent, "life")} (lsm), durability local\n`)
    expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200)
    expect(await server.stop("SIGTERM")).toBe(codes.done)
    const second = new Server(argv)
    await second.serves()
    expect(clusterOf(second)).toBe(clusterOf(server))
    expect(await second.stop("SIGKILL")).toBe("SIGKILL")
    const third = new Server(argv)
    await third.serves()
    expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200)
    expect(clusterOf(third)).toBe(clusterOf(server))
    expect(await third.stop("SIGINT")).toBe(codes.done)
  })

  it("lets nobody else onto its data while it lives", async () => {
    const { server } = await start("shared")
    await server.serves()
    const other = await start("shared")
    expect(await other.server.ended).toBe(codes.taken)
    expect(other.server.errors).toContain(`process ${server.child.pid} runs on it`)
    await server.stop("SIGKILL")
    const next = await start("shared")
    await next.server.serves()
    await next.server.stop("SIGTERM")
  })

  it("ends with a code of its own for each thing that a person has to mend", async () => {
    const wrong = await start("wrong", "--engine", "paper")
    expect(await wrong.server.ended).toBe(codes.configuration)
    expect(wrong.server.errors).toMatch(/^engine: "paper": allowed: one of lsm, btree, memory\n/)
    const missing = new Server(["--config", join(parent, "missing.json")])
    expect(await missing.ended).toBe(codes.configuration)
    writeFileSync(join(parent, "file"), "")
    const noDirectory = await start("file")
    expect(await noDirectory.server.ended).toBe(codes.data)
    const blocker = createServer()
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, "127.0.0.1", () => resolve((blocker.address() as AddressInfo).port))
    })
    const blocked = await start("blocked", "--admin-port", String(port))
    expect(await blocked.server.ended).toBe(codes.address)
    blocker.close()
  })

  it("says everything in JSON lines when it is asked to", async () => {
    const { port, server } = await start("json", "--log-format", "json")
    const isReady = (): boolean => server.errors.includes('"message":"Ready to accept connections"')
    await expect.poll(isReady, { timeout: 30_000 }).toBe(true)
    await server.stop("SIGTERM")
    expect(server.output).toBe("")
    const events = server.errors
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    const listening = events.filter(({ event }) => event === "server/listening").map(({ fields }) => fields)
    expect(listening).toContainEqual({ door: "admin", host: "127.0.0.1", port })
  })
})

describe("Redis clients by TLS", { timeout: timeoutMillis }, () => {
  const certificate = (name: string): string =>
    fileURLToPath(new URL(`../world/real/testdata/tls/${name}.pem`, import.meta.url))

  it("are served, and meet another certificate after SIGHUP", async () => {
    const [own, key] = [join(parent, "own.pem"), join(parent, "own.key.pem")]
    const use = (name: string): void => {
      copyFileSync(certificate(name), own)
      copyFileSync(certificate(`${name}.key`), key)
    }
    use("store-1")
    const port = await freePort()
    const flags = ["--tls-port", String(port), "--bind", "127.0.0.1", "--tls-auth-clients", "no", "--log-level", "info"]
    const { server } = await start("tls", ...flags, "--tls-cert-file", own, "--tls-key-file", key)
    await server.serves()
    /** Whose certificate a client meets, and what it is answered. */
    const ping = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const ca = readFileSync(certificate("authority"))
        const socket = connect({ host: "127.0.0.1", port, ca, checkServerIdentity: () => undefined }, () =>
          socket.write("PING\r\n")
        )
        socket.on("error", reject)
        socket.on("data", (answer) => {
          resolve(`${socket.getPeerCertificate().subject.CN as string} ${answer.toString().trim()}`)
          socket.destroy()
        })
      })
    expect(await ping()).toBe("store-1 +PONG")
    use("store-2")
    server.child.kill("SIGHUP")
    await expect.poll(() => server.errors, { timeout: 30_000 }).toContain("server/certificates-read")
    expect(await ping()).toBe("store-2 +PONG")
    writeFileSync(own, "nonsense")
    server.child.kill("SIGHUP")
    await expect.poll(() => server.errors, { timeout: 30_000 }).toContain("server/certificates-refused")
    expect(await ping()).toBe("store-2 +PONG")
    expect(await server.stop("SIGTERM")).toBe(codes.done)
  })
})

describe("OTLP", { timeout: timeoutMillis }, () => {
  it("gets a node's events and spans, and a collector that is gone is no fault of the node", async () => {
    const bodies: Array<readonly [string, any]> = []
    const collector = createHttpServer((request, response) => {
      let body = ""
      request.on("data", (chunk: Buffer) => void (body += chunk.toString()))
      request.on("end", () => {
        bodies.push([request.url!, JSON.parse(body)])
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
    const { argv, server } = await start("watched", "--otlp-url", url)
    await server.serves()
    expect(await server.stop("SIGTERM")).toBe(codes.done)
    await new Promise((resolve) => collector.close(resolve))
    const logs = bodies
      .filter(([path]) => path === "/v1/logs")
      .flatMap(([, { resourceLogs }]) => resourceLogs)
      .flatMap(({ scopeLogs }) => scopeLogs)
      .flatMap(({ logRecords }) => logRecords)
    expect(logs.map(({ body }) => body.stringValue)).toEqual(
      expect.arrayContaining(["server/listening", "server/ready", "server/drained"])
    )
    const spans = bodies
      .filter(([path]) => path === "/v1/traces")
      .flatMap(([, { resourceSpans }]) => resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans)
    expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(["Node.open", "KeyspaceNode.open"]))
    const again = new Server(argv)
    await again.serves()
    expect(await again.stop("SIGTERM")).toBe(codes.done)
  })
})

describe("npm run cluster", { timeout: timeoutMillis }, () => {
  it("starts so many nodes, says where they are, and stops all of them at ctrl-C", async () => {
    const directory = join(parent, "many")
    const port = ((await freePort()) % 20_000) + 10_000
    const argv = ["cluster", "--nodes", "2", "--dir", directory, "--port", String(port), "--", "--port", "0"]
    const server = new Server(argv)
    const count = (text: string): number => server.output.split(text).length - 1
    await expect.poll(() => count("* Ready to accept connections"), { timeout: 30_000 }).toBe(2)
    expect(server.output).toMatch(/^node 2: process \d+, Redis clients on \d+, http:\/\/127\.0\.0\.1:\d+\/metrics$/m)
    expect(await server.stop("SIGINT")).toBe(codes.done)
    expect(count("| ended: 0\n")).toBe(2)
    const other = new Server(["cluster", "--nodes", "3", "--dir", directory, "--port", String(port)])
    expect(await other.ended).toBe(codes.configuration)
    expect(other.errors).toContain("is of a cluster of other nodes or ports")
  })
})

describe("three processes", { timeout: timeoutMillis }, () => {
  it("found a cluster, and one that was killed comes back to it", async () => {
    const ports = await Promise.all([1, 2, 3].map(freePort))
    const nodes = ports.map((port, at) => `${at + 1}=127.0.0.1:${port}`)
    const config = join(parent, "cluster.jsonc")
    const cluster = "0123456789abcdef0123456789abcdef"
    writeFileSync(config, `{ /* all three */ "nodes": ${JSON.stringify(nodes)}, "clusterId": "${cluster}", }`)
    const all = await Promise.all(
      [1, 2, 3].map((node) => start(`node-${node}`, "--config", config, "--node-id", String(node)))
    )
    const isReady = async (port: number): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/health/ready`).then(({ status }) => status === 200)
    await Promise.all(all.map(({ server }) => server.serves()))
    for (const { port } of all) await expect.poll(() => isReady(port), { timeout: 30_000 }).toBe(true)
    await all[0].server.stop("SIGKILL")
    await expect.poll(() => isReady(all[1].port), { timeout: 30_000 }).toBe(true)
    const again = new Server(all[0].argv)
    await again.serves()
    await expect.poll(() => isReady(all[0].port), { timeout: 30_000 }).toBe(true)
    const ends = [again, all[1].server, all[2].server].map((server) => server.stop("SIGTERM"))
    expect(await Promise.all(ends)).toEqual([codes.done, codes.done, codes.done])
    expect(readFileSync(join(parent, "node-1", "orbit.json"), "utf8")).toContain(cluster)
  })
})
