/**
 * `sim conform`: checks a run's trace against the Quint specification of its protocol. Exit 0: it is a behaviour of the
 * specification. 1: it is none, from the step that is shown on.
 */
import path from "node:path"
import * as Conformance from "#sim/conformance/Conformance.ts"
import { exitCodes, SimulatorError, UsageError } from "./CliError.ts"
import * as Engine from "./Engine.ts"
import { counted } from "./Format.ts"
import type { RunFlags } from "./Request.ts"
import * as Subject from "./Subject.ts"
import * as Suggest from "./Suggest.ts"
import * as Terminal from "./Terminal.ts"
import * as Tree from "./Tree.ts"

export interface Input {
  readonly file: string | undefined
  readonly flags: RunFlags
  readonly json: boolean
}

const lease = async () => (await import("#scenarios/register/LeaseConformance.ts")).mapping
const txn = async () => (await import("#scenarios/txn/TxnConformance.ts")).mapping
const saga = async () => (await import("#scenarios/saga/SagaConformance.ts")).mapping
const raft = async () => (await import("#scenarios/raft/RaftConformance.ts")).mapping

/** The scenarios whose traces have a specification. */
const mappings: Readonly<Record<string, () => Promise<Conformance.Mapping>>> = {
  "register/lease": lease,
  "canary/double-grant": lease,
  "raft/kv": raft,
  "raft/kv-lease": raft,
  "raft/restart": raft,
  "raft/snapshots": raft,
  "raft/transfer": raft,
  "raft/lease": raft,
  "raft/lease-clocks": raft,
  "raft/churn": raft,
  "raft/exile": raft,
  "raft/membership": raft,
  "raft/halves": raft,
  "raft/stalls": raft,
  "txn/bank": txn,
  "txn/list-append": txn,
  "txn/rw-register": txn,
  "txn/snapshot": txn,
  "txn/read-committed": txn,
  "txn/cycle": txn,
  "txn/write-skew": txn,
  "txn/deadlock": txn,
  "txn/abandoned": txn,
  "saga/orders": saga
}

const folder = path.join(Tree.root, "models/quint")

const mappingOf = async (scenario: string): Promise<Conformance.Mapping> => {
  const load = mappings[scenario]
  if (load !== undefined) return load()
  const known = Object.keys(mappings)
  throw new UsageError({
    message: `${scenario} has no specification that traces are checked against; these have: ${known.join(", ")}.${Suggest.sentence(scenario, known)}`
  })
}

const millis = (micros: number): string => `${(micros / 1_000).toFixed(3)} ms`

const indented = (text: string): string => text.replaceAll("\n", "\n    ")

const told = (divergence: Conformance.Divergence, steps: number): string => {
  const { before, differences, inbox, index, objections, outbox, possible, step, view } = divergence
  const { bold, red } = Terminal.paint
  const lines = [
    `${red("DIVERGES")} at step ${index + 1} of ${steps}: ${millis(step.atMicros)} ${bold(`n${step.node} ${step.words}`)}`,
    ...objections.map((objection) => `  not so: ${objection}`),
    ...differences.map(({ field, specified, traced }) => `  ${field}: specified ${specified}, traced ${traced}`)
  ]
  if (before !== undefined) lines.push(`  n${step.node} before that: ${millis(before.atMicros)} ${before.words}`)
  lines.push(
    `  the specification's n${step.node} at that time\n    ${indented(view)}`,
    `  what it could do: ${possible}`,
    `  what may reach it\n    ${indented(inbox)}`,
    `  what waits for its disk\n    ${indented(outbox)}`
  )
  return lines.join("\n")
}

export const main = async (input: Input): Promise<number> => {
  const engine = await Engine.load()
  const subject = await Subject.resolve(engine, input.file, input.flags)
  const mapping = await mappingOf(subject.scenario.name)
  const plan = { ...subject.plan, options: { ...subject.plan.options, ...mapping.options } }
  const { recording, result } = engine.run(subject.scenario, plan, { ...Subject.replaying(subject), record: true })
  if (recording === undefined || result.verdict === "error") {
    throw new SimulatorError({
      message: `The run broke: ${result.checks.map((check) => check.detail).join("; ")}`
    })
  }
  const steps = mapping.steps(recording)
  const verdict = Conformance.check(Conformance.instance(folder, mapping, recording), steps, (index) =>
    Terminal.progress(() => `step ${index} of ${steps.length}`)
  )
  Terminal.progressDone()
  const conforms = verdict.divergence === undefined
  const { scenario, seed } = result
  if (input.json) {
    const { divergence } = verdict
    Terminal.print(
      JSON.stringify({ scenario, seed, conforms, steps: verdict.steps, truncated: recording.truncated, divergence })
    )
  } else {
    Terminal.print(`${scenario} · seed ${seed} · ${counted(plan.nodes, "node")} · models/quint/${mapping.module}.qnt`)
    if (verdict.divergence !== undefined) Terminal.print(told(verdict.divergence, steps.length))
    else
      Terminal.print(
        `${Terminal.paint.green("conforms")}: ${counted(verdict.steps, "step")}, all of them the specification's`
      )
    if (recording.truncated)
      Terminal.print("The recording is full: what came later was not checked. A shorter --for helps.")
  }
  return conforms ? exitCodes.pass : exitCodes.fail
}
