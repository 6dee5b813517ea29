/** Objects: OBJECT: how Redis would keep a value, when it was used last. Looking does not count as use. */
import type { Entry } from "#database/redis/Entry.ts"
import * as Frequency from "#database/redis/Frequency.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import { type Content, encodingOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import * as Help from "./Help.ts"

/** Integers below this one are shared by all keys that hold them. */
const sharedIntegers = 10_000
const sharedCount = 2_147_483_647

const later =
  "Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
const noFrequency = `ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${later}`
const noIdleTime = `ERR An LFU maxmemory policy is selected, idle time not tracked. ${later}`

/** Integers of so many digits may be text here, and are nevertheless integers to Redis. */
const textDigitsMin = 16

const encoding = (content: Content): string =>
  typeof content === "string" && content.length >= textDigitsMin && Integer64.isCanonical(content)
    ? "int"
    : encodingOf(content)

const tell =
  (reply: (call: Call, entry: Entry) => void): Handler =>
  (call) => {
    const entry = call.db.peek(call.argv[2])
    if (entry === undefined) call.out.null()
    else reply(call, entry)
  }

const isFrequencyTracked = ({ engine }: Call): boolean => engine.countsUses

export const handlers: Readonly<Record<string, Handler>> = {
  "object|encoding": tell(({ out }, { content }) => out.bulk(encoding(content))),
  "object|freq": tell((call, entry) => {
    if (!isFrequencyTracked(call)) throw new Refusal.Refusal(noFrequency)
    call.out.integer(Frequency.decayed(entry, call.now, call.engine.settings.lfuDecayMinutes))
  }),
  "object|help": Help.of("OBJECT", [
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>."
  ]),
  "object|idletime": tell((call, entry) => {
    if (isFrequencyTracked(call)) throw new Refusal.Refusal(noIdleTime)
    call.out.integer(entry.idleSeconds(call.now))
  }),
  "object|refcount": tell(({ engine, out }, { content }) => {
    const { maxMemoryBytes, maxMemoryPolicy } = engine.settings
    // Where it is of interest how each key is used, none shares anything with others.
    const sharesNothing = maxMemoryBytes > 0 && /-l[rf]u$/.test(maxMemoryPolicy)
    const isSmall = typeof content === "number" && content >= 0 && content < sharedIntegers
    const isShared = isSmall && !sharesNothing
    out.integer(isShared ? sharedCount : 1)
  })
}
