/** What `npm run build` makes, in a directory where there is nothing else. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo, connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { codes } from "./Ending.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const directory = mkdtempSync(join(tmpdir(), "orbit-dist-"))
let child: ChildProcess | undefined
afterAll(() => {
  child?.kill("SIGKILL")
  rmSync(directory, { recursive: true, force: true })
})

const run = (...argv: ReadonlyArray<string>) =>
  spawnSync(process.execPath, [join("dist", "orbit.mjs"), ...argv], { cwd: directory, encoding: "utf8" })

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** What a Redis client hears. */
const ask = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let heard = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(`${text}QUIT\r\n`))
    socket.on("data", (chunk) => void (heard += chunk.toString()))
    socket.on("close", () => resolve(heard))
    socket.on("error", reject)
  })

describe("dist", { timeout: 120_000 }, () => {
  it("serves, looks into the files and audits, without the tree and its packages", async () => {
    const bin = join(root, "node_modules", "rolldown", "bin", "cli.mjs")
    const built = spawnSync(process.execPath, [bin, "-c", "rolldown.config.ts", "-d", join(directory, "dist")], {
      cwd: root
    })
    expect([built.status, built.stderr.toString()]).toEqual([0, expect.anything()])
    expect(readdirSync(directory)).toEqual(["dist"])
    const port = await freePort()
    const flags = ["serve", "--port", String(port), "--bind", "127.0.0.1", "--admin-port", "0", "--dir", "data"]
    const server = spawn(process.execPath, [join("dist", "orbit.mjs"), ...flags], { cwd: directory })
    child = server
    const ended = new Promise((resolve) => server.on("close", resolve))
    await new Promise<void>((resolve) => {
      server.stdout.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("* Ready to accept connections")) resolve()
      })
    })
    expect(await ask(port, "PING\r\nSET a 1\r\nGET a\r\n")).toBe("+PONG\r\n+OK\r\n$1\r\n1\r\n+OK\r\n")
    server.kill("SIGTERM")
    expect(await ended).toBe(codes.done)
    expect(run("store", "verify", "data/store").stdout).toMatch(/^ok +data\/store\/log/m)
    const trail = readFileSync(join(root, "src/keyspace/audit/testdata/stream-1.hex"), "utf8")
    writeFileSync(join(directory, "trail"), Buffer.from(trail.replaceAll(/\s/g, ""), "hex"))
    expect(run("audit", "verify", "trail").status).toBe(0)
    expect(run("sim", "--seed", "42", "--for", "1s").status).toBe(0)
    expect(run("nothing")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('There is no command "nothing"')
    })
  })
})
