/**
 * Members: which nodes of the cluster live, and where Redis's clients find them. Each says so in the keyspace now and then, and reads what the others
 * have said. It is for clients to be told; nothing rests on it: who has the data is another question (`Ownership`).
 *
 * Whoever has been heard to say something new within `silentMicrosMax`, by this node's clock, lives.
 */
import * as Effect from "effect/Effect"
import { Transactions } from "#txn/Transactions.ts"
import type { RunError } from "#txn/TxnError.ts"
import type { Address } from "#world/Net.ts"
import * as Owner from "./Owner.ts"
import * as Places from "./Places.ts"

export interface Member {
  readonly node: number
  /** Of its door. */
  readonly address: Address
}

export interface Options extends Member {
  readonly transactions: Transactions["Service"]
  readonly nowMicros: () => number
}

const beatMillis = 2_000
/** Three beats, and what they may be late. */
const silentMicrosMax = 7_000_000
/** As many as a cluster may have nodes. */
const membersMax = 65_535

interface Heard extends Member {
  readonly beats: number
  /** When it said something new; undefined: it has not since it was seen first, and may be long gone. */
  readonly atMicros: number | undefined
}

export class Members {
  private readonly options: Options
  private heard = new Map<number, Heard>()
  private beats = 0

  constructor(options: Options) {
    this.options = options
  }

  /** Those that live but for this one, by their numbers. */
  get others(): ReadonlyArray<Member> {
    const since = this.options.nowMicros() - silentMicrosMax
    return [...this.heard.values()]
      .filter(({ atMicros, node }) => node !== this.options.node && atMicros !== undefined && atMicros > since)
      .sort((left, right) => left.node - right.node)
  }

  /** Never ends. */
  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.forever(Effect.andThen(Effect.ignore(this.turn), Effect.sleep(beatMillis)))
  )

  /** Says that this node lives, and hears the others. */
  readonly turn: Effect.Effect<void, RunError> = Effect.suspend(() => {
    const { address, node, transactions } = this.options
    const own = Owner.encode({ node, epoch: 0, beats: ++this.beats, address })
    const told = transactions.run((txn) =>
      Effect.andThen(txn.put(Places.memberKey(node), own), txn.scan(Places.members, { entriesMax: membersMax }))
    )
    return Effect.map(told, ({ entries }) => {
      const heard = new Map<number, Heard>()
      for (const { value } of entries) {
        const said = Owner.decode(value)
        if (said !== undefined) heard.set(said.node, this.hear(said))
      }
      this.heard = heard
    })
  })

  private hear({ address, beats, node }: Owner.Owner): Heard {
    const before = this.heard.get(node)
    if (before?.beats === beats) return before
    return { node, address, beats, atMicros: before === undefined ? undefined : this.options.nowMicros() }
  }
}
