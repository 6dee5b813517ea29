/** SLOWLOG, LATENCY and MEMORY: what was slow, and what takes how much. */
import type { Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import * as Help from "./Help.ts"

const refusal = (text: string): Refusal.Refusal => new Refusal.Refusal(text)

const countDefault = 10

const slowlogGet: Handler = (call) => {
  const { argv, out, server } = call
  let count = countDefault
  if (argv.length > 2) {
    const given = Number(argv[2])
    if (!/^-?\d+$/.test(argv[2]) || given < -1) throw refusal("ERR count should be greater than or equal to -1")
    count = given === -1 ? server.slowlog.length : given
  }
  const latest = server.slowlog.latest(count)
  out.array(latest.length)
  for (const { address, argv: slow, atSeconds, id, micros, name } of latest) {
    out.array(6)
    out.integer(id)
    out.integer(atSeconds)
    out.integer(micros)
    out.bulks(slow)
    out.bulk(address)
    out.bulk(name)
  }
}

const slowlogHelp = Help.of("SLOWLOG", [
  "GET [<count>]",
  "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
  "    Entries are made of:",
  "    id, timestamp, time in microseconds, arguments array, client IP and port,",
  "    client name",
  "LEN",
  "    Return the length of the slowlog.",
  "RESET",
  "    Reset the slowlog."
])

const latencyLatest: Handler = ({ out, server }) => {
  const { events } = server.latency
  out.array(events.size)
  for (const [name, { maxMillis, spikes }] of events) {
    const last = spikes[spikes.length - 1]
    out.array(4)
    out.bulk(name)
    out.integer(last.atSeconds)
    out.integer(last.millis)
    out.integer(maxMillis)
  }
}

const latencyHistory: Handler = ({ argv, out, server }) => {
  const spikes = server.latency.events.get(argv[2])?.spikes ?? []
  out.array(spikes.length)
  for (const { atSeconds, millis } of spikes) {
    out.array(2)
    out.integer(atSeconds)
    out.integer(millis)
  }
}

const latencyGraph: Handler = ({ argv, out, server }) => {
  const event = server.latency.events.get(argv[2])
  if (event === undefined) throw refusal(`ERR No samples available for event '${argv[2]}'`)
  const bars = event.spikes.map(
    ({ millis }) => `${"#".repeat(Math.ceil((20 * millis) / Math.max(1, event.maxMillis)))} ${millis} ms`
  )
  out.verbatim(
    "txt",
    `${argv[2]} - high ${event.maxMillis} ms (all time high ${event.maxMillis} ms)\n${bars.join("\n")}\n`
  )
}

const disabled =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n"
const nothing =
  "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n"

const latencyDoctor: Handler = ({ out, server }) => {
  const { events, thresholdMillis } = server.latency
  const seen = [...events].map(
    ([name, { maxMillis, spikes }]) => `${name}: ${spikes.length} latency spikes, worst ${maxMillis} ms.\n`
  )
  out.verbatim("txt", thresholdMillis === 0 ? disabled : seen.length === 0 ? nothing : seen.join(""))
}

/** Of commands by their names, and of the subcommands of containers; of none: of all. */
const latencyHistogram: Handler = ({ argv, out, server }) => {
  const used = server.usedCommands().filter(({ durations }) => durations !== undefined)
  const asked = argv.slice(2).map((name) => name.toLowerCase())
  const told =
    asked.length === 0
      ? used
      : asked.flatMap((asking) =>
          used.filter(({ command }) => command.name === asking || command.name.startsWith(`${asking}|`))
        )
  out.map(told.length)
  for (const { command, durations } of told) {
    out.bulk(command.name)
    out.map(2)
    out.bulk("calls")
    out.integer(durations!.total)
    out.bulk("histogram_usec")
    const cumulated = durations!.cumulated()
    out.map(cumulated.length)
    for (const [micros, count] of cumulated) {
      out.integer(micros)
      out.integer(count)
    }
  }
}

const latencyHelp = Help.of("LATENCY", [
  "DOCTOR",
  "    Return a human readable latency analysis report.",
  "GRAPH <event>",
  "    Return an ASCII latency graph for the <event> class.",
  "HISTORY <event>",
  "    Return time-latency samples for the <event> class.",
  "LATEST",
  "    Return the latest latency samples for all events.",
  "RESET [<event> ...]",
  "    Reset latency data of one or more <event> classes.",
  "    (default: reset all data for all event classes)",
  "HISTOGRAM [COMMAND ...]",
  "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
  "    If no commands are specified then all histograms are replied."
])

const memoryUsage: Handler = (call) => {
  const { argv, out } = call
  for (let at = 3; at < argv.length; at += 2) {
    if (!call.is(at, "samples") || at + 1 >= argv.length) throw Refusal.syntax
    if (call.integer(at + 1) < 0) throw Refusal.syntax
  }
  const entry = call.db.peek(argv[2])
  if (entry === undefined) return out.null()
  out.integer(entry.heldBytes)
}

const memoryStats: Handler = (call) => {
  const { engine, out, server } = call
  const { memory } = server
  const { residentBytes, usedBytes: heapBytes } = server.machine.usage()
  const [usedBytes, clientsBytes] = [memory.usedBytes(), memory.ofClients()]
  const { peakBytes } = memory
  const keys = engine.databases.reduce((sum, { size }) => sum + size, 0)
  const whole = {
    "peak.allocated": peakBytes,
    "total.allocated": usedBytes,
    "startup.allocated": 0,
    "replication.backlog": 0,
    "clients.slaves": 0,
    "clients.normal": clientsBytes,
    "cluster.links": 0,
    "aof.buffer": 0,
    "lua.caches": 0,
    "functions.caches": 0,
    "overhead.total": clientsBytes,
    "keys.count": keys,
    "keys.bytes-per-key": keys === 0 ? 0 : Math.floor(engine.usedBytes / keys),
    "dataset.bytes": engine.usedBytes,
    "allocator.allocated": heapBytes,
    "allocator.active": residentBytes,
    "allocator.resident": residentBytes,
    "fragmentation.bytes": Math.max(0, residentBytes - usedBytes)
  }
  const shares = {
    "dataset.percentage": usedBytes === 0 ? 0 : (100 * engine.usedBytes) / usedBytes,
    "peak.percentage": peakBytes === 0 ? 0 : (100 * usedBytes) / peakBytes,
    fragmentation: usedBytes === 0 ? 0 : residentBytes / usedBytes
  }
  out.map(Object.keys(whole).length + Object.keys(shares).length)
  for (const [name, value] of Object.entries(whole)) {
    out.bulk(name)
    out.integer(value)
  }
  for (const [name, value] of Object.entries(shares)) {
    out.bulk(name)
    out.double(value)
  }
}

const memoryHelp = Help.of("MEMORY", [
  "DOCTOR",
  "    Return memory problems reports.",
  "MALLOC-STATS",
  "    Return internal statistics report from the memory allocator.",
  "PURGE",
  "    Attempt to purge dirty pages for reclamation by the allocator.",
  "STATS",
  "    Return information about the memory usage of the server.",
  "USAGE <key> [SAMPLES <count>]",
  "    Return memory in bytes used by <key> and its value. Nested values are",
  "    sampled up to <count> times (default: 5, 0 means sample all)."
])

const healthy =
  "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"

export const handlers: Readonly<Record<string, Handler>> = {
  "latency|doctor": latencyDoctor,
  "latency|graph": latencyGraph,
  "latency|help": latencyHelp,
  "latency|histogram": latencyHistogram,
  "latency|history": latencyHistory,
  "latency|latest": latencyLatest,
  "latency|reset": ({ argv, out, server }) => out.integer(server.latency.reset(argv.slice(2))),
  "memory|doctor": ({ out }) => out.verbatim("txt", healthy),
  "memory|help": memoryHelp,
  "memory|malloc-stats": ({ out }) => out.verbatim("txt", "Stats not supported for the current allocator"),
  "memory|purge": ({ out }) => out.ok(),
  "memory|stats": memoryStats,
  "memory|usage": memoryUsage,
  "slowlog|get": slowlogGet,
  "slowlog|help": slowlogHelp,
  "slowlog|len": ({ out, server }) => out.integer(server.slowlog.length),
  "slowlog|reset": ({ out, server }) => {
    server.slowlog.reset()
    out.ok()
  }
}
