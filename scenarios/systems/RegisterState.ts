/**
 * RegisterState: what a register replicates, as the bytes that travel and lie on disks: the value, and what every client's
 * last operation answered, so that none is carried out twice. Nobody decodes it: it is read where it lies, and a new
 * state is a changed copy.
 *
 * `value f64, sessions u32`, then each session: `client u32, number u32, matched u8`.
 */
import { allocate, getF64, getU32, putF64, putU32 } from "#base/Bytes.ts"

/** One client's operation: in its place stands `to`, if it is a write or `from` was there. */
export interface Change {
  readonly client: number
  readonly number: number
  readonly isWrite: boolean
  readonly from: number
  readonly to: number
}

const headBytes = 12
const sessionBytes = 9

export const initialOf = (value: number): Uint8Array => {
  const state = new Uint8Array(headBytes)
  putF64(state, 0, value)
  return state
}

export const isWhole = (state: Uint8Array): boolean =>
  state.length >= headBytes && state.length === headBytes + getU32(state, 8) * sessionBytes

export const valueOf = (state: Uint8Array): number => getF64(state, 0)

/** Where a client's session begins; where it would be added, when it has none. */
const find = (state: Uint8Array, client: number, end: number): number => {
  let at = headBytes
  while (at < end && getU32(state, at) !== client) at += sessionBytes
  return at
}

/** The number of a client's last operation; 0 when it has none. */
export const numberOf = (state: Uint8Array, client: number): number => {
  const at = find(state, client, state.length)
  return at === state.length ? 0 : getU32(state, at + 4)
}

/** Whether a client's last operation took place: a cas that did not match has not. */
export const hasMatched = (state: Uint8Array, client: number): boolean =>
  state[find(state, client, state.length) + 8] === 1

/** The state after the changes, in their order. */
export const after = (state: Uint8Array, changes: ReadonlyArray<Change>): Uint8Array => {
  const next = allocate(state.length + changes.length * sessionBytes)
  for (let i = 0; i < state.length; i++) next[i] = state[i]
  let end = state.length
  let value = valueOf(state)
  for (const { client, from, isWrite, number, to } of changes) {
    const matched = isWrite || value === from
    if (matched) value = to
    const at = find(next, client, end)
    if (at === end) {
      putU32(next, at, client)
      end += sessionBytes
    }
    putU32(next, at + 4, number)
    next[at + 8] = matched ? 1 : 0
  }
  putF64(next, 0, value)
  putU32(next, 8, (end - headBytes) / sessionBytes)
  return end === next.length ? next : next.subarray(0, end)
}
