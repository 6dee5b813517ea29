/** Serve: a server as a process on this machine: `npm start`, `orbit serve`. Ends with the codes of `Ending.ts`. */
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NameHash from "#database/redis/NameHash.ts"
import { type Address, addressKey, type Credentials, isPath } from "#world/Net.ts"
import * as DirectoryLock from "#world/real/DirectoryLock.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import { DiskError, NetError } from "#world/WorldError.ts"
import * as CommandLine from "../CommandLine.ts"
import * as Configuration from "../Configuration.ts"
import { codes, StartError } from "../Ending.ts"
import type { Door } from "../Door.ts"
import * as Life from "../Life.ts"
import type * as Node from "../Node.ts"
import { version } from "../Node.ts"
import type { Config } from "../Settings.ts"
import { help } from "./Help.ts"
import { load } from "./Load.ts"
import * as RedisDoor from "../RedisDoor.ts"
import * as Sockets from "./Sockets.ts"
import type { Telemetry } from "./Telemetry.ts"
import * as ThisMachine from "./ThisMachine.ts"
import * as ProcessMetrics from "./ProcessMetrics.ts"

/** A node that was drained has only to close files; what takes longer is stuck. */
const closeMillisMax = 10_000
/** After the second signal. */
const forcedMillisMax = 1_000

const complain = (message: string): void => {
  process.stderr.write(`${message}\n`)
}

/** A line as redis-server writes it, since people and scripts wait for its words. */
const say = (text: string): void => {
  const now = new Date()
  const [, month, date, year, time] = now.toString().split(" ")
  const millis = String(now.getMilliseconds()).padStart(3, "0")
  process.stdout.write(`${process.pid}:M ${date} ${month} ${year} ${time}.${millis} * ${text}\n`)
}

const placeOf = (address: Address): string => (isPath(address) ? address.host : addressKey(address))

const greet = (configuration: Configuration.Configuration, node: Node.Node["Service"]): void => {
  const { config } = configuration
  // Whoever asked for JSON has the same as events.
  if (config.logFormat === "json") return
  const durability = Configuration.durabilityOf(config)
  say(`Orbit ${version}, node ${config.nodeId} of cluster ${node.cluster}, ${navigator.hardwareConcurrency} cores`)
  say(`Data in ${resolve(config.dataDirectory)} (${config.engine}), durability ${durability}`)
  for (const { address, name } of node.listening) say(`Listening for ${name} on ${placeOf(address)}`)
  say("Ready to accept connections")
}

const none = new Uint8Array(0)

/** What the files hold; without an authority's none is believed. */
const credentialsOf = (certificate: string, key: string, authority: string): Credentials => ({
  certificate: readFileSync(certificate),
  key: readFileSync(key),
  authority: authority === "" ? none : readFileSync(authority)
})

const ofCluster = (config: Config): Credentials | undefined => {
  const { clusterAuthorityFile, clusterCertificateFile, clusterKeyFile } = config
  if (clusterCertificateFile === "") return undefined
  return credentialsOf(clusterCertificateFile, clusterKeyFile, clusterAuthorityFile)
}

/** As hard to guess as a key. */
const passBytes = 32

const doorsOf = (configuration: Configuration.Configuration, ofNodes: Credentials | undefined): ReadonlyArray<Door> => {
  const { config } = configuration
  if (config.redisPort === 0 && config.redisTlsPort === 0 && config.redisSocket === "") return []
  const { redisAuthorityFile, redisCertificateFile, redisKeyFile } = config
  const credentials = (): Credentials => credentialsOf(redisCertificateFile, redisKeyFile, redisAuthorityFile)
  // So that a file that is missing is told before anything is opened.
  if (config.redisTlsPort !== 0) credentials()
  const isSecured = config.redisTlsPort !== 0
  const sockets = Sockets.of(configuration)
  return [
    RedisDoor.make({
      machine: ThisMachine.machine,
      pass: randomBytes(passBytes).toString("hex"),
      sockets,
      ofNodes,
      ...(isSecured ? { credentials } : {})
    })
  ]
}

const codeOf = (error: unknown): number => {
  if (error instanceof StartError) return error.code
  if (error instanceof NetError) return codes.address
  const tag = (error as { readonly _tag?: string } | undefined)?._tag
  return error instanceof DiskError || tag === "Corrupt" ? codes.data : codes.failed
}

/**
 * Ends the process where the node cannot: a signal while it starts, a drain that is followed by a disk that does not answer, a second signal.
 * The returned function says that it serves.
 */
const guard = ({ drainMillisMax }: Config): (() => void) => {
  let signals = 0
  let isServing = false
  const end = (): never => process.exit(codes.forced)
  const hear = (): void => {
    if (!isServing) end()
    signals++
    setTimeout(end, signals === 1 ? drainMillisMax + closeMillisMax : forcedMillisMax).unref()
  }
  process.on("SIGTERM", hear).on("SIGINT", hear)
  return () => {
    isServing = true
  }
}

/** Loaded only where it is asked for. */
const telemetryOf = async (config: Config, node: string): Promise<Telemetry | undefined> => {
  if (config.otlpUrl === "") return undefined
  const { open } = await import("./Telemetry.ts")
  return open({ url: config.otlpUrl, version, node, levelMin: config.logLevel })
}

const run = async (
  configuration: Configuration.Configuration,
  credentials: Credentials | undefined,
  doors: ReadonlyArray<Door>
): Promise<number> => {
  const { config } = configuration
  const serves = guard(config)
  const drawn = randomBytes(8)
  NameHash.setKey(drawn.readInt32LE(0), drawn.readInt32LE(4))
  const options = { configuration, credentials, doors, measure: ProcessMetrics.measure }
  const name = `node-${config.nodeId}`
  const telemetry = await telemetryOf(config, name)
  const program = Life.live(options, (node) => {
    serves()
    greet(configuration, node)
  })
  const running = RealWorld.runFork(telemetry?.watch(program) ?? program, {
    root: config.dataDirectory,
    name,
    trace: {
      format: config.logFormat === "auto" ? undefined : config.logFormat,
      levelMin: config.logLevel,
      sampleEvery: config.logSampleEvery
    }
  })
  const ended = await Effect.runPromise(running.ended)
  await telemetry?.close()
  if (ended.type !== "finished") return ended.type === "exited" ? ended.code : codes.forced
  if (Exit.isSuccess(ended.exit)) return ended.exit.value
  const error = Cause.squash(ended.exit.cause)
  const isKnown = error instanceof Error && "_tag" in error
  complain(isKnown ? `Orbit does not start: ${error.message}` : Cause.pretty(ended.exit.cause))
  return codeOf(error)
}

const serve = async (configuration: Configuration.Configuration): Promise<number> => {
  const { config } = configuration
  let credentials: Credentials | undefined
  let doors: ReadonlyArray<Door>
  try {
    credentials = ofCluster(config)
    doors = doorsOf(configuration, credentials)
  } catch (error) {
    complain(`a file for TLS cannot be read: ${(error as Error).message}`)
    return codes.configuration
  }
  let held: DirectoryLock.Held
  try {
    held = DirectoryLock.acquire(config.dataDirectory)
  } catch (error) {
    complain(`data-directory: ${config.dataDirectory}: cannot be used: ${(error as Error).message}`)
    return codes.data
  }
  if (held.type === "taken") {
    const holder = held.holder === "" ? "another process" : `process ${held.holder}`
    complain(`data-directory: ${config.dataDirectory}: ${holder} runs on it: stop that one, or give another directory`)
    return codes.taken
  }
  try {
    return await run(configuration, credentials, doors)
  } finally {
    held.release()
  }
}

/** Ends with the process's exit code. */
export const main = async (argv: ReadonlyArray<string>): Promise<number> => {
  const parsed = CommandLine.parse(argv)
  if (parsed.helps) {
    process.stdout.write(help)
    return codes.done
  }
  const resolved = load(parsed, process.env)
  if (resolved.type === "refused") {
    for (const problem of resolved.problems) complain(problem)
    complain('Run "npm start -- --help" to see what there is.')
    return codes.configuration
  }
  if (!parsed.printsConfig) return serve(resolved.configuration)
  process.stdout.write(Configuration.print(resolved.configuration))
  return codes.done
}
