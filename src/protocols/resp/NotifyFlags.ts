/** NotifyFlags: classes of keyspace notifications as the letters of `notify-keyspace-events`, to bits of `Engine.notified` and back. */
import { classes } from "#database/redis/Engine.ts"

/** Published under the key's name, and under the event's. */
export const keyspace = 1
export const keyevent = 2
/** Of modules, of which there are none. */
const modules = 1 << 13

/** In the order in which Redis prints them. */
const letters: ReadonlyArray<readonly [letter: string, bit: number]> = [
  ["g", classes.generic],
  ["$", classes.string],
  ["l", classes.list],
  ["s", classes.set],
  ["h", classes.hash],
  ["z", classes.zset],
  ["x", classes.expired],
  ["e", classes.evicted],
  ["t", classes.stream],
  ["d", modules],
  ["n", classes.newKey]
]

const outer: ReadonlyArray<readonly [letter: string, bit: number]> = [
  ["K", keyspace],
  ["E", keyevent],
  ["m", classes.keyMiss]
]

/** What the letter A stands for: everything but new keys and misses. */
const all = letters.reduce((bits, [, bit]) => (bit === classes.newKey ? bits : bits | bit), 0)

/** undefined: a letter means nothing. */
export const parse = (text: string): number | undefined => {
  let bits = 0
  for (const letter of text) {
    const known = [...letters, ...outer].find(([each]) => each === letter)
    if (letter !== "A" && known === undefined) return undefined
    bits |= letter === "A" ? all : known![1]
  }
  return bits
}

export const print = (bits: number): string => {
  const isAll = (bits & all) === all
  const inner = isAll ? "A" : letters.map(([letter, bit]) => ((bits & bit) === 0 ? "" : letter)).join("")
  return inner + outer.map(([letter, bit]) => ((bits & bit) === 0 ? "" : letter)).join("")
}
