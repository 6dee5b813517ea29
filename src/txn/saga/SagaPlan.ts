/**
 * SagaPlan: the shape of a saga as its core sees it: numbered steps, each with the steps that come before it. Steps in a row wait for each other;
 * the branches of a parallel group do not.
 *
 * A journal speaks of steps by number, so it means something only together with the plan that it was written under: `fingerprint` tells plans
 * apart. What may change without a new version of a definition is not in it: pauses, attempts, time-outs.
 */
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"

/**
 * - `local`: what it does is in the transaction that journals it.
 * - `external`: it may be done more than once, under one key.
 * - `child`: another saga.
 */
export type StepKind = "local" | "external" | "child"

/** Each pause is twice the one before, from the shortest to the longest. */
export interface Retry {
  readonly attemptsMax: number
  readonly pauseMillisMin: number
  readonly pauseMillisMax: number
}

/** What a step brings along. */
export interface Given {
  readonly name: string
  readonly kind: StepKind
  readonly hasUndo: boolean
  readonly retry: Retry
  readonly undoRetry: Retry
}

export interface PlanStep extends Given {
  /** What has to be done first: the last steps before it. */
  readonly after: ReadonlyArray<number>
  /** All steps that come after it, near and far: what has to be undone first. */
  readonly behind: ReadonlyArray<number>
}

export interface Plan {
  readonly steps: ReadonlyArray<PlanStep>
  /** From its beginning to its last step; undefined: it has all the time. */
  readonly timeoutMicros: number | undefined
  readonly fingerprint: number
}

/** A row of these. */
export type Shape<S extends Given> =
  | { readonly type: "step"; readonly step: S }
  | { readonly type: "parallel"; readonly branches: ReadonlyArray<ReadonlyArray<Shape<S>>> }

interface Placed<S> {
  readonly step: S
  readonly after: ReadonlyArray<number>
}

/** Appends a row to `placed`, behind the steps `after`; the steps that it ends with. */
const place = <S extends Given>(
  row: ReadonlyArray<Shape<S>>,
  after: ReadonlyArray<number>,
  placed: Array<Placed<S>>
): ReadonlyArray<number> => {
  let last = after
  for (const shape of row) {
    if (shape.type === "step") last = [placed.push({ step: shape.step, after: last }) - 1]
    else {
      const before = last
      const ends = shape.branches.flatMap((branch) => place(branch, before, placed))
      last = [...new Set(ends)].sort((left, right) => left - right)
    }
  }
  return last
}

const kindCodes: Readonly<Record<StepKind, number>> = { local: 1, external: 2, child: 3 }

const fingerprintOf = (placed: ReadonlyArray<Placed<Given>>): number => {
  const writer = Bytes.Writer.make()
  for (const { after, step } of placed) {
    writer
      .text(step.name)
      .u8(kindCodes[step.kind])
      .u8(step.hasUndo ? 1 : 0)
      .u32(after.length)
    for (const number of after) writer.u32(number)
  }
  return crc32c(writer.finish())
}

/** All steps behind each: a step has a higher number than those before it. */
const behindOf = (placed: ReadonlyArray<Placed<Given>>): ReadonlyArray<ReadonlyArray<number>> => {
  const behind = placed.map(() => new Set<number>())
  for (let number = placed.length - 1; number >= 0; number--) {
    for (const before of placed[number].after) {
      behind[before].add(number)
      for (const each of behind[number]) behind[before].add(each)
    }
  }
  return behind.map((each) => [...each].sort((left, right) => left - right))
}

/** The plan of a row, and the steps by number. */
export const of = <S extends Given>(
  row: ReadonlyArray<Shape<S>>,
  timeoutMillis?: number
): { readonly plan: Plan; readonly steps: ReadonlyArray<S> } => {
  const placed: Array<Placed<S>> = []
  place(row, [], placed)
  const behind = behindOf(placed)
  return {
    plan: {
      steps: placed.map(({ after, step: { hasUndo, kind, name, retry, undoRetry } }, number) => ({
        name,
        kind,
        hasUndo,
        retry,
        undoRetry,
        after,
        behind: behind[number]
      })),
      timeoutMicros: timeoutMillis === undefined ? undefined : timeoutMillis * 1_000,
      fingerprint: fingerprintOf(placed)
    },
    steps: placed.map(({ step }) => step)
  }
}

/** How long to wait after so many attempts that failed, in microseconds. */
export const pauseMicros = ({ pauseMillisMax, pauseMillisMin }: Retry, attempts: number): number => {
  let millis = pauseMillisMin
  for (let doubled = 1; doubled < attempts && millis < pauseMillisMax; doubled++) millis *= 2
  return Math.min(millis, pauseMillisMax) * 1_000
}
