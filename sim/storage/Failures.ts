/**
 * Failures: a fault at every disk call of short sequences, and damage at places all over the files that they leave.
 *
 * - `io`: the call fails, a write after some of its bytes. Writes are refused or the engine stops; reads go on; what was
 *   acknowledged is there after the next power loss (a failed sync has lost what it was to keep).
 * - `broken`: this call and all later ones fail, until the next start.
 * - `full`: from this call on there is no space left. Writes are refused and have not happened; with room they succeed again.
 * - `misdirected`: what the call writes lands in a neighbouring sector.
 * - Rot: a bit flips in what is durable.
 *
 * After damage every answer is right or `Corrupt`. What went to a log last may be lost: nobody can tell a damaged end from a
 * torn one.
 */
import type { DiskImage } from "#sim/world/DiskImage.ts"
import type { Explored, Sequence } from "./Crashes.ts"
import { type Course, type Options, Playing } from "./Playing.ts"
import * as Script from "./Script.ts"
import type { OptionSet } from "./Subject.ts"

export type Failure = "io" | "broken" | "full" | "misdirected"

export const failures: ReadonlyArray<Failure> = ["io", "broken", "full", "misdirected"]

const course: Course = { seed: "failures", policy: "fifo", preemptionOneIn: 0, buggify: false }

/** What follows on a failure: power loss at once, or reads, writes and room again, and an end with power loss. */
const endings = [
  `
scan - -
crash nothing 0
scan - -
write synced put after ~1*20
crash nothing 0
scan - -
`,
  `
scan - -
write buffered put after ~1*20
sync
room
write synced put after ~2*20 ; delete a
flush
write synced put after ~3*20
compact
scan - - back
crash nothing 0
scan - -
verify
write synced put after ~4*20
crash nothing 0
scan - -
`
].map(Script.parse)

const writes = new Set(["write", "append"])

/** Batches of the last operation, which may have gone to the disk together. */
const groupOf = ({ from, script }: Sequence): number =>
  Math.max(1, script.slice(from).filter(({ type }) => type === "write" || type === "ingest").length)

interface Run {
  readonly calls: number
  readonly message: string | undefined
}

interface Plan {
  readonly failure: Failure
  /** The call of the last operation in which it strikes; 0: none. */
  readonly call: number
  readonly ending: Script.Script
}

const run = (sequence: Sequence, set: OptionSet, { call, ending, failure }: Plan): Run => {
  const { from, script } = sequence
  const damages = failure === "misdirected"
  const options: Options = {
    set: 0,
    course,
    ...(damages && { damaged: true, lostMax: groupOf(sequence), atlas: { copiesIntactMin: 0 } })
  }
  const playing = new Playing([...script, ...ending], [set], options)
  const { machine, player } = playing
  let [calls, watches, broken] = [0, false, false]
  playing.began = (index) => {
    watches = index >= from && index < script.length
  }
  playing.restarted = () => {
    broken = false
  }
  machine.faults.onCall = (operation) => {
    if (watches && ++calls === call) {
      if (failure === "full") player.setFull(true)
      else if (damages) machine.faults.misdirectNext = writes.has(operation)
      else {
        playing.excuse()
        broken = failure === "broken"
        return "io"
      }
    }
    return broken ? "io" : undefined
  }
  const played = playing.play().broken
  return { calls, message: played && `at "${lineOf([...script, ...ending], played.at)}": ${played.message}` }
}

const lineOf = (script: Script.Script, at: number): string => (at < 0 ? "opening" : Script.line(script[at]))

/** The first call that is looked at, and how many calls behind each the next one is. */
export interface Stride {
  readonly first: number
  readonly step: number
}

/** Explores calls of the last operation of a sequence. */
export const explore = (
  sequence: Sequence,
  set: OptionSet,
  { failure, stride }: { readonly failure: Failure; readonly stride: Stride }
): Explored => {
  const { calls } = run(sequence, set, { failure, call: 0, ending: endings[0] })
  let points = 0
  for (let call = stride.first; call <= calls; call += stride.step) {
    for (const ending of endings) {
      points++
      const { message } = run(sequence, set, { failure, call, ending })
      if (message === undefined) continue
      return { found: { script: sequence.script, where: `${failure} at call ${call}`, message }, points }
    }
  }
  return { found: undefined, points }
}

const keepAll = { keepWrite: () => true, keepSector: () => true, keepEntry: () => true }

/** What is looked at after rot. */
const look = Script.parse(`
get a
get b
scan - -
scan - - back
verify
write synced put after 1
flush
compact
scan - -
crash nothing 0
scan - -
`)

/** Flips a bit at places all over the files that a sequence leaves, at most so many. */
export const exploreRot = (sequence: Sequence, set: OptionSet, placesMax: number): Explored => {
  const { script } = sequence
  const lostMax = groupOf(sequence)
  const playing = new Playing(script, [set], { set: 0, course })
  const { broken } = playing.play()
  if (broken !== undefined) return { found: { script, where: "without rot", message: broken.message }, points: 0 }
  const { machine, player } = playing
  const image = (): DiskImage => machine.disk.imageAfter(keepAll, () => "wholly")
  const files = image().files()
  const stride = Math.max(1, Math.ceil(files.reduce((sum, [, inode]) => sum + inode.size, 0) / placesMax))
  let points = 0
  for (const [path, inode] of files) {
    for (let offset = 0; offset < inode.size; offset += stride) {
      const rotten = image()
      const entry = rotten.get(path)
      if (typeof entry !== "object") continue
      entry.flipBit(offset, points % 8)
      points++
      const options: Options = {
        set: 0,
        course,
        image: rotten,
        oracle: player.oracle.fork(),
        damaged: true,
        lostMax
      }
      const found = new Playing(look, [set], options).play().broken
      if (found === undefined) continue
      const message = `at "${lineOf(look, found.at)}": ${found.message}`
      return { found: { script, where: `rot of ${path} at ${offset}`, message }, points }
    }
  }
  return { found: undefined, points }
}
