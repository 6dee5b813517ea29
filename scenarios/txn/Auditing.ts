/**
 * Auditing: what servers have of the audit trail, told when a client asks for it, and the judge of that:
 *
 * 1. Each decision about a transaction has its entry in the very command that decides.
 * 2. Chains are sound on every server, and have the same entries on all of them.
 * 3. What was decided before everything was read once more is one entry, and says what was decided; there is no other entry.
 */
import * as Effect from "effect/Effect"
import { AuditVerification } from "#keyspace/audit/AuditVerification.ts"
import * as StoreTrail from "#keyspace/audit/StoreTrail.ts"
import * as Hex from "#base/Hex.ts"
import type { Operation } from "#sim/run/History.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import type * as Engine from "#storage/Engine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { Trace } from "#world/Trace.ts"
import type * as Client from "./Client.ts"
import type { Written } from "./Observed.ts"

/** An entry about a transaction: where it is, the beginning of its hash, and the commit timestamp; 0: it is aborted. */
type Told = readonly [chain: number, sequence: number, hash: string, txn: number, at: number]

const hashChars = 16

/** Tells what this server has. */
export const tell = Effect.fnUntraced(function* (
  port: Engine.Port,
  trace: Trace["Service"]
): Effect.fn.Return<void, StorageError> {
  const verification = new AuditVerification()
  const told: Array<Told> = []
  let count = 0
  const heads = yield* StoreTrail.visit(port, (bytes) => {
    const entry = verification.add(bytes, count++)
    if (entry?.kind !== "transaction") return
    const { atMicros, chain, hash, outcome, sequence, subject } = entry
    const at = outcome === "committed" ? atMicros : 0
    told.push([chain, sequence, Hex.of(hash).slice(0, hashChars), Number(subject), at])
  })
  const { findings } = verification.finish(heads)
  trace.emit("debug", "audit/trail", { findings: JSON.stringify(findings), told: JSON.stringify(told) })
})

interface Decided {
  readonly at: number
  readonly atMicros: number
}

const words = (at: number): string => (at === 0 ? "aborted" : `committed at ${at}`)

class View {
  private readonly decided = new Map<number, Decided>()
  /** By chain and sequence. */
  private readonly hashes = new Map<string, string>()
  /** By transaction: where its entry is, and what that says. */
  private readonly entries = new Map<number, { readonly place: string; readonly at: number }>()

  written({ records, told }: Written, atMicros: number): string | undefined {
    for (const { at, txn } of records) {
      if (this.decided.has(txn)) continue
      this.decided.set(txn, { at, atMicros })
      if (told?.includes(txn) !== true)
        return `transaction ${txn} is ${words(at)} by a command that has no entry for it`
    }
    return undefined
  }

  told(entries: ReadonlyArray<Told>): string | undefined {
    for (const [chain, sequence, hash, txn, at] of entries) {
      const place = `${chain}:${sequence}`
      const other = this.hashes.get(place)
      if (other !== undefined && other !== hash) return `entry ${place} is not the same on all servers`
      this.hashes.set(place, hash)
      const known = this.entries.get(txn)
      if (known !== undefined && known.place !== place) {
        return `transaction ${txn} is entry ${known.place}, and entry ${place}, too`
      }
      this.entries.set(txn, { place, at })
    }
    return undefined
  }

  /** `untilMicros`: what was decided before is to be told. */
  finish(untilMicros: number): string | undefined {
    for (const [txn, { at, atMicros }] of this.decided) {
      const entry = this.entries.get(txn)
      if (entry === undefined && atMicros >= untilMicros) continue
      if (entry === undefined) return `transaction ${txn} is ${words(at)}, and no server has an entry for it`
      if (entry.at !== at) return `transaction ${txn} is ${words(at)}, and entry ${entry.place} says ${words(entry.at)}`
    }
    for (const [txn, { place }] of this.entries) {
      if (!this.decided.has(txn)) return `entry ${place} says that transaction ${txn} was decided, and it was not`
    }
    return undefined
  }
}

/** When the last read of everything began, of the client that had all servers tell after it. */
const readAtMicros = (history: ReadonlyArray<Operation<Client.Operation, Client.Value>>): number | undefined => {
  const told = history.find(({ operation, outcome }) => operation.type === "tell" && outcome.type === "ok")
  return history.findLast(
    ({ client, final, operation, outcome }) =>
      final &&
      client === told?.client &&
      outcome.type === "ok" &&
      operation.type === "run" &&
      operation.steps[0].type === "scan"
  )?.invokedAt
}

export const judge: Judge<Client.Operation, Client.Value> = {
  name: "audit",
  inside: true,
  make: () => {
    const view = new View()
    const violation = (detail: string | undefined): Violation | undefined =>
      detail === undefined ? undefined : { detail }
    return {
      observe: ({ atMicros, fields, name }: Observed): Violation | undefined => {
        if (name === "keyspace/write") return violation(view.written(JSON.parse(String(fields["written"])), atMicros))
        if (name !== "audit/trail") return undefined
        const findings = JSON.parse(String(fields["findings"])) as ReadonlyArray<{ readonly message: string }>
        if (findings.length > 0) return { detail: `the trail is not sound: ${JSON.stringify(findings[0])}` }
        return violation(view.told(JSON.parse(String(fields["told"]))))
      },
      finish: (history) => {
        const untilMicros = readAtMicros(history)
        return untilMicros === undefined ? "pass" : (violation(view.finish(untilMicros)) ?? "pass")
      }
    }
  }
}
