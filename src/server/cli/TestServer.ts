/** TestServer: the server as a process on a free port, for tests. */
import { type ChildProcess, spawn } from "node:child_process"
import { createServer, type AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../main.ts", import.meta.url))

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** A node with its data in `directory`, once it says that it is ready. `heapMegabytes`: of its old generation; undefined: as Node.js has it. */
export const serveWithin = (
  heapMegabytes: number | undefined,
  directory: string,
  port: number,
  ...more: ReadonlyArray<string>
): Promise<ChildProcess> =>
  new Promise((resolve, reject) => {
    const argv = ["--dir", directory, "--port", String(port), "--admin-port", "0", ...more]
    const heap = heapMegabytes === undefined ? [] : [`--max-old-space-size=${heapMegabytes}`]
    const child = spawn(process.execPath, ["--max-semi-space-size=32", ...heap, main, ...argv])
    let output = ""
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes("Ready to accept connections")) resolve(child)
    })
    child.on("close", () => reject(new Error(`it ended: ${output}`)))
  })

export const serve = (directory: string, port: number, ...more: ReadonlyArray<string>): Promise<ChildProcess> =>
  serveWithin(undefined, directory, port, ...more)
