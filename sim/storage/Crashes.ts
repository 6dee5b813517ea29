/**
 * Crashes: every crash point of short sequences of operations (CrashMonkey and ACE, OSDI 2018; ALICE, OSDI 2014).
 *
 * A sequence runs once. At each disk call of its last operation, and at its end, the disk is forked into what power loss could
 * leave there: everything or nothing of what is not durable, data without names, names without data, calls under way carried
 * out wholly, in part or not, and mixtures by draw. On each fork the engine is opened again: it must show the effect of
 * a prefix with everything that was durable, keep showing it after one more power loss, and work on. Crash points before
 * the last operation are those of a shorter sequence.
 */
import { crc32c } from "#base/Crc32c.ts"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import type { DiskImage, PowerLoss } from "#sim/world/DiskImage.ts"
import type { Oracle } from "./Oracle.ts"
import { type Course, Playing } from "./Playing.ts"
import * as Script from "./Script.ts"
import type { OptionSet } from "./Subject.ts"

type CarriedOut = "not" | "partly" | "wholly"

/** Operations, the last of which, from line `from` on, is looked at. */
export interface Sequence {
  readonly script: Script.Script
  readonly from: number
  /** How many operations it has, without what is there before. */
  readonly length: number
}

/** What power loss leaves, as one of many. */
interface Loss extends PowerLoss {
  readonly name: string
  readonly carriesOut: () => CarriedOut
}

const always =
  <A>(value: A) =>
  () =>
    value

const fixed = (name: string, writes: boolean, entries: boolean, carriesOut: CarriedOut): Loss => ({
  name,
  keepWrite: always(writes),
  keepSector: always(true),
  keepEntry: always(entries),
  carriesOut: always(carriesOut)
})

const drawn = (seed: string): Loss => {
  const draw = new Draw(prngOf(seed, "power loss"))
  return {
    name: `draw ${seed}`,
    keepWrite: () => draw.chance(1, 2),
    keepSector: () => draw.chance(2, 3),
    keepEntry: () => draw.chance(1, 2),
    carriesOut: () => draw.pick(["not", "partly", "wholly"])
  }
}

const losses = (draws: number, seed: string): ReadonlyArray<Loss> => [
  fixed("nothing is kept", false, false, "not"),
  fixed("everything is kept and carried out", true, true, "wholly"),
  fixed("data without names", true, false, "partly"),
  fixed("names without data", false, true, "not"),
  ...Array.from({ length: draws }, (_, index) => drawn(`${seed}/${index}`))
]

interface Fork {
  readonly image: DiskImage
  readonly oracle: Oracle
  /** Which call of the last operation, and what power loss took. */
  readonly where: string
}

/** Forks with the same bytes and the same demands are one. */
const keyOf = ({ image, oracle }: Fork): string =>
  [
    oracle.demands,
    ...image.files().map(([path, inode]) => {
      const bytes = inode.read(0, inode.size)
      return `${path}:${bytes.length}:${crc32c(bytes)}`
    })
  ].join("\n")

const course: Course = { seed: "crashes", policy: "fifo", preemptionOneIn: 0, buggify: false }

/** What is done to an engine after a crash: it works on, and what it showed stays. */
const aftermath = Script.parse(`
scan - -
write synced put after 1 ; delete a
write buffered put after 2
scan - - back
verify
crash nothing 0
scan - -
flush
write synced put after 3
crash everything 0
scan - -
`)

export interface Options {
  readonly set: OptionSet
  /** Mixtures drawn for each crash point, besides the fixed ones. */
  readonly draws: number
  /** Only one in so many crash points is looked at, of all sequences together. Default: 1. */
  readonly oneIn?: number
}

export interface Found {
  readonly script: Script.Script
  readonly where: string
  readonly message: string
}

export interface Explored {
  readonly found: Found | undefined
  /** Crash points that were looked at. */
  readonly points: number
}

const forksOf = (
  { from, script }: Sequence,
  options: Options
): { readonly forks: ReadonlyArray<Fork>; readonly found: Found | undefined } => {
  const playing = new Playing(script, [options.set], { set: 0, course })
  const { machine, player } = playing
  const forks: Array<Fork> = []
  let calls = 0
  let watches = false
  const fork = (where: string): void => {
    for (const loss of losses(options.draws, `${Script.text(script)}/${calls}`)) {
      const image = machine.disk.imageAfter(loss, loss.carriesOut)
      forks.push({ image, oracle: player.oracle.fork(), where: `${where}: ${loss.name}` })
    }
  }
  playing.began = (index) => {
    watches = index >= from
  }
  machine.faults.onCall = (operation, path) => {
    if (watches) fork(`in call ${++calls} (${operation} ${path})`)
    return undefined
  }
  const { broken } = playing.play()
  if (broken !== undefined) return { forks, found: { script, where: "without a crash", message: broken.message } }
  fork("at its end")
  return { forks, found: undefined }
}

/** Explores the crash points of the last operation of a sequence; `seen` holds what was looked at before. */
export const explore = (sequence: Sequence, options: Options, seen: Set<string>): Explored => {
  const { forks, found } = forksOf(sequence, options)
  if (found !== undefined) return { found, points: 0 }
  let points = 0
  for (const fork of forks) {
    const key = keyOf(fork)
    if (seen.has(key)) continue
    seen.add(key)
    if (seen.size % (options.oneIn ?? 1) !== 0) continue
    points++
    const { image, oracle, where } = fork
    const { broken } = new Playing(aftermath, [options.set], { set: 0, course, image, oracle }).play()
    if (broken !== undefined) {
      const after = broken.at < 0 ? "on opening" : `after "${Script.line(aftermath[broken.at])}"`
      return { found: { script: sequence.script, where, message: `${after}: ${broken.message}` }, points }
    }
  }
  return { found: undefined, points }
}

/** The operations of which sequences are made; a value of its own for each place, so that a stale one shows. */
const alphabet = (place: number): ReadonlyArray<string> => [
  `write synced put a ~${place}*9`,
  `write buffered put b ~${place}*700`,
  `write synced put c ~${place}*1300 ; delete a`,
  "write synced range a c",
  `write! synced put a ~${place}*40\nwrite! buffered put c ~${place}*30\nwrite synced delete b`,
  `write! synced put b ~${place}*50\nwait 25\nget b\nwait 60\nget b`,
  "flush",
  "compact",
  "sync",
  `ingest a ~${place}*20 ; c ~${place}*600`,
  "reopen 0",
  "crash nothing 0",
  "crash everything 0"
]

/** What is there before a sequence begins. */
const prologues = [
  "",
  "write synced put a ~91*500 ; put c ~92*10\nflush\nwrite buffered put b ~93*500\nflush\nwrite synced put d ~94*9 ; delete c"
]

/** Every sequence up to a length, after each prologue, the short ones first. */
export function* sequences(lengthMax: number): Generator<Sequence> {
  for (let length = 1; length <= lengthMax; length++) {
    for (const prologue of prologues) {
      const letters = alphabet(0).length
      for (let number = 0; number < power(letters, length); number++) {
        let rest = number
        const lines = Array.from({ length }, (_, place) => {
          const letter = rest % letters
          rest = Math.floor(rest / letters)
          return alphabet(place + 1)[letter]
        })
        const script = Script.parse([prologue, ...lines].join("\n"))
        yield { script, from: script.length - Script.parse(lines.at(-1)!).length, length }
      }
    }
  }
}

const power = (base: number, exponent: number): number => (exponent === 0 ? 1 : base * power(base, exponent - 1))

/** A failure, as a person wants it. */
export const report = (set: OptionSet, { message, script, where }: Found): string =>
  [`# options: ${set.name}`, `# in the last operation: ${where}`, `# ${message}`, Script.text(script)].join("\n")
