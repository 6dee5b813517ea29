/**
 * CheckMetrics: `npm run metrics`: has Prometheus's own `promtool check metrics` look at what a node of this tree emits. promtool is part of Debian's
 * package `prometheus`; `PROMTOOL` names another one. Exit codes: promtool's, and 3 where there is none.
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../main.ts", import.meta.url))
const promtool = process.env["PROMTOOL"] ?? "promtool"
const noPromtool = 3

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** What a fresh node emits. */
const emitted = async (): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "orbit-metrics-"))
  const [adminPort, redisPort] = [await freePort(), await freePort()]
  const argv = [
    "--dir",
    directory,
    "--bind",
    "127.0.0.1",
    "--port",
    String(redisPort),
    "--admin-port",
    String(adminPort)
  ]
  const child = spawn(process.execPath, [main, ...argv], { stdio: ["ignore", "pipe", "inherit"] })
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("Ready to accept connections")) resolve()
      })
      child.on("close", () => reject(new Error("the node does not start")))
    })
    const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
    return await answer.text()
  } finally {
    child.kill("SIGKILL")
    if (child.exitCode === null && child.signalCode === null) await once(child, "close")
    rmSync(directory, { recursive: true, force: true })
  }
}

const input = await emitted()
const checked = spawnSync(promtool, ["check", "metrics"], { input, encoding: "utf8" })
if (checked.error !== undefined) {
  process.stderr.write(`${promtool}: ${checked.error.message}; it is in Debian's package prometheus\n`)
  process.exit(noPromtool)
}
process.stdout.write(checked.stdout)
process.stderr.write(checked.stderr)
process.stdout.write(
  `${input.split("\n").filter((line) => line.startsWith("# TYPE")).length} metrics, exit ${checked.status}\n`
)
process.exit(checked.status ?? 1)
