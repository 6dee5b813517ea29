/**
 * `npm run jepsen`: one run on real processes, from its arguments to its page. Whatever happens, no process outlives it: not at ctrl-C, not at a
 * failure of its own.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import { drawPlan } from "#sim/run/Swarm.ts"
import { describe, exitCodes, UsageError } from "../CliError.ts"
import * as Finish from "../Finish.ts"
import * as JournalFile from "../JournalFile.ts"
import * as Registry from "../Registry.ts"
import * as Terminal from "../Terminal.ts"
import * as Tree from "../Tree.ts"
import * as Arguments from "./Arguments.ts"
import * as Cluster from "./Cluster.ts"
import * as Machine from "./Machine.ts"
import { Mesh } from "./Mesh.ts"
import { type Ran, Run } from "./Run.ts"
import * as Strikes from "./Strikes.ts"

/** A copy of the tree with the bug in it. */
const plant = (patch: string): string => {
  const file = [resolve(patch), resolve(process.env.INIT_CWD ?? ".", patch)].find((path) => existsSync(path))
  if (file === undefined) throw new UsageError({ message: `--mutant ${patch}: there is no such file.` })
  const tree = Tree.copy()
  const problem = Tree.apply(tree, file)
  if (problem === undefined) return tree
  Tree.remove(tree)
  throw new UsageError({ message: `--mutant ${patch}: does not apply to today's code.\n${problem}` })
}

/** The logs of a run that somebody has to look at. */
const keepLogs = (directory: string, { nodes, scenario, seed }: Arguments.Arguments): string => {
  const folder = JournalFile.pathOf({ scenario, seed }, "reports", ".logs")
  mkdirSync(folder, { recursive: true })
  for (let node = 0; node < nodes; node++) {
    const log = Cluster.logOf(directory, node)
    if (existsSync(log)) copyFileSync(log, join(folder, basename(log)))
  }
  return folder
}

const play = async (asked: Arguments.Arguments, tree: string, directory: string): Promise<() => Ran> => {
  const { clients, durationMicros, faults, nodes, seed } = asked
  const scenario = await Registry.load(asked.scenario)
  const plan = drawPlan(scenario, { seed, nodes, clients, durationMicros, faults: [] })
  const strikes = Strikes.draw({ seed, nodes, durationMicros, kinds: faults })
  const machine = Machine.prepare(directory, nodes, faults)
  const mesh = new Mesh(Math.random)
  const reproduce = `npm run jepsen -- ${asked.flags}`
  const run = new Run({ scenario, plan, strikes, directory, reproduce, said: Terminal.progress })
  try {
    const cluster: Cluster.Cluster = await Cluster.make(
      {
        tree,
        directory,
        seed,
        nodes,
        clients,
        environment: (node) => machine.environment(node),
        hooks: (node) => run.hooks(node, () => void cluster.processes[node].start())
      },
      mesh
    )
    const abandon = (): void => {
      cluster.abandon()
      machine.close()
    }
    // Before the directory goes.
    process.prependOnceListener("exit", abandon)
    try {
      const faults = await run.play(cluster, mesh, machine)
      return () => run.judge(faults)
    } finally {
      await cluster.end()
      process.removeListener("exit", abandon)
    }
  } finally {
    mesh.close()
    machine.close()
    Terminal.progressDone()
  }
}

const runOnce = async (asked: Arguments.Arguments): Promise<number> => {
  const tree = asked.mutant === undefined ? Tree.root : plant(asked.mutant)
  const directory = mkdtempSync(join(tmpdir(), "orbit-jepsen-"))
  const clean = (): void => {
    if (!asked.keep) rmSync(directory, { recursive: true, force: true })
    if (tree !== Tree.root) Tree.remove(tree)
  }
  const interrupt = (): void => {
    Terminal.progressDone()
    process.exit(exitCodes.interrupted)
  }
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt).once("exit", clean)
  const judge = await play(asked, tree, directory)
  // There are no children any more, and who judges hears nothing: a signal ends it at once.
  process.removeListener("SIGINT", interrupt).removeListener("SIGTERM", interrupt)
  const { recording, result } = judge()
  const isRed = result.verdict !== "pass"
  const logs = isRed ? keepLogs(directory, asked) : undefined
  const report = isRed || asked.report ? await Finish.writeReport(recording, ".jepsen") : undefined
  const plan = { nodes: asked.nodes }
  const more = { ...(logs !== undefined && { logs }), ...(asked.keep && { directory }) }
  Finish.show({ result, plan, ...(report !== undefined && { report }), more }, { json: asked.json })
  if (!asked.json && logs !== undefined) Terminal.print(`  logs       ${logs}`)
  if (!asked.json && asked.keep) Terminal.print(`  directory  ${directory}`)
  return Finish.exitCode(result.verdict)
}

/** Ends with the process's exit code. */
export const main = async (given: ReadonlyArray<string>): Promise<number> => {
  try {
    const asked = Arguments.parse(given)
    if (asked === undefined) {
      Terminal.print(Arguments.help)
      return exitCodes.pass
    }
    if (asked.json) Terminal.note(Arguments.heading(asked))
    else Terminal.print(Arguments.heading(asked))
    return await runOnce(asked)
  } catch (error) {
    if (error instanceof UsageError) {
      Terminal.note(`${error.message}\n"npm run jepsen -- --help" shows what there is.`)
      return exitCodes.usage
    }
    Terminal.note(`The harness broke: ${describe(error)}`)
    return exitCodes.error
  }
}
