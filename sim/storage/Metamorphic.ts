/**
 * Metamorphic: the same script on an engine under many sets of options (Pebble's metamorphic tests). All runs have to agree with
 * the specification, and so with each other. A script that breaks a promise is reduced to the smallest that still does.
 */
import { Draw } from "#sim/kernel/Draw.ts"
import { policies, type PolicyName } from "#sim/kernel/PolicyName.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import { type Broken, type Course, type Played, Playing } from "./Playing.ts"
import type { Script } from "./Script.ts"
import * as ScriptText from "./Script.ts"
import * as Scripts from "./Scripts.ts"
import type { Subject } from "./Subject.ts"

/** Leaves out of a list as much as possible, big pieces first, while it still fails (Zeller and Hildebrandt, TSE 2002). */
const minimized = <A>(list: ReadonlyArray<A>, fails: (list: ReadonlyArray<A>) => boolean): ReadonlyArray<A> => {
  let kept = list
  for (let size = Math.ceil(kept.length / 2); size >= 1;) {
    let removed = false
    for (let end = kept.length; end > 0; end -= size) {
      const candidate = [...kept.slice(0, Math.max(0, end - size)), ...kept.slice(end)]
      if (candidate.length < kept.length && fails(candidate)) {
        kept = candidate
        removed = true
      }
    }
    if (size === 1 && !removed) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  return kept
}

/** The same script with less in its batches. */
const thinned = (script: Script, fails: (script: Script) => boolean): Script => {
  let kept = script
  for (let at = 0; at < kept.length; at++) {
    const operation = kept[at]
    const replaced = (other: (typeof kept)[number]): Script => kept.map((one, index) => (index === at ? other : one))
    if (operation.type === "write") {
      const changes = minimized(operation.changes, (less) => fails(replaced({ ...operation, changes: less })))
      kept = replaced({ ...operation, changes })
    } else if (operation.type === "ingest") {
      const entries = minimized(operation.entries, (less) => fails(replaced({ ...operation, entries: less })))
      kept = replaced({ ...operation, entries })
    }
  }
  return kept
}

/** The smallest script found that still breaks a promise. */
export const reduce = (script: Script, fails: (script: Script) => boolean): Script => {
  let kept = script
  let before: number
  do {
    before = ScriptText.text(kept).length
    kept = thinned(minimized(kept, fails), fails)
  } while (ScriptText.text(kept).length < before)
  return kept
}

/** A broken promise, as a person wants it: the smallest script found, and how to run it again. */
const report = (
  script: Script,
  what: { readonly subject: string; readonly set: string; readonly course: Course; readonly broken: Broken }
): string =>
  [
    `# ${what.subject}, options: ${what.set}`,
    `# seed ${what.course.seed}, policy ${what.course.policy}, preemption one in ${what.course.preemptionOneIn}`,
    `# line ${what.broken.at + 1}: ${what.broken.message}`,
    ScriptText.text(script)
  ].join("\n")

/** The course of a seed. */
export const courseOf = (seed: string): Course => {
  const draw = new Draw(prngOf(seed, "course"))
  return {
    seed,
    policy: draw.pick(Object.keys(policies) as ReadonlyArray<PolicyName>),
    preemptionOneIn: draw.pick([0, 8, 16]),
    buggify: draw.chance(1, 2)
  }
}

/** Plays a seed's script under one set of options; a report when a promise is broken. */
export const examine = (
  subject: Subject,
  options: { readonly seed: string; readonly operations: number; readonly set: number | "drawn" }
): { readonly played: Played; readonly report: string | undefined } => {
  const { seed } = options
  const course = courseOf(seed)
  const drawn = options.set === "drawn" ? [subject.draw(new Draw(prngOf(seed, "options")))] : []
  const sets = [...drawn, ...subject.sets]
  const set = options.set === "drawn" ? 0 : options.set
  const run = (script: Script): Played => new Playing(script, sets, { set, course }).play()
  const script = Scripts.draw(seed, options.operations)
  const played = run(script)
  if (played.broken === undefined) return { played, report: undefined }
  const small = reduce(script, (less) => run(less).broken !== undefined)
  const what = { subject: subject.name, set: sets[set].name, course, broken: run(small).broken! }
  return { played, report: report(small, what) }
}
