/**
 * The text form of dbcop, Plume and PolySI: one read or write of a transaction a line,
 *
 *   w(key,value,session,transaction)
 *   r(key,value,session,transaction)
 *
 * all whole numbers. The order of the lines is the program order within a session and says nothing between sessions;
 * transaction -1 was aborted (each run of such lines in a session is one); value 0 with no writer is the initial state.
 *
 * Each transaction becomes one `txn` of its session's process, its value a list of `["w", key, value]` and
 * `["r", key, value]`. The history's order is `process`: there is no real time.
 */
import * as History from "../History.ts"
import { isArray, text, type Value } from "../Value.ts"
import { isDigit, Source, wholeNumber } from "./Source.ts"

interface Transaction {
  readonly session: number
  readonly aborted: boolean
  readonly steps: Array<ReadonlyArray<Value>>
}

/** Reads a history; refuses with `Malformed`. */
export const read = (input: Uint8Array | string): History.History => {
  const source = new Source(input)
  const transactions: Array<Transaction> = []
  const bySession = new Map<number, { readonly known: Map<Value, Transaction>; aborted: Transaction | undefined }>()
  for (;;) {
    skipSpace(source)
    if (source.ended) break
    const kind = source.byte
    if (kind !== 0x72 && kind !== 0x77) source.fail("r(...) or w(...) is due")
    source.at += 1
    expect(source, 0x28)
    const key = number(source)
    expect(source, 0x2c)
    const value = number(source)
    expect(source, 0x2c)
    const session = number(source)
    expect(source, 0x2c)
    const id = number(source)
    expect(source, 0x29)
    if (typeof session === "bigint" || Math.abs(session) > 0x7fffffff) source.fail(`session ${session} is too large`)
    let state = bySession.get(session as number)
    if (state === undefined) bySession.set(session as number, (state = { known: new Map(), aborted: undefined }))
    let transaction = id === -1 ? state.aborted : state.known.get(id)
    if (transaction === undefined) {
      transaction = { session: session as number, aborted: id === -1, steps: [] }
      transactions.push(transaction)
      if (id !== -1) state.known.set(id, transaction)
    }
    state.aborted = id === -1 ? transaction : undefined
    transaction.steps.push([kind === 0x77 ? "w" : "r", key, value])
  }
  const builder = new History.Builder()
  for (const { session, aborted, steps } of transactions) {
    const asked = steps.map((step) => (step[0] === "r" ? ["r", step[1]!, null] : step))
    builder.invoke(session, "txn", asked)
    builder.complete(session, aborted ? "failed" : "ok", steps)
  }
  return builder.build("process")
}

const skipSpace = (source: Source): void => {
  while (source.byte <= 0x20) source.at += 1
}

const expect = (source: Source, byte: number): void => {
  skipSpace(source)
  if (source.byte !== byte) source.fail(`${JSON.stringify(String.fromCharCode(byte))} is due`)
  source.at += 1
}

const number = (source: Source): number | bigint => {
  skipSpace(source)
  const { bytes } = source
  const start = source.at
  let at = start
  if (bytes[at] === 0x2d) at += 1
  const first = at
  let value = 0
  while (isDigit(bytes[at]!)) {
    value = value * 10 + bytes[at]! - 0x30
    at += 1
  }
  if (at === first) source.fail("a whole number is due")
  source.at = at
  if (at - first > 15) return wholeNumber(source.text(start, at))
  return first > start ? -value : value
}

/** Writes a history of `txn` operations with numbers as keys and values; transactions of unknown outcome are left out. */
export function* write(history: History.History): Generator<string> {
  for (let row = 0; row < history.count; row += 1) {
    const outcome = history.outcomes[row]
    const steps = outcome === History.ok ? history.outputs[row]! : history.inputs[row]!
    if (outcome === History.unknown || !isArray(steps)) continue
    const id = outcome === History.failed ? -1 : row
    for (const step of steps) {
      if (!isArray(step)) continue
      const kind = step[0] === "w" || step[0] === ":w" || step[0] === "write" || step[0] === ":write" ? "w" : "r"
      yield `${kind}(${text(step[1] ?? 0)},${text(step[2] ?? 0)},${history.processes[row]},${id})\n`
    }
  }
}
