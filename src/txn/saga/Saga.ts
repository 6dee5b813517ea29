/**
 * Saga: the definition of a saga as a value: its input, its steps, and how each is undone.
 *
 *   const reserve = Saga.local("reserve", { result: Schema.Int, run: ({ input, transaction }: Saga.LocalContext<Order>) => ... })
 *   const order = Saga.make("order", { version: 1, input: Order, steps: [reserve, Saga.parallel([pack], [charge]), ship] })
 *
 * Three kinds of steps:
 *   local     works on the keyspace, in the transaction that journals it: exactly once
 *   external  works elsewhere, at least once for each attempt that began; `key` is the same each time, and tells repetitions
 *   child     another saga, which is undone as a whole
 *
 * What a saga has journalled means something only to the steps that it was started with: other steps, or another schema, are another version.
 * Definitions of older versions stay as long as there are sagas of them.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import { Transaction } from "../Transaction.ts"
import * as SagaPlan from "./SagaPlan.ts"
import * as SagaValue from "./SagaValue.ts"

export interface Context<out I> {
  readonly id: string
  /** The same in every attempt, and nobody else's: the saga's id and the step's name. */
  readonly key: string
  readonly input: I
  /** 1, then one more with each. */
  readonly attempt: number
  /** Of a step that is before this one. */
  readonly result: <A>(step: Step<never, A, unknown>) => A
}

export interface LocalContext<out I> extends Context<I> {
  readonly transaction: Transaction["Service"]
}

interface Work<in I, out R> {
  /** Its result, as bytes. */
  readonly run: (context: Context<I>) => Effect.Effect<Uint8Array, unknown, R>
  /** Without a result: it is in doubt. */
  readonly undo:
    | ((context: Context<I>, result: Uint8Array | undefined) => Effect.Effect<unknown, unknown, R>)
    | undefined
  /** Of one attempt at it, or at undoing it. */
  readonly timeoutMillis: number
}

interface Child<in I> {
  readonly definition: Any
  readonly input: (context: Context<I>) => Effect.Effect<Uint8Array, unknown>
}

export interface Step<in I, out A, out R> extends SagaPlan.Given {
  readonly type: "step"
  readonly decode: (bytes: Uint8Array) => A
  readonly work: Work<I, R> | undefined
  readonly child: Child<I> | undefined
}

export interface Parallel<in I, out R> {
  readonly type: "parallel"
  readonly branches: ReadonlyArray<ReadonlyArray<Node<I, R>>>
}

export type Node<I, R> = Step<I, unknown, R> | Parallel<I, R>

export interface Definition<I, O, R> {
  readonly name: string
  readonly version: number
  readonly plan: SagaPlan.Plan
  /** By number. */
  readonly steps: ReadonlyArray<Step<I, unknown, R>>
  readonly input: SagaValue.Format<I>
  readonly output: SagaValue.Format<O>
  /** Of a saga that is completed. */
  readonly outputOf: (context: Context<I>) => O
}

/** A definition of whatever it is. */
export type Any = Definition<any, any, any>

/** What the steps of a definition need of their surroundings. */
export type Requirements<D> = D extends Definition<any, any, infer R> ? Exclude<R, Transaction> : never

export interface Retrying {
  readonly retry?: Partial<SagaPlan.Retry>
  /** Of its undo. */
  readonly undoRetry?: Partial<SagaPlan.Retry>
}

const retryDefault: SagaPlan.Retry = { attemptsMax: 5, pauseMillisMin: 100, pauseMillisMax: 30_000 }
const undoRetryDefault: SagaPlan.Retry = { attemptsMax: 20, pauseMillisMin: 100, pauseMillisMax: 60_000 }
const timeoutMillisDefault = 10_000

const retriesOf = (name: string, { retry, undoRetry }: Retrying) => {
  const retries = { retry: { ...retryDefault, ...retry }, undoRetry: { ...undoRetryDefault, ...undoRetry } }
  for (const { attemptsMax, pauseMillisMin } of [retries.retry, retries.undoRetry]) {
    assert(attemptsMax >= 1 && attemptsMax <= Limits.sagaAttemptsMax, `step ${name}: attemptsMax is within its bound`)
    assert(pauseMillisMin > 0, `step ${name}: there is a pause between attempts`)
  }
  return retries
}

const nameOf = (name: string): string => {
  assert(/^[^/\s]{1,100}$/.test(name) && name.isWellFormed(), `"${name}" is a name: without blanks and slashes`)
  return name
}

export interface LocalOptions<I, A, R, R2> extends Retrying {
  readonly result: Schema.Codec<A, any>
  readonly run: (context: LocalContext<I>) => Effect.Effect<NoInfer<A>, unknown, R>
  readonly undo?: (context: LocalContext<I>, result: NoInfer<A>) => Effect.Effect<unknown, unknown, R2>
  /** Of the transaction of one attempt. Default: 10,000. */
  readonly timeoutMillis?: number
}

/** A step that works on the keyspace. */
export const local = <I, A, R = never, R2 = never>(
  name: string,
  options: LocalOptions<I, A, R, R2>
): Step<I, A, R | R2 | Transaction> => {
  const format = SagaValue.of(options.result, `the result of step ${name}`)
  const { run, timeoutMillis = timeoutMillisDefault, undo } = options
  return {
    type: "step",
    name: nameOf(name),
    kind: "local",
    hasUndo: undo !== undefined,
    ...retriesOf(name, options),
    decode: format.decode,
    child: undefined,
    work: {
      timeoutMillis,
      run: (context) =>
        Effect.flatMap(Transaction, (transaction) =>
          Effect.flatMap(run({ ...context, transaction }), (value) => format.encode(value))
        ),
      undo:
        undo === undefined
          ? undefined
          : (context, result) =>
              Effect.flatMap(Transaction, (transaction) => {
                assert(result !== undefined, "a step in a transaction is not in doubt")
                return undo({ ...context, transaction }, format.decode(result))
              })
    }
  }
}

export interface ExternalOptions<I, A, R, R2> extends Retrying {
  readonly result: Schema.Codec<A, any>
  /** Repeated after any failure but `StepRejected`. It is interrupted when its saga turns round. */
  readonly run: (context: Context<I>) => Effect.Effect<NoInfer<A>, unknown, R>
  /**
   * Without a result nobody knows whether the step was done, or is on its way: then it has to see to it that it is not done any more, whatever
   * arrives later (`SagaParticipant` does). It is repeated until it succeeds.
   */
  readonly undo?: (context: Context<I>, result: NoInfer<A> | undefined) => Effect.Effect<unknown, unknown, R2>
  /** Of one attempt. Default: 10,000. */
  readonly timeoutMillis?: number
}

/** A step that works elsewhere. */
export const external = <I, A, R = never, R2 = never>(
  name: string,
  options: ExternalOptions<I, A, R, R2>
): Step<I, A, R | R2> => {
  const format = SagaValue.of(options.result, `the result of step ${name}`)
  const { run, timeoutMillis = timeoutMillisDefault, undo } = options
  return {
    type: "step",
    name: nameOf(name),
    kind: "external",
    hasUndo: undo !== undefined,
    ...retriesOf(name, options),
    decode: format.decode,
    child: undefined,
    work: {
      timeoutMillis,
      run: (context) => Effect.flatMap(run(context), (value) => format.encode(value)),
      undo:
        undo === undefined
          ? undefined
          : (context, result) => undo(context, result === undefined ? undefined : format.decode(result))
    }
  }
}

/** A step that is a saga; its result is that one's output. It is undone by undoing all of its steps. */
export const child = <I, CI, O, R>(
  name: string,
  definition: Definition<CI, O, R>,
  input: (context: Context<I>) => CI
): Step<I, O, R> => ({
  type: "step",
  name: nameOf(name),
  kind: "child",
  hasUndo: true,
  ...retriesOf(name, {}),
  decode: definition.output.decode,
  work: undefined,
  child: { definition, input: (context) => Effect.suspend(() => definition.input.encode(input(context))) }
})

/** Rows of steps, side by side. */
export const parallel = <I, R>(...branches: ReadonlyArray<ReadonlyArray<Node<I, R>>>): Parallel<I, R> => ({
  type: "parallel",
  branches
})

type ShapeOf = SagaPlan.Shape<Step<any, unknown, any>>

const shapeOf = (node: Node<any, any>): ShapeOf =>
  node.type === "step"
    ? { type: "step", step: node }
    : { type: "parallel", branches: node.branches.map((branch) => branch.map(shapeOf)) }

type RequirementsOf<N> = N extends Node<any, infer R> ? R : never

export interface Options<I, N extends ReadonlyArray<Node<I, any>>, O> {
  /** One more when steps or schemas change. */
  readonly version: number
  readonly input: Schema.Codec<I, any>
  readonly steps: N
  readonly output?: { readonly schema: Schema.Codec<O, any>; readonly of: (context: Context<NoInfer<I>>) => NoInfer<O> }
  /** From its start to the end of its last step; then it is undone. Default: none. */
  readonly timeoutMillis?: number
}

/** Asserts what is wrong with it. */
export const make = <I, const N extends ReadonlyArray<Node<I, any>>, O = void>(
  name: string,
  options: Options<I, N, O>
): Definition<I, O, RequirementsOf<N[number]>> => {
  const { input, output, steps: row, timeoutMillis, version } = options
  const { plan, steps } = SagaPlan.of(row.map(shapeOf), timeoutMillis)
  assert(steps.length >= 1 && steps.length <= Limits.sagaStepsMax, `saga ${name} has steps, and not too many`)
  assert(
    new Set(steps.map((step) => step.name)).size === steps.length,
    `the steps of saga ${name} have different names`
  )
  assert(
    Number.isInteger(version) && version >= 1 && version < 4_294_967_296,
    `the version of ${name} is a number from 1 on`
  )
  return {
    name: nameOf(name),
    version,
    plan,
    steps,
    input: SagaValue.of(input, `the input of saga ${name}`),
    output: SagaValue.of((output?.schema ?? Schema.Void) as Schema.Codec<O, unknown>, `the output of saga ${name}`),
    outputOf: output?.of ?? ((): O => undefined as O)
  }
}

/** A definition, and those of all sagas that are nested in it. */
export const allOf = (definition: Any): ReadonlyArray<Any> => [
  definition,
  ...definition.steps.flatMap((step) => (step.child === undefined ? [] : allOf(step.child.definition)))
]
