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
 * After damage every answer is right or `Corrupt`. The last batch of a log may be lost: nobody can tell a damaged end from a
 * torn one.
 */
import type { DiskImage } from "#sim/world/DiskImage.ts"
import type { Found, Explored, Sequence } from "./Crashes.ts"
import { type Course, type Options, Playing } from "./Playing.ts"
import * as Script from "./Script.ts"
import type { OptionSet } from "./Subject.ts"

export type Failure = "io" | "broken" | "full" | "misdirected"

export const failures: ReadonlyArray<Failure> = ["io", "broken", "full", "misdirected"]

const course: Course = { seed: "failures", policy: "fifo", preemptionOneIn: 0, buggify: false }

/** What follows on a failure: reads, writes, room again, and an end with power loss. */
const afterwards = Script.parse(`
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
`)

const writes = new Set(["write", "append"])

interface Run {
  readonly calls: number
  readonly message: string | undefined
}

/** Runs a sequence with a failure in the n-th call of its last operation; 0: none. */
const run = ({ from, script }: Sequence, set: OptionSet, failure: Failure, failing: number): Run => {
  const damages = failure === "misdirected"
  const options: Options = {
    set: 0,
    course,
    ...(damages && { damaged: true, lostMax: 1, atlas: { copiesIntactMin: 0 } })
  }
  const playing = new Playing([...script, ...afterwards], [set], options)
  const { machine, player } = playing
  let [calls, watches, broken] = [0, false, false]
  playing.began = (index) => {
    watches = index >= from && index < script.length
  }
  playing.restarted = () => {
    broken = false
  }
  machine.faults.onCall = (operation) => {
    if (watches && ++calls === failing) {
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
  return { calls, message: played && `at "${lineOf([...script, ...afterwards], played.at)}": ${played.message}` }
}

const lineOf = (script: Script.Script, at: number): string => (at < 0 ? "opening" : Script.line(script[at]))

/** Explores the calls of the last operation of a sequence. */
export const explore = (sequence: Sequence, set: OptionSet, failure: Failure): Explored => {
  const { calls } = run(sequence, set, failure, 0)
  for (let failing = 1; failing <= calls; failing++) {
    const { message } = run(sequence, set, failure, failing)
    if (message === undefined) continue
    const found: Found = { script: sequence.script, where: `${failure} at call ${failing}`, message }
    return { found, points: failing }
  }
  return { found: undefined, points: calls }
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
export const exploreRot = ({ script }: Sequence, set: OptionSet, placesMax: number): Explored => {
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
        lostMax: 1
      }
      const found = new Playing(look, [set], options).play().broken
      if (found === undefined) continue
      const message = `at "${lineOf(look, found.at)}": ${found.message}`
      return { found: { script, where: `rot of ${path} at ${offset}`, message }, points }
    }
  }
  return { found: undefined, points }
}
