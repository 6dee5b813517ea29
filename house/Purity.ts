/**
 * Purity: which files may touch the machine, and what the others use instead.
 *
 * Everything that a seed decides lives outside the ambient places below. There, time, order, chance and bytes come
 * only from the World, so that one seed gives one history. `oxlint.config.ts` turns these tables into lint rules,
 * `Rooms.ts` and `Style.ts` use the same places for what the linter has no rule for.
 */
import { builtinModules } from "node:module"
import { matchesGlob } from "node:path"

/** A name that is banned outside the ambient places, and what to use instead. */
export interface Ban {
  readonly name: string
  readonly message: string
}

/** A property that is banned outside the ambient places; without `object`, on whatever object it is. */
export interface PropertyBan {
  readonly object?: string
  readonly property: string
  readonly message: string
}

/** The folders whose code a seed must be able to replay. */
export const pureFolders = ["src", "sim", "scenarios", "models", "reports"]

/**
 * The places that know the machine, as globs. Tests drive the simulator from outside; `sim/cli`, `server/cli` and the mains talk to a
 * person and a terminal; the tripwire has to name what it traps; the harness of real runs makes their directories; the adapters
 * to stores from packages live from those packages' threads and promises, and never run in the simulator.
 */
export const ambientPlaces = [
  "src/world/real/**",
  "src/storage/adapters/**",
  "src/server/main.ts",
  "src/server/cli/**",
  "sim/cli/**",
  "sim/main.ts",
  "sim/kernel/Tripwire.ts",
  "sim/run/Real.ts",
  "bench/**",
  "house/**",
  "**/*.test.ts"
]

/** Where foreign callbacks become Effects for everybody else: the completion-style ports' own services. */
export const portPlaces = ["src/world/Completion.ts", "src/world/Disk.ts", "src/world/Net.ts"]

/** Where Effects are run: the places above, and the simulator's own fibers. */
export const runPlaces = ["sim/**"]

const timers = "Use a port of Timers (Timers.attach, then set(ticket, delayMicros)); at the doors Effect.sleep."
const microtasks = "No microtask or promise lives in the simulator: use completion-style ports, at the doors Effect."
const wallClock = "Use Effect's Clock (Clock.currentTimeMillis) at the doors, or take the time as an input."
const sockets = "Use Net: Net.listen, Net.dial, Net.bind."
const locale = "Compare by bytes, format by hand: a locale is the machine's, not the seed's."
const collection = "When garbage is collected is not in the seed: use a Scope, or remove the entry yourself."
const threads = "One node is one thread of the simulator: split the work in steps, or ask the World."

export const globals: ReadonlyArray<Ban> = [
  { name: "Date", message: wallClock },
  { name: "Temporal", message: wallClock },
  { name: "performance", message: "Use nowMicros() of a port of Timers." },
  { name: "setTimeout", message: timers },
  { name: "clearTimeout", message: timers },
  { name: "setInterval", message: timers },
  { name: "clearInterval", message: timers },
  { name: "setImmediate", message: timers },
  { name: "clearImmediate", message: timers },
  { name: "queueMicrotask", message: microtasks },
  { name: "Promise", message: microtasks },
  { name: "process", message: "Use Host: name, incarnation, environment, onSignal, exit." },
  { name: "navigator", message: "Use Host: cores, memoryBytes." },
  { name: "console", message: "Emit a typed event: Trace.emit, Trace.mark." },
  { name: "crypto", message: "Draw from a named stream (base/Prng.ts); hash with the checksums of base." },
  { name: "fetch", message: sockets },
  { name: "WebSocket", message: sockets },
  { name: "EventSource", message: sockets },
  { name: "XMLHttpRequest", message: sockets },
  { name: "MessageChannel", message: threads },
  { name: "BroadcastChannel", message: threads },
  { name: "Worker", message: threads },
  { name: "SharedArrayBuffer", message: threads },
  { name: "Atomics", message: threads },
  { name: "WeakRef", message: collection },
  { name: "FinalizationRegistry", message: collection },
  { name: "Intl", message: locale },
  { name: "require", message: "Use a static import: what a program is made of is decided before it runs." }
]

const power = "Math.pow gives other bits on other engines: multiply, shift, or use a table of integers."

export const properties: ReadonlyArray<PropertyBan> = [
  { object: "Math", property: "random", message: "Draw from a named stream (base/Prng.ts, split from the seed)." },
  { object: "Math", property: "pow", message: power },
  { object: "AbortSignal", property: "timeout", message: timers },
  { property: "localeCompare", message: locale },
  { property: "toLocaleString", message: locale },
  { property: "toLocaleDateString", message: locale },
  { property: "toLocaleTimeString", message: locale },
  { property: "toLocaleLowerCase", message: locale },
  { property: "toLocaleUpperCase", message: locale }
]

const foreign = "Foreign asynchrony enters through a port in world/real; elsewhere compose Effects."
const running = "Effects are run by server/main.ts, by sim and by tests; elsewhere return the Effect."

/** Where an Effect meets the outside: banned outside the ambient, port and run places. */
export const effectProperties: ReadonlyArray<PropertyBan> = [
  ...["promise", "tryPromise", "callback"].map((property) => ({ object: "Effect", property, message: foreign })),
  ...[
    "runFork",
    "runForkWith",
    "runCallback",
    "runCallbackWith",
    "runPromise",
    "runPromiseWith",
    "runPromiseExit",
    "runPromiseExitWith",
    "runSync",
    "runSyncWith",
    "runSyncExit",
    "runSyncExitWith"
  ].map((property) => ({ object: "Effect", property, message: running }))
]

/** The message for `**`, for which the linter has no rule: `Style.ts` finds it. */
export const powerMessage = power

export const nodeMessage = "Only world/real knows Node.js: declare what you need as a port of World."

/** Node's own modules but `allowed`, with and without their prefix, as the linter wants them. */
export const nodeModules = (allowed: ReadonlyArray<string> = []) => {
  const names = builtinModules.flatMap((name) => (name.startsWith("node:") ? [name] : [name, `node:${name}`]))
  return { regex: `^(${names.filter((name) => !allowed.includes(name)).join("|")})$`, message: nodeMessage }
}

/** The only modules of Node.js that pure code imports: functions of their arguments, nothing of the machine in them. */
export const nodeExceptions: ReadonlyArray<{
  readonly path: string
  readonly module: string
  readonly reason: string
}> = [
  {
    path: "sim/kernel/TraceHash.ts",
    module: "node:zlib",
    reason: "crc32 is a pure function of bytes, and the kernel calls it for every event"
  }
]

/** True for a file that may touch the machine, or that no seed replays. */
export const isAmbient = (path: string): boolean => ambientPlaces.some((place) => matchesGlob(path, place))

/** True for a module of Node.js, with or without its prefix. */
export const isNodeModule = (specifier: string): boolean =>
  specifier.startsWith("node:") || builtinModules.includes(specifier)

export const mayImportNode = (path: string, specifier: string): boolean =>
  isAmbient(path) || nodeExceptions.some((allowed) => allowed.path === path && allowed.module === specifier)
