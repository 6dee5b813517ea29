/**
 * Stamps: where in a trace each timestamp was given. The oracle gives them one after the other, and a trace shows only when each was asked for and
 * when it was answered; between these, in the order of the timestamps, each is put as late as may be. One for which there is no such place stays
 * where it was asked for: there the specification finds that timestamps do not rise.
 */
import type { Call, Plan, Traced } from "./Traced.ts"

export type Purpose =
  | { readonly type: "given" }
  /** A transaction's first; of its commit; to which it brings up what it has read; that of its commit in one round. */
  | { readonly type: "begins" | "stamps" | "renews"; readonly txn: number }
  | { readonly type: "once"; readonly txn: number; readonly call: Call }

export interface Stamp {
  readonly at: number
  readonly node: number
  readonly purpose: Purpose
}

interface Asked extends Stamp {
  readonly askedAt: number
  readonly answeredAt: number
}

/** What a transaction has come to at a place in its calls. */
interface Progress {
  hasProposed: boolean
  /** Its last request to prepare, or look whether something holds, was answered well. */
  isPrepared: boolean
}

const asked = ({ calls, happenings }: Traced, plans: ReadonlyMap<number, Plan>): ReadonlyArray<Asked> => {
  const found: Array<Asked> = []
  const progress = new Map<number, Progress>()
  const decided = new Map<number, number>()
  const once = new Map<number, Call>()
  for (const call of calls) {
    if (call.ask.type === "decide" && call.ask.at > 0) decided.set(call.ask.txn, call.ask.at)
  }
  const purposeOf = (at: number, txn: number | undefined): Purpose => {
    // Who asks for its first one is nobody yet.
    if (txn === undefined) return plans.has(at) ? { type: "begins", txn: at } : { type: "given" }
    if (!plans.has(txn)) return { type: "given" }
    const known = progress.get(txn)
    if (decided.get(txn) === at || known?.isPrepared === true) return { type: "stamps", txn }
    return known?.hasProposed === true ? { type: "renews", txn } : { type: "given" }
  }
  for (const call of calls) {
    const { answer, answeredAt, ask, askedAt, node } = call
    if (ask.type === "prepare" || ask.type === "once") {
      const isPrepared = ask.type === "prepare" && answer?.isDone === true
      progress.set(ask.txn, { hasProposed: true, isPrepared })
      if (ask.type === "once") once.set(ask.txn, call)
    }
    if (ask.type === "validate" && progress.has(ask.txn)) progress.get(ask.txn)!.isPrepared = false
    if (answer?.at === undefined) continue
    if (ask.type === "timestamp") {
      found.push({ at: answer.at, node, askedAt, answeredAt, purpose: purposeOf(answer.at, ask.txn) })
    }
    if (ask.type === "lock") found.push({ at: answer.at, node, askedAt, answeredAt, purpose: { type: "given" } })
  }
  happenings.forEach(({ node, what }, place) => {
    if (what.type !== "command" || what.written.versions.length === 0) return
    for (const { at, txn } of what.written.records) {
      const call = once.get(txn)
      if (call === undefined || plans.get(txn)?.once !== place) continue
      const purpose = { type: "once", txn, call } as const
      found.push({ at, node, askedAt: call.askedAt, answeredAt: place, purpose })
    }
  })
  return found
}

/** By place: those that are given right before what happens there, in their order. */
export const place = (traced: Traced, plans: ReadonlyMap<number, Plan>): ReadonlyMap<number, ReadonlyArray<Stamp>> => {
  const all = asked(traced, plans).toSorted((left, right) => right.at - left.at)
  const placed = new Map<number, Array<Stamp>>()
  let latest = Infinity
  for (const stamp of all) {
    const at = Math.max(stamp.askedAt + 1, Math.min(latest, stamp.answeredAt))
    latest = Math.min(latest, at)
    const there = placed.get(at)
    if (there === undefined) placed.set(at, [stamp])
    else there.unshift(stamp)
  }
  return placed
}
