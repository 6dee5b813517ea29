/**
 * Scripts: draws what is done to an engine. Each script has a taste of its own (Groce et al., "Swarm Testing", ISSTA 2012): how
 * many keys, how large values, which operations at all and how often, because a script with everything hides what one with
 * little finds.
 */
import * as OrderedMap from "#models/OrderedMap.ts"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import type { Bounded, Kept, Operation, Script, WordChange } from "./Script.ts"
import * as Token from "./Token.ts"

type Kind =
  | "write"
  | "get"
  | "scan"
  | "snapshot"
  | "release"
  | "cursor"
  | "next"
  | "close"
  | "sync"
  | "flush"
  | "compact"
  | "verify"
  | "ingest"
  | "checkpoint"
  | "reopen"
  | "crash"
  | "kill"
  | "full"
  | "wait"

/** How often each comes, before a script's own taste. */
const weights: Readonly<Record<Kind, number>> = {
  write: 40,
  get: 14,
  scan: 6,
  snapshot: 4,
  release: 3,
  cursor: 4,
  next: 10,
  close: 3,
  sync: 2,
  flush: 4,
  compact: 2,
  verify: 1,
  ingest: 2,
  checkpoint: 1,
  reopen: 1,
  crash: 2,
  kill: 2,
  full: 1,
  wait: 2
}

/** Words for keys that are near each other, far from each other, beginnings of each other, long, and at the ends. */
const keyStyles: ReadonlyArray<(draw: Draw) => ReadonlyArray<string>> = [
  () => ["a", "b", "c", "d", "e", "f"],
  (draw) => Array.from({ length: draw.between(20, 200) }, (_, index) => `k${String(index).padStart(4, "0")}`),
  (draw) => Array.from({ length: draw.between(10, 60) }, () => binaryKey(draw)),
  (draw) => Array.from({ length: draw.between(5, 40) }, (_, index) => `p*${index * 3}`),
  (draw) => [
    "''",
    "%00",
    "%FF*8192",
    ...Array.from({ length: draw.between(5, 30) }, (_, index) => `a.~${index}*${draw.pick([3, 30, 500, 2_000, 8_000])}`)
  ]
]

const binaryKey = (draw: Draw): string => {
  const byte = (): string => `%${draw.pick(["00", "01", "61", "7F", "80", "FE", "FF"])}`
  return Array.from({ length: draw.between(1, 9) }, byte).join(".")
}

const valueSizes: ReadonlyArray<ReadonlyArray<number>> = [
  [0, 1, 5, 10],
  [10, 50, 100, 300],
  [0, 20, 400, 5_000],
  [10, 60, 3_000, 20_000]
]

interface Taste {
  readonly keys: ReadonlyArray<string>
  readonly sizes: ReadonlyArray<number>
  readonly weights: ReadonlyArray<readonly [kind: Kind, weight: number]>
  readonly batchMax: number
  /** One write in so many is waited for. */
  readonly waitsOneIn: number
  readonly buffersOneIn: number
}

const tasteOf = (draw: Draw): Taste => {
  const keys = draw.pick(keyStyles)(draw)
  const kinds = Object.keys(weights) as ReadonlyArray<Kind>
  return {
    keys,
    // Long keys beside long values only make a run slow.
    sizes: draw.pick(keys.some((key) => key.includes("*8")) ? valueSizes.slice(0, 2) : valueSizes),
    weights: kinds.flatMap((kind) => {
      const factor = kind === "write" ? 2 : draw.pick([0, 1, 1, 2, 6])
      return factor === 0 ? [] : [[kind, weights[kind] * factor] as const]
    }),
    batchMax: draw.pick([1, 3, 3, 12]),
    waitsOneIn: draw.pick([1, 1, 2, 5]),
    buffersOneIn: draw.pick([1, 2, 3, 100])
  }
}

/** Names of snapshots, and of cursors. */
const names = 4

class Drawing {
  private readonly draw: Draw
  private readonly taste: Taste
  private values = 0
  private full = false

  constructor(draw: Draw) {
    this.draw = draw
    this.taste = tasteOf(draw)
  }

  private get key(): string {
    return this.draw.pick(this.taste.keys)
  }

  private get value(): string {
    const size = this.draw.pick(this.taste.sizes)
    return size === 0 ? "''" : `~${++this.values}*${this.draw.between(1, size)}`
  }

  private get change(): WordChange {
    const coin = this.draw.below(16)
    if (coin < 10) return { type: "put", key: this.key, value: this.value }
    if (coin < 14) return { type: "delete", key: this.key }
    const [from, to] = this.sorted(this.key, this.key)
    return { type: "range", from, to }
  }

  private sorted(one: string, other: string): readonly [string, string] {
    return OrderedMap.compare(Token.parse(one), Token.parse(other)) <= 0 ? [one, other] : [other, one]
  }

  private get bounded(): Bounded {
    const { draw } = this
    const [from, to] = this.sorted(this.key, this.key)
    return {
      ...(draw.chance(1, 2) && { from }),
      ...(draw.chance(1, 2) && { to }),
      back: draw.chance(1, 2),
      ...this.at
    }
  }

  private get at(): { readonly at?: number } {
    return this.draw.chance(1, 4) ? { at: this.draw.below(names) } : {}
  }

  private get kept(): Kept {
    return this.draw.pick(["nothing", "some", "some", "everything", "process"])
  }

  private get kind(): Kind {
    const total = this.taste.weights.reduce((sum, [, weight]) => sum + weight, 0)
    let left = this.draw.below(total)
    for (const [kind, weight] of this.taste.weights) {
      if (left < weight) return kind
      left -= weight
    }
    return "write"
  }

  private get write(): Operation {
    const { draw, taste } = this
    return {
      type: "write",
      waits: draw.chance(1, taste.waitsOneIn),
      durability: draw.chance(1, taste.buffersOneIn) ? "buffered" : "synced",
      changes: Array.from({ length: draw.between(1, taste.batchMax) }, () => this.change)
    }
  }

  private get ingest(): Operation {
    const keys = this.draw.sample(this.taste.keys, this.draw.between(1, 20))
    return { type: "ingest", entries: keys.map((key) => [key, this.value] as const) }
  }

  operation(): Operation {
    const { draw, kind } = this
    switch (kind) {
      case "write":
        return this.write
      case "get":
        return { type: draw.chance(1, 4) ? "fetch" : "get", key: this.key, ...this.at }
      case "scan":
        return { type: "scan", ...this.bounded }
      case "snapshot":
      case "release":
      case "close":
        return { type: kind, name: draw.below(names) }
      case "cursor":
        return { type: "cursor", name: draw.below(names), ...this.bounded }
      case "next":
        return { type: "next", name: draw.below(names), count: draw.pick([1, 1, 3, 10, 100]) }
      case "sync":
      case "flush":
      case "compact":
        return { type: kind, waits: draw.chance(3, 4) }
      case "verify":
      case "checkpoint":
        return { type: kind }
      case "ingest":
        return this.ingest
      case "reopen":
        return { type: "reopen", options: draw.below(7) }
      case "crash":
        return { type: "crash", kept: this.kept, options: draw.below(7) }
      case "kill":
        return {
          type: "kill",
          call: draw.between(1, draw.pick([3, 10, 40])),
          kept: draw.pick(["nothing", "some", "everything"])
        }
      case "full":
        this.full = !this.full
        return { type: this.full ? "full" : "room" }
      case "wait":
        return { type: "wait", micros: draw.between(1, draw.pick([100, 1_000, 20_000])) }
    }
  }
}

/** A script of so many operations, and what ends every one: room, a look at everything, one more opening, and all that again. */
export const draw = (seed: string, count: number): Script => {
  const drawing = new Drawing(new Draw(prngOf(seed, "script")))
  const look: Script = [{ type: "scan", back: false }, { type: "scan", back: true }, { type: "verify" }]
  return [
    ...Array.from({ length: count }, () => drawing.operation()),
    { type: "room" },
    { type: "write", durability: "synced", waits: true, changes: [{ type: "put", key: "the.end", value: "1" }] },
    ...look,
    { type: "compact", waits: true },
    ...look,
    { type: "crash", kept: "nothing", options: 0 },
    ...look
  ]
}
