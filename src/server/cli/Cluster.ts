/**
 * Cluster: `npm run cluster`: a cluster of real processes on loopback, for people to play with: kill one, and see that the others go on.
 *
 * Each process has its own data below one directory, and a group of its own, so that ctrl-C reaches only this one, which asks them to stop.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { randomBytes } from "node:crypto"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { codes } from "../Ending.ts"

const help = `Run a cluster of Orbit's nodes on this machine, until ctrl-C.

USAGE
  npm run cluster -- [FLAGS] [-- FLAGS OF EACH NODE]

FLAGS
  --nodes N      How many: 1 to 9; default: 3
  --dir DIR      Where their data is; default: orbit-cluster
  --port PORT    Node N has this + N for Redis clients, + 100 + N for the other nodes, + 200 + N for health and
                 metrics; default: 7000
  --help         Print this

EXAMPLES
  npm run cluster
  npm run cluster -- --nodes 5 --dir /tmp/five -- --log-level debug
`

const nodesMax = 9
const portMax = 65_000

const usage = (message: string): number => {
  process.stderr.write(`${message}\nRun "npm run cluster -- --help" to see what there is.\n`)
  return codes.configuration
}

/** The directory's cluster: its file is made at the first start, and has to fit later. */
const configure = (directory: string, nodes: ReadonlyArray<string>): string | undefined => {
  const path = join(directory, "cluster.json")
  if (!existsSync(path)) {
    mkdirSync(directory, { recursive: true })
    const content = { clusterId: randomBytes(16).toString("hex"), nodes }
    writeFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`)
    return path
  }
  const known = JSON.parse(readFileSync(path, "utf8")) as { readonly nodes?: unknown }
  return JSON.stringify(known.nodes) === JSON.stringify(nodes) ? path : undefined
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<number>
}

const start = (node: number, argv: ReadonlyArray<string>): Running => {
  const own = process.argv[1]
  const child = spawn(process.execPath, [...process.execArgv, own, ...argv], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"]
  })
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => void process.stdout.write(`node ${node} | ${line}\n`))
  }
  const ended = new Promise<number>((done) => {
    child.on("close", (code, signal) => {
      process.stdout.write(`node ${node} | ended: ${code ?? signal}\n`)
      done(code ?? codes.forced)
    })
  })
  return { child, ended }
}

const run = async (directory: string, count: number, port: number, more: ReadonlyArray<string>): Promise<number> => {
  const numbers = Array.from({ length: count }, (_, at) => at + 1)
  const path = configure(
    directory,
    numbers.map((node) => `${node}=127.0.0.1:${port + 100 + node}`)
  )
  if (path === undefined) {
    return usage(`${directory} is of a cluster of other nodes or ports: give it those, or another --dir.`)
  }
  const all = numbers.map((node) =>
    start(node, [
      ...["serve", "--config", path, "--node-id", String(node), "--data-directory", join(directory, `node-${node}`)],
      ...["--redis-port", String(port + node), "--admin-port", String(port + 200 + node), "--log-format", "pretty"],
      ...more
    ])
  )
  const stop = (): void => {
    for (const { child } of all) if (child.exitCode === null) child.kill("SIGTERM")
  }
  process.on("SIGINT", stop).on("SIGTERM", stop)
  for (const [at, { child }] of all.entries()) {
    const node = at + 1
    process.stdout.write(
      `node ${node}: process ${child.pid}, Redis clients on ${port + node}, http://127.0.0.1:${port + 200 + node}/metrics\n`
    )
  }
  process.stdout.write(`Data below ${resolve(directory)}; ctrl-C stops all.\n`)
  return Math.max(...(await Promise.all(all.map(({ ended }) => ended))))
}

/** Ends with the worst of the nodes' exit codes. */
export const main = async (argv: ReadonlyArray<string>): Promise<number> => {
  const dashes = argv.indexOf("--")
  const own = dashes === -1 ? argv : argv.slice(0, dashes)
  const more = dashes === -1 ? [] : argv.slice(dashes + 1)
  try {
    const { values } = parseArgs({
      args: [...own],
      options: {
        nodes: { type: "string", default: "3" },
        dir: { type: "string", default: "orbit-cluster" },
        port: { type: "string", default: "7000" },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) {
      process.stdout.write(help)
      return codes.done
    }
    const count = Number(values.nodes)
    const port = Number(values.port)
    if (!Number.isInteger(count) || count < 1 || count > nodesMax) {
      return usage(`--nodes takes a whole number from 1 to ${nodesMax}, not "${values.nodes}".`)
    }
    if (!Number.isInteger(port) || port < 1 || port > portMax) {
      return usage(`--port takes a whole number from 1 to ${portMax}, not "${values.port}".`)
    }
    return await run(values.dir, count, port, more)
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}
