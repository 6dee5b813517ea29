/**
 * Tripwire: while a run is under way, ambient time, timers, randomness, promises and I/O throw, and name their call
 * site. What throws can be caught by the code under test, so the first trip is also kept, and fails the run.
 *
 * The traps are set once in a process and do nothing while no run is under way, because a run is one synchronous stretch:
 * between runs the host's own code finds its globals as it left them. Promises cannot be trapped by a global: `await` does
 * not look one up. A promise hook of V8 sees each one made.
 */
import * as childProcess from "node:child_process"
import * as crypto from "node:crypto"
import * as dgram from "node:dgram"
import * as dns from "node:dns"
import * as fs from "node:fs"
import * as module from "node:module"
import * as net from "node:net"
import * as os from "node:os"
import * as v8 from "node:v8"
import * as workerThreads from "node:worker_threads"

export class TripwireError extends Error {
  override readonly name = "TripwireError"
}

/** The first thing that tripped in the present run. */
export interface Trip {
  readonly what: string
  /** `file:line:column` of the first frame outside of the simulator and of libraries, if there is one. */
  readonly site: string
}

const now = performance.now.bind(performance)

/** The host's own clock, in milliseconds, for those who time runs from outside. */
export const hostMillis = (): number => now()

let armed = false
let first: Trip | undefined
let installed = false
let stopPromiseHook: Function | undefined

const instead: Readonly<Record<string, string>> = {
  time: "use Effect's Clock, or Timers.nowMicros",
  timer: "use Effect.sleep, or the Timers service",
  microtask: "promises leave the simulator: use Effects and the ports of World",
  random: "use Effect's Random",
  io: "use the services Disk and Net",
  host: "use the Host service",
  locale: "it depends on the machine: compare by code units, format by hand"
}

/** The first frame of the code under test: not this file, not Node's own, and not Effect unless nothing else is left. */
const callSite = (): string => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 30
  const frames = (new Error().stack ?? "").split("\n").slice(1)
  Error.stackTraceLimit = limit
  // A frame of the engine itself ends in `(<anonymous>)`: it has no place.
  const foreign = ["kernel/Tripwire.ts", "(node:", "at node:", "(<anonymous>)"]
  const own = frames.filter((frame) => !foreign.some((part) => frame.includes(part)))
  const frame = own.find((candidate) => !candidate.includes("node_modules")) ?? own[0] ?? "somewhere without a stack"
  const place = /(?:file:\/\/)?(\/[^()]*:\d+:\d+)\)?$/.exec(frame)?.[1] ?? frame.trim()
  const parts = place.split("/")
  const house = parts.findLastIndex((part) =>
    ["scenarios", "src", "sim", "models", "bench", "examples", "node_modules"].includes(part)
  )
  return house < 0 ? place : parts.slice(house).join("/")
}

const trip = (what: string, kind: keyof typeof instead): never => {
  const trace: Trip = { what, site: callSite() }
  first ??= trace
  throw new TripwireError(`${what} during a simulated run, at ${trace.site}: ${instead[kind]}`)
}

const trapMethods = (owner: any, ownerName: string, names: ReadonlyArray<string>, kind: keyof typeof instead): void => {
  for (const name of names) {
    const original = owner[name]
    if (typeof original !== "function") continue
    const what = ownerName === "" ? name : `${ownerName}.${name}`
    const trapped = new Proxy(original, {
      apply: (target, self, args) => (armed ? trip(what, kind) : Reflect.apply(target, self, args)),
      construct: (target, args, newTarget) => (armed ? trip(what, kind) : Reflect.construct(target, args, newTarget))
    })
    try {
      Object.defineProperty(owner, name, { value: trapped, configurable: true, writable: true, enumerable: true })
    } catch {
      // A frozen property cannot be trapped; lint bans its import.
    }
  }
}

const functionNames = (owner: object): Array<string> =>
  Object.keys(owner).filter((name) => typeof (owner as any)[name] === "function" && !/^[A-Z_]/.test(name))

/** Methods of dates that look at the machine's time zone or language. */
const localParts = ["Hours", "Minutes", "Date", "Month", "FullYear"]
const localDateMethods = [
  ...localParts.map((part) => `get${part}`),
  ...localParts.map((part) => `set${part}`),
  ...["getDay", "getTimezoneOffset", "toString", "toDateString", "toTimeString"],
  ...["toLocaleString", "toLocaleDateString", "toLocaleTimeString"]
]

const trapDate = (): void => {
  const RealDate = Date
  const dateNow = RealDate.now.bind(RealDate)
  const trapped = new Proxy(RealDate, {
    apply: (target, self, args) => (armed ? trip("Date()", "time") : Reflect.apply(target as any, self, args)),
    construct: (target, args, newTarget) => {
      if (armed && args.length === 0) trip("new Date()", "time")
      // Year, month and so on are those of the machine's time zone.
      if (armed && args.length > 1) trip("new Date(year, month, ...)", "locale")
      return Reflect.construct(target, args, newTarget)
    }
  })
  RealDate.now = () => (armed ? trip("Date.now", "time") : dateNow())
  RealDate.prototype.constructor = trapped
  globalThis.Date = trapped
  trapMethods(RealDate.prototype, "Date.prototype", localDateMethods, "locale")
}

const trapEnvironment = (): void => {
  const { env } = process
  Object.defineProperty(process, "env", {
    configurable: true,
    enumerable: true,
    get: () => (armed ? trip("process.env", "host") : env)
  })
}

const randomFunctions = [
  ...["randomBytes", "randomInt", "randomUUID", "randomFillSync", "randomFill", "getRandomValues"],
  ...["generateKeySync", "generateKeyPairSync", "generatePrimeSync"]
]

const hostModules: ReadonlyArray<readonly [owner: object, name: string, names: ReadonlyArray<string> | undefined]> = [
  [fs, "fs", undefined],
  [fs.promises, "fs.promises", undefined],
  [net, "net", ["connect", "createConnection", "createServer"]],
  [dgram, "dgram", ["createSocket"]],
  [dns, "dns", ["lookup", "resolve"]],
  [childProcess, "child_process", undefined],
  [workerThreads, "worker_threads", ["Worker"]]
]

/** Sets the traps; later calls do nothing. Their owners' CommonJS exports are patched, then ES module bindings follow. */
export const install = (): void => {
  if (installed) return
  installed = true
  trapDate()
  trapMethods(globalThis, "", ["setTimeout", "setInterval", "setImmediate"], "timer")
  trapMethods(globalThis, "", ["queueMicrotask", "fetch"], "microtask")
  trapMethods(globalThis, "", ["WeakRef", "FinalizationRegistry", "MessageChannel", "BroadcastChannel"], "host")
  trapMethods(globalThis, "", ["WebSocket", "EventSource"], "io")
  trapMethods(AbortSignal, "AbortSignal", ["timeout"], "timer")
  trapMethods(Atomics, "Atomics", ["wait", "waitAsync"], "timer")
  trapMethods(process, "process", ["nextTick"], "microtask")
  trapMethods(process, "process", ["hrtime", "uptime", "cpuUsage"], "time")
  trapMethods(process, "process", ["memoryUsage", "resourceUsage", "cwd", "chdir", "exit", "kill", "abort"], "host")
  trapEnvironment()
  trapMethods(process.hrtime, "process.hrtime", ["bigint"], "time")
  trapMethods(performance, "performance", ["now", "mark", "measure"], "time")
  trapMethods(console, "console", ["log", "info", "warn", "error", "debug", "trace", "dir", "table"], "io")
  trapMethods(process.stdout, "process.stdout", ["write"], "io")
  trapMethods(process.stderr, "process.stderr", ["write"], "io")
  trapMethods(Math, "Math", ["random"], "random")
  trapMethods(globalThis.crypto, "crypto", ["getRandomValues", "randomUUID"], "random")
  trapMethods(Intl, "Intl", functionNamesOf(Intl), "locale")
  trapMethods(
    String.prototype,
    "String.prototype",
    ["localeCompare", "toLocaleLowerCase", "toLocaleUpperCase"],
    "locale"
  )
  trapMethods(Number.prototype, "Number.prototype", ["toLocaleString"], "locale")
  trapMethods(BigInt.prototype, "BigInt.prototype", ["toLocaleString"], "locale")
  const commonJs = module.createRequire(import.meta.url)
  for (const [owner, name, names] of hostModules) {
    const exports = name === "fs.promises" ? owner : commonJs(`node:${name}`)
    trapMethods(exports, name, names ?? functionNames(exports), "io")
  }
  // What http and tls do comes down to these two.
  trapMethods(net.Socket.prototype, "net.Socket", ["connect"], "io")
  trapMethods(net.Server.prototype, "net.Server", ["listen"], "io")
  const cryptoExports = commonJs("node:crypto") as typeof crypto
  trapMethods(cryptoExports, "crypto", randomFunctions, "random")
  const osExports = commonJs("node:os") as typeof os
  trapMethods(
    osExports,
    "os",
    ["hostname", "cpus", "freemem", "totalmem", "networkInterfaces", "uptime", "loadavg"],
    "host"
  )
  const timers = commonJs("node:timers")
  trapMethods(timers, "timers", ["setTimeout", "setInterval", "setImmediate"], "timer")
  module.syncBuiltinESMExports()
}

function functionNamesOf(owner: object): Array<string> {
  return Object.getOwnPropertyNames(owner).filter((name) => typeof (owner as any)[name] === "function")
}

/** From here to `disarm` the traps are live. */
export const arm = (): void => {
  install()
  first = undefined
  armed = true
  stopPromiseHook = v8.promiseHooks.onInit(() => {
    // Throwing inside a hook would end the process; the run looks at what tripped after its present event.
    if (armed) first ??= { what: "a promise (async function, await, Effect.promise or Promise)", site: callSite() }
  })
}

export const disarm = (): void => {
  armed = false
  stopPromiseHook?.()
  stopPromiseHook = undefined
}

/** What tripped first since `arm`, if anything. */
export const tripped = (): Trip | undefined => first

/** Runs host code in the middle of a run (a progress line, a wall-clock budget) with the traps let down. */
export const exempt = <A>(host: () => A): A => {
  const was = armed
  armed = false
  try {
    return host()
  } finally {
    armed = was
  }
}
