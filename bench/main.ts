/** Bench: `npm run bench -- NAME`. Each bench measures in this process and prints a table, or one JSON object with `--json`. */
import { existsSync } from "node:fs"
import { parseArgs } from "node:util"

const help = `Measure Orbit.

USAGE
  npm run bench -- NAME [FLAGS]

BENCHES
  sim      How much faster than real time the simulator is
  judges   How fast histories are judged, beside what Porcupine and Elle have published
  storage  How fast the engines are, beside LevelDB and LMDB on the same disk
  raft     How many puts three stores replicate, beside etcd on the same machine
  wire     What messages between stores cost as bytes and over loopback, beside protobufjs
  groups   What many groups cost, idle and active, and how long a killed leader is missed
  txn      How many transfers are committed, beside PostgreSQL on the same machine; and scans
  redis    How many commands of Redis clients are answered, beside redis-server on the same machine

FLAGS
  --rounds N   Counted rounds of each measurement; the median is printed; default: 5, for storage, raft,
               txn and redis 3
  --histories DIR
               For judges: a folder with Porcupine's test data, judged too
  --quick      For storage: half a million entries instead of ten million; for redis: a tenth of the
               requests, one round
  --engine A,B For storage: only these of memory, lsm, btree, classic-level, lmdb; for txn: one of
               memory, lsm, btree; default: lsm
  --dir DIR    For storage, raft, txn and redis: where the stores are; default: a temporary directory
  --callers N,N
               How many are under way at a time: for raft puts, default: 1,64,256,1000; for txn
               transfers, default: 1,16,64
  --parts A,B  For txn: only these of one, three (transfers on so many nodes), ranges, scan
  --max-memory MIB
               For storage: only whether the LSM engine keeps to this budget, for --seconds (default: 30)
  --seconds N  For raft and txn: of each round; default: 5; for groups: of each measurement; default: 10
  --json       Print one JSON object as the last line
  --help       Print this

EXAMPLES
  npm run bench -- sim
  npm run bench -- sim --rounds 11 --json
  npm run bench -- storage --quick --engine lsm,classic-level
  npm run bench -- storage --max-memory 64 --seconds 600
  npm run bench -- judges --histories ../porcupine/test_data
  npm run bench -- raft --callers 256 --rounds 5
  npm run bench -- txn --callers 16 --parts one
`

const usage = (message: string): never => {
  process.stderr.write(`${message}\nRun "npm run bench -- --help" to see what there is.\n`)
  process.exit(2)
}

const parse = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string" },
        histories: { type: "string" },
        quick: { type: "boolean", default: false },
        engine: { type: "string" },
        dir: { type: "string" },
        callers: { type: "string" },
        parts: { type: "string" },
        "max-memory": { type: "string" },
        seconds: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const { positionals, values } = parse()
const [name = ""] = positionals
if (values.help || positionals.length === 0) {
  process.stdout.write(help)
  process.exit(values.help ? 0 : 2)
}
const benches = ["sim", "judges", "storage", "raft", "wire", "groups", "txn", "redis"]
if (positionals.length > 1 || !benches.includes(name)) usage(`There is no bench "${positionals.join(" ")}".`)

/** A flag's whole number, or `otherwise`. */
const whole = (flag: "rounds" | "max-memory" | "seconds", most: number, otherwise: number): number => {
  const given = values[flag]
  const number = given === undefined ? otherwise : Number(given)
  if (!Number.isInteger(number) || number < 1 || number > most)
    usage(`--${flag} takes a whole number from 1 to ${most}, not "${given}".`)
  return number
}

const { dir, engine, histories, quick } = values
const rounds = whole(
  "rounds",
  1_000,
  ["storage", "raft", "txn", "redis"].includes(name) ? (name === "redis" && quick ? 1 : 3) : 5
)
if (histories !== undefined && name !== "judges") usage("--histories is for judges.")
if (quick && !["storage", "redis"].includes(name)) usage("--quick is for storage and redis.")
if (values["max-memory"] !== undefined && name !== "storage") usage("--max-memory is for storage.")
if (engine !== undefined && !["storage", "txn"].includes(name)) usage("--engine is for storage and txn.")
const ofServers = ["storage", "raft", "groups", "txn"]
if (values.seconds !== undefined && !ofServers.includes(name)) usage("--seconds is for storage, raft, groups and txn.")
if (dir !== undefined && ![...ofServers, "redis"].includes(name)) {
  usage("--dir is for storage, raft, groups, txn and redis.")
}
if (values.callers !== undefined && !["raft", "txn"].includes(name)) usage("--callers is for raft and txn.")
if (values.parts !== undefined && name !== "txn") usage("--parts is for txn.")

const judges = async (): Promise<string> => {
  if (histories !== undefined && !existsSync(histories)) usage(`--histories ${histories}: there is no such folder.`)
  const { bench, render } = await import("./Judges.ts")
  const report = bench({ rounds, histories })
  return values.json ? JSON.stringify(report) : render(report)
}

const sim = async (): Promise<string> => {
  const { bench, render } = await import("./Sim.ts")
  const report = bench({ rounds })
  return values.json ? JSON.stringify(report) : render(report)
}

const progress = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

const storage = async (): Promise<string> => {
  if (values["max-memory"] !== undefined) {
    const { bench, render } = await import("./StorageBudget.ts")
    const budgetMebibytes = whole("max-memory", 16_384, 64)
    const report = await bench({ budgetMebibytes, seconds: whole("seconds", 86_400, 30), directory: dir, progress })
    if (!report.kept) process.exitCode = 1
    return values.json ? JSON.stringify(report) : render(report)
  }
  const { bench, names, render } = await import("./Storage.ts")
  const engines = engine?.split(",")
  const unknown = engines?.find((one) => !names.includes(one))
  if (unknown !== undefined) usage(`--engine: there is no "${unknown}", only ${names.join(", ")}.`)
  const report = await bench({ rounds, quick, engines, directory: dir, progress })
  return values.json ? JSON.stringify(report) : render(report)
}

const callersOf = (otherwise: string, most: number): ReadonlyArray<number> => {
  const callers = (values.callers ?? otherwise).split(",").map(Number)
  if (callers.some((count) => !Number.isInteger(count) || count < 1 || count > most)) {
    usage(`--callers takes whole numbers from 1 to ${most}, not "${values.callers}".`)
  }
  return callers
}

const raft = async (): Promise<string> => {
  const callers = callersOf("1,64,256,1000", 10_000)
  const { bench, render } = await import("./Raft.ts")
  const report = await bench({ rounds, seconds: whole("seconds", 3_600, 5), callers, directory: dir, progress })
  return values.json ? JSON.stringify(report) : render(report)
}

const groups = async (): Promise<string> => {
  const { bench, render } = await import("./RaftGroups.ts")
  const report = await bench({ seconds: whole("seconds", 3_600, 10), directory: dir, progress })
  return values.json ? JSON.stringify(report) : render(report)
}

const txn = async (): Promise<string> => {
  const { bench, parts: all, render } = await import("./Txn.ts")
  const given = values.parts?.split(",") ?? all
  const wanted = all.filter((part) => given.includes(part))
  if (wanted.length !== given.length) usage(`--parts takes some of ${all.join(", ")}, not "${values.parts}".`)
  const chosen = engine ?? "lsm"
  if (!["memory", "lsm", "btree"].includes(chosen)) usage(`--engine: there is no "${chosen}" for txn.`)
  const report = await bench({
    rounds,
    seconds: whole("seconds", 3_600, 5),
    // As many as PostgreSQL has connections for.
    clients: callersOf("1,16,64", 90),
    engine: chosen,
    parts: wanted,
    directory: dir,
    progress
  })
  return values.json ? JSON.stringify(report) : render(report)
}

const redis = async (): Promise<string> => {
  const { bench, render } = await import("./Redis.ts")
  const report = await bench({ rounds, quick, directory: dir, progress })
  return values.json ? JSON.stringify(report) : render(report)
}

const wire = async (): Promise<string> => {
  const { bench, render } = await import("./Wire.ts")
  const report = await bench({ rounds })
  return values.json ? JSON.stringify(report) : render(report)
}

const text = await { judges, sim, storage, raft, wire, groups, txn, redis }[name as "judges"]()
process.stdout.write(`${text}\n`)
