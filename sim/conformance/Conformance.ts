/**
 * Conformance: whether a trace is a behaviour of a Quint specification. The specification decides, step by step, in
 * Quint's own evaluator: each event of the trace is put into its variable `event`, and its action `replay` must be
 * enabled. Nothing of the protocol is known here.
 *
 * A module that traces are checked with has the actions `begin` and `replay`, the value `objections`, and the operators
 * `possible`, `view`, `inbox` and `outbox` of a node; see models/quint/LeaseRegisterTrace.qnt.
 *
 * Source: validating traces against a specification, as Cirstea, Kuppe, Loillier and Merz do with TLA+ ("Validating
 * Traces of Distributed Programs Against TLA+ Specifications", 2024).
 */
import type { Recording } from "#reports/Recording.ts"
import * as Quint from "./Quint.ts"

/** One step that the trace tells of. */
export interface Step {
  readonly atMicros: number
  readonly node: number
  /** A few words for a person. */
  readonly words: string
  /** A value of the specification's type `Event`. */
  readonly event: Quint.Json
  /** The node's state as the trace has it, when it has it: a record as `view` gives it. */
  readonly view?: Quint.Json
}

/** What a mapping reads: who took part, with which options, and what was recorded. */
export type Trace = Pick<Recording, "lanes" | "options" | "events">
export type TraceEvent = Extract<Trace["events"][number], { readonly type: "trace" }>

/** How the traces of a scenario are read. */
export interface Mapping {
  /** The module, and the file of the same name in models/quint. */
  readonly module: string
  /** Options of the run that make its nodes tell enough. */
  readonly options: Readonly<Record<string, boolean>>
  readonly constants: (trace: Trace) => Readonly<Record<string, number>>
  readonly steps: (trace: Trace) => ReadonlyArray<Step>
}

export interface Divergence {
  readonly index: number
  readonly step: Step
  /** The same node's step before. */
  readonly before: Step | undefined
  readonly objections: ReadonlyArray<string>
  /** Fields of the node's state in which the two differ. */
  readonly differences: ReadonlyArray<{ readonly field: string; readonly specified: string; readonly traced: string }>
  /** The specification's state of the node before the step, and what it could do. */
  readonly view: string
  readonly inbox: string
  readonly outbox: string
  readonly possible: string
}

export interface Verdict {
  readonly steps: number
  readonly divergence: Divergence | undefined
}

/** A specification's instance for one run, in `folder` of the specifications. */
export const instance = (folder: string, mapping: Mapping, trace: Trace): Quint.Specification => {
  const constants = Object.entries(mapping.constants(trace)).map(([name, value]) => `${name} = ${value}`)
  const given = constants.length === 0 ? "" : `(${constants.join(", ")})`
  const text = `module Run { import ${mapping.module}${given}.* from "./${mapping.module}" }`
  return new Quint.Source({ folder, name: "Run.qnt", text }).specification("Run", 0n)
}

const diverges = (specification: Quint.Specification, steps: ReadonlyArray<Step>, index: number): Divergence => {
  const step = steps[index]
  const evaluate = (text: string): Quint.Value => specification.evaluate(specification.expression(text))
  const view = evaluate(`view(${step.node})`)
  const traced = step.view === undefined ? view : Quint.toValue(step.view)
  const differences = Quint.fields(view).flatMap(([field, value]) => {
    const other = Quint.field(traced, field)
    return value.equals(other) ? [] : [{ field, specified: Quint.show(value), traced: Quint.show(other) }]
  })
  return {
    index,
    step,
    before: steps.slice(0, index).findLast((other) => other.node === step.node),
    objections: Quint.texts(evaluate("objections")),
    differences,
    view: Quint.show(view),
    inbox: Quint.show(evaluate(`inbox(${step.node})`)),
    outbox: Quint.show(evaluate(`outbox(${step.node})`)),
    possible: Quint.show(evaluate(`possible(${step.node})`))
  }
}

/** Follows the steps as far as the specification does. `told` is called before each. */
export const check = (
  specification: Quint.Specification,
  steps: ReadonlyArray<Step>,
  told: (index: number) => void = () => {}
): Verdict => {
  specification.begin(specification.expression("begin"))
  const replay = specification.expression("replay")
  for (let index = 0; index < steps.length; index++) {
    told(index)
    specification.put("event", Quint.toValue(steps[index].event))
    if (!specification.act(replay)) return { steps: index, divergence: diverges(specification, steps, index) }
  }
  return { steps: steps.length, divergence: undefined }
}
