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
  /** The member that it stands by for; undefined: for none. */
  readonly primaryId?: string
}

/** A member through which a client comes that is to go where the data is by itself. */
export interface Via {
  readonly id: string
  readonly host: string
  readonly port: number
}

/** All members that live, as far as is known, this one too; for who comes through another one, that is the one that was asked. */
export type Topology = (via: Via | undefined) => ReadonlyArray<Member>
