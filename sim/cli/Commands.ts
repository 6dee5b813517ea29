/**
 * Commands: the command line as a tree of names, flags and examples. The work behind a command is loaded when it is
 * chosen: help and refusals stay quick.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { describe, SimulatorError, UsageError } from "./CliError.ts"

/** What is typed before the flags; examples and usage lines say it whole. */
const program = "npm run sim --"

/** Loads a command's module, runs it and leaves its exit code with the process. */
const lazily = <Input>(
  load: () => Promise<{ readonly main: (input: Input) => Promise<number> }>,
  input: Input
): Effect.Effect<void, UsageError | SimulatorError> =>
  Effect.tryPromise({
    try: async () => {
      const { main } = await load()
      process.exitCode = await main(input)
    },
    catch: (error) =>
      error instanceof UsageError || error instanceof SimulatorError
        ? error
        : new SimulatorError({ message: describe(error) })
  })

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )
const textOr = (name: string, metavar: string, otherwise: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(`${description}; default: ${otherwise}`),
    Flag.withDefault(otherwise)
  )
const whole = (name: string, metavar: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )
const onOff = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDescription(description), Flag.withDefault(false))
const argument = (name: string, description: string) =>
  Argument.String(name).pipe(
    Argument.withDescription(description),
    Argument.optional,
    Argument.map(Option.getOrUndefined)
  )
const example = (flags: string, description: string) => ({ command: `${program} ${flags}`, description })

const json = onOff("json", "Print one JSON object as the last line of the output")
const report = onOff("report", "Write a page with the space-time diagram to .orbit/reports")
const jobs = whole("jobs", "J", "Worker processes; default: one a core")

const shapeFlags = {
  nodes: whole("nodes", "N", "Servers of the cluster; default: drawn from the seed"),
  for: text("for", "DURATION", "Virtual time under faults: 500ms, 10s, 10m, 1h; default: the scenario's own"),
  faults: text(
    "faults",
    "LIST|none",
    'Exactly these faults, as in partition,crash; see "list faults"; default: drawn from the seed'
  ),
  policy: text("policy", "NAME", "Scheduling policy: fifo, uniform, pct, starve; default: drawn from the seed")
}
const runFlags = {
  scenario: text("scenario", "NAME", 'What to run; see "list"; default: register/lease'),
  seed: text("seed", "SEED", "Any text or number, a commit hash too; default: one is drawn and printed first"),
  ...shapeFlags
}

const list = Command.make(
  "list",
  { topic: argument("scenarios|faults|policies", "What to list; all when left away"), json },
  (input) => lazily(() => import("./ListCommand.ts"), input)
).pipe(
  Command.withDescription("List scenarios, faults and scheduling policies"),
  Command.withExamples([example("list", "Everything that has a name"), example("list faults", "Only the faults")])
)

const swarm = Command.make(
  "swarm",
  {
    ...shapeFlags,
    scenario: text("scenario", "NAME,...", "Scenarios to run, each on every seed; default: all but canaries"),
    seeds: whole("seeds", "N", "How many seeds; default: 100, or as many as the budget allows"),
    jobs,
    from: text("from", "SEED", "The first seed: a number counts up, a text gets /1, /2, ...; default: drawn"),
    budget: text("budget", "DURATION", "Stop after this wall time: 60s, 10m"),
    json
  },
  (input) => lazily(() => import("./SwarmCommand.ts"), input)
).pipe(
  Command.withDescription("Run many seeds on all cores and show each different failure once, with its first seed"),
  Command.withShortDescription("Run many seeds on all cores"),
  Command.withExamples([
    example("swarm --seeds 1000", "A thousand seeds of every scenario"),
    example("swarm --budget 10m --scenario register/lease,counter/durable", "Two scenarios for ten minutes"),
    example("swarm --from 1 --seeds 200 --jobs 2 --json", "The same seeds every time, for a script")
  ])
)

const smoke = Command.make(
  "smoke",
  { scenario: text("scenario", "NAME,...", "Only these; default: all"), json },
  (input) => lazily(() => import("./SmokeCommand.ts"), input)
).pipe(
  Command.withDescription(
    "Every scenario on fixed seeds and one of the present commit, each in two processes; canaries must fail by their judge"
  ),
  Command.withShortDescription("Every scenario on a few seeds, twice"),
  Command.withExamples([example("smoke", "What every commit must pass")])
)

const replay = Command.make(
  "replay",
  {
    file: Argument.String("FILE").pipe(Argument.withDescription("A journal, as a failed run writes it")),
    json,
    report
  },
  (input) => lazily(() => import("./ReplayCommand.ts"), input)
).pipe(
  Command.withDescription("Run a journal again on today's code; nothing is drawn"),
  Command.withExamples([
    example("replay .orbit/journals/register-lease-42.json", "The failed run of seed 42, decision by decision")
  ])
)

const file = argument("FILE", "A journal; or name the run by --scenario and --seed")

const shrink = Command.make(
  "shrink",
  { file, flags: runFlags, budget: textOr("budget", "DURATION", "30s", "Wall time to spend"), json },
  (input) => lazily(() => import("./ShrinkCommand.ts"), input)
).pipe(
  Command.withDescription(
    "Make a failing run small: fewer faults, operations, nodes and surprises while the same judge fires. Writes a journal and a page; exit 0 when it did."
  ),
  Command.withShortDescription("Make a failing run small"),
  Command.withExamples([
    example("shrink .orbit/journals/register-lease-42.json", "Shrink the run of a journal"),
    example("shrink --scenario canary/double-grant --seed 7 --budget 60s", "Shrink the run of a seed")
  ])
)

const explain = Command.make("explain", { file, flags: runFlags, json, report }, (input) =>
  lazily(() => import("./ExplainCommand.ts"), input)
).pipe(
  Command.withDescription(
    "Tell a run as a story in text, up to the event that the judge points at. Exit 0 when it did."
  ),
  Command.withShortDescription("Tell a run as a story in text"),
  Command.withExamples([
    example("explain .orbit/journals/register-lease-42.json", "What happened in the failed run of seed 42"),
    example("explain --scenario canary/double-grant --seed 7 --report", "The same as a page, too")
  ])
)

const conform = Command.make("conform", { file, flags: runFlags, json }, (input) =>
  lazily(() => import("./ConformCommand.ts"), input)
).pipe(
  Command.withDescription(
    "Check a run's trace, step by step, against the Quint specification of its protocol. Exit 0: it is one of its behaviours. 1: it is none; shows the first step that is not the specification's."
  ),
  Command.withShortDescription("Check a run's trace against its specification"),
  Command.withExamples([
    example("conform --scenario register/lease --seed 42 --for 2s", "Two virtual seconds of the leased register"),
    example("conform --scenario txn/bank --seed 1 --for 2s", "All transactions of two virtual seconds"),
    example("conform --scenario canary/double-grant --seed 45", "A planted bug, and where it leaves the specification")
  ])
)

const mutants = Command.make(
  "mutants",
  {
    only: text("only", "NAME,...", "Only these patches of sim/mutants, by name without .patch"),
    patch: text("patch", "FILE", "Grade a patch from anywhere"),
    budget: textOr("budget", "DURATION", "60s", "Wall time for each bug, on all cores"),
    from: textOr("from", "SEED", "1", "The first seed"),
    jobs,
    json
  },
  (input) => lazily(() => import("./MutantsCommand.ts"), input)
).pipe(
  Command.withDescription(
    "Plant known bugs, one at a time in a copy of the tree, and tell whether the simulator finds them; the same seeds must pass without the bug"
  ),
  Command.withShortDescription("Plant known bugs and look whether they are found"),
  Command.withExamples([
    example("mutants", "All patches of sim/mutants, a minute each"),
    example("mutants --patch /tmp/bug.patch --budget 20s --json", "A patch from anywhere, for a script")
  ])
)

const comparison = (seeds: number) => ({
  scenario: text("scenario", "NAME,...", "Scenarios that the seeds are dealt to; default: all but canaries"),
  seeds: Flag.Int("seeds").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(`How many seeds; default: ${seeds}`),
    Flag.withDefault(seeds)
  ),
  from: textOr("from", "SEED", "1", "The first seed"),
  json
})

const determinism = Command.make("determinism", comparison(1_000), (input) =>
  lazily(() => import("./DeterminismCommand.ts"), input)
).pipe(
  Command.withDescription(
    "Run seeds in two processes and in opposite orders: equal trace hashes, different seeds different ones, the same after 50 other runs"
  ),
  Command.withShortDescription("Check that a seed is one history"),
  Command.withExamples([example("determinism --seeds 200", "Two hundred seeds, dealt to the scenarios")])
)

const versions = Command.make(
  "versions",
  {
    ...comparison(200),
    node: text("node", "PATH", "The other Node.js; default: the machine's own, or one from the package registry")
  },
  (input) => lazily(() => import("./VersionsCommand.ts"), input)
).pipe(
  Command.withDescription("Run seeds on this Node.js and on one of another major version: equal trace hashes"),
  Command.withShortDescription("Check a seed on another Node.js"),
  Command.withExamples([example("versions", "Two hundred seeds on the machine's own Node.js")])
)

/** The whole command line. */
export const sim = Command.make(
  program,
  {
    ...runFlags,
    real: onOff(
      "real",
      "Run on the real machine: loopback, a temporary directory, real clocks; of the faults only crash and stop"
    ),
    port: whole("port", "P", "With --real: the first port to listen on; default: free ones"),
    json,
    report
  },
  (input) => lazily(() => import("./RunCommand.ts"), input)
).pipe(
  Command.withDescription(
    "Run a scenario in the deterministic simulator: one seed, one history.\n  Exit 0: passed. 1: failed. 2: not as typed. 3: the simulator itself broke."
  ),
  Command.withExamples([
    example("--seed 42", "The leased register under the faults of seed 42"),
    example("--scenario counter/durable --faults crash,lose-unsynced --for 10m", "Ten virtual minutes of crashes"),
    example("--scenario canary/double-grant --seed 7 --report", "A failure, with a page that shows it"),
    example("--scenario echo/stream --real", "The same scenario on the real machine"),
    example("swarm --budget 60s", "As many seeds as fit in a minute")
  ]),
  Command.withSubcommands([
    { group: "RUN", commands: [list, swarm, smoke] },
    { group: "UNDERSTAND A FAILED RUN", commands: [replay, shrink, explain, conform] },
    { group: "TEST THE SIMULATOR", commands: [mutants, determinism, versions] }
  ])
)
