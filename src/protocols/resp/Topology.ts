/** Topology: who has which slots of a cluster, as CLUSTER tells it to clients that route themselves. */

/** Slots from the first to the last, both included. */
export type Slots = readonly [first: number, last: number]

export interface Member {
  /** 40 hexadecimal digits. */
  readonly id: string
  readonly host: string
  readonly port: number
  readonly isSelf: boolean
  /** Others reach it. */
  readonly isOnline: boolean
  readonly slots: ReadonlyArray<Slots>
}

/** All members that live, as far as is known, this one too. */
export type Topology = () => ReadonlyArray<Member>
