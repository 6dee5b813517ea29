/** The arguments of `npm run jepsen`, read by Node.js itself, and what is wrong with them. */
import { parseArgs } from "node:util"
import type { Kind } from "#sim/faults/Fault.ts"
import { UsageError } from "../CliError.ts"
import { counted, shell } from "../Format.ts"
import * as Parse from "../Parse.ts"
import * as Registry from "../Registry.ts"
import * as Seeds from "../Seeds.ts"
import * as Suggest from "../Suggest.ts"
import * as Strikes from "./Strikes.ts"

export const help = `Run a scenario's clients and judges on real processes, under faults.

Each node is a process of src/server/main.ts with a directory and ports of its own on
loopback; a proxy stands in front of every link between nodes, and between clients and
nodes. Faults are drawn from the seed, two of three aimed at the node that has the data;
then everything heals, each client performs its last operations, and the history is judged.

USAGE
  npm run jepsen -- [FLAGS]

FLAGS
  --scenario NAME  One of those whose clients speak with the server's own doors;
                   default: redis/cells
  --for TIME       How long faults strike; default: 60s
  --nodes N        Default: 3
  --clients N      Default: 5
  --seed SEED      The same seed, the same operations and the same faults at the same
                   times; what happens under them is the machine's affair
  --faults A,B     Of ${Strikes.kinds.join(", ")}; or none.
                   default: all of them but disk-full (each node's data lies on a small
                   tmpfs: needs the right to mount) and step (clocks jump: needs
                   libfaketime)
  --mutant FILE    The server runs from a copy of the tree to which this patch is applied
  --report         Write the page of the run, also when it passes
  --keep           Keep the directory of the run: data and logs
  --json           One JSON object as the last line
  --help           This text

EXIT CODES
  0 passed, 1 failed, 2 a mistake on the command line, 3 the harness broke, 130 ctrl-C

EXAMPLES
  npm run jepsen -- --scenario redis/cells --for 60s
  npm run jepsen -- --for 60s --faults crash,pause,partition --seed 7 --report
  npm run jepsen -- --nodes 5 --for 5m --json
  npm run jepsen -- --scenario redis/registers --for 10s --clients 3
  npm run jepsen -- --mutant sim/mutants/redis-ack-before-stored.patch --faults crash

  Histories of several keys at once are judged as a whole: with many unknown outcomes in
  them that takes minutes, or ends undecided. Keep such runs short.`

export interface Arguments {
  readonly scenario: string
  readonly seed: string
  readonly nodes: number
  readonly clients: number
  readonly durationMicros: number
  readonly faults: ReadonlyArray<Kind>
  readonly mutant: string | undefined
  readonly report: boolean
  readonly keep: boolean
  readonly json: boolean
  /** The flags that give this again. */
  readonly flags: string
}

/** Their clients come in by the doors that `src/server` opens. */
const suits = (name: string): boolean => name.startsWith("redis/")

const nodesMax = 9
const clientsMax = 100

const read = (given: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...given],
      options: {
        scenario: { type: "string", default: "redis/cells" },
        for: { type: "string", default: "60s" },
        nodes: { type: "string", default: "3" },
        clients: { type: "string", default: "5" },
        seed: { type: "string" },
        faults: { type: "string" },
        mutant: { type: "string" },
        report: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch (error) {
    throw new UsageError({ message: (error as Error).message })
  }
}

const faultsOf = (text: string | undefined): ReadonlyArray<Kind> => {
  if (text === undefined) return Strikes.usual
  const named = Parse.faults(text)
  const foreign = named.find((kind) => !Strikes.kinds.includes(kind))
  if (foreign === undefined) return named
  throw new UsageError({
    message: `--faults ${foreign}: only the simulator can do that. To processes: ${Strikes.kinds.join(", ")}.`
  })
}

/** `undefined`: only help is wanted. Throws `UsageError`. */
export const parse = (given: ReadonlyArray<string>): Arguments | undefined => {
  const values = read(given)
  if (values.help) return undefined
  const { scenario } = values
  const suited = Registry.names().filter(suits)
  if (!suited.includes(scenario)) {
    throw new UsageError({
      message: `--scenario ${scenario}: no scenario of the server's own clients.${Suggest.sentence(scenario, suited)} There are ${suited.join(", ")}.`
    })
  }
  const seed = values.seed === undefined ? Seeds.draw() : Parse.seed("--seed", values.seed)
  const nodes = Parse.count("--nodes", Number(values.nodes), { min: 1, max: nodesMax })
  const clients = Parse.count("--clients", Number(values.clients), { min: 1, max: clientsMax })
  const said = [
    `--scenario ${shell(scenario)} --seed ${shell(seed)} --for ${shell(values.for)}`,
    `--nodes ${nodes} --clients ${clients}`,
    ...(values.faults === undefined ? [] : [`--faults ${shell(values.faults)}`]),
    ...(values.mutant === undefined ? [] : [`--mutant ${shell(values.mutant)}`])
  ]
  return {
    scenario,
    seed,
    nodes,
    clients,
    durationMicros: Parse.durationMicros("--for", values.for),
    faults: faultsOf(values.faults),
    mutant: values.mutant,
    report: values.report,
    keep: values.keep,
    json: values.json,
    flags: said.join(" ")
  }
}

/** What is about to run, in a line. */
export const heading = ({ clients, faults, nodes, scenario, seed }: Arguments): string =>
  [
    scenario,
    `seed ${seed}`,
    nodes === 1 ? "1 process" : `${nodes} processes`,
    counted(clients, "client"),
    faults.length === 0 ? "no faults" : faults.join(", ")
  ].join(" · ")
