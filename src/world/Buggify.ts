/**
 * BUGGIFY (FoundationDB): product code names a place where it may legally behave in a rare way (send less, wait
 * longer, fail early), and the simulator makes the rare common. Two draws decide: once a run, whether the site is active
 * at all; then, at each visit of an active site, whether it fires. The default never fires, and the real world keeps
 * the default: outside the simulator a site is a call that returns false.
 *
 * @example
 * ```ts
 * const buggify = yield* Buggify
 * const batchMax = buggify("raft/small-batch") ? 1 : Limits.batchEntriesMax
 * ```
 */
import * as Context from "effect/Context"

/** True when the rare behaviour of `site` is wanted at this visit. Sites are stable kebab-case names with a room in front. */
export type Buggify = (site: string) => boolean

export const Buggify: Context.Reference<Buggify> = Context.Reference<Buggify>("orbit/world/Buggify", {
  defaultValue: () => () => false
})
