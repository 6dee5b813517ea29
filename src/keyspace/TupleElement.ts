/** TupleElement: what a tuple is made of. `Tuple.ts` makes the tagged ones, and says how they sort. */
export interface Float32 {
  readonly type: "float32"
  /** One that 32 bits hold exactly. */
  readonly value: number
}

export interface Float64 {
  readonly type: "float64"
  readonly value: number
}

export interface Timestamp {
  readonly type: "timestamp"
  /** Since 1970; a bigint only where a number would not be exact. */
  readonly micros: number | bigint
}

export interface Uuid {
  readonly type: "uuid"
  readonly bytes: Uint8Array
}

export interface Descending {
  readonly type: "descending"
  readonly value: Plain
}

/** A number is an integer; it is decoded as a bigint where a number would not be exact. A string is a text, a list a nested tuple. */
export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float32
  | Float64
  | Timestamp
  | Uuid
  | ReadonlyArray<Element>

export type Element = Plain | Descending

export type Tuple = ReadonlyArray<Element>
