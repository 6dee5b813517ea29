/** Changes: what a leaseholder has decided about keys, as operations of the engine: the only place that knows how a version is written. */
import { Batch } from "#storage/Batch.ts"
import * as Key from "./Key.ts"
import * as RangeCommand from "./RangeCommand.ts"
import * as Records from "./Records.ts"
import type { KeyState } from "./Reading.ts"
import type { Mutation, Outcome, Timestamp, Txn, TxnId } from "./Request.ts"
import * as SpacesRedis from "./SpacesRedis.ts"

/** What is written beside a mutation's key and value, about. */
const beside = 64

const bytesOf = (mutations: ReadonlyArray<Mutation>): number =>
  mutations.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0) + beside, beside)

export class Changes {
  /** It becomes a command as it is. */
  readonly batch: Batch
  /** What the range grows by, to the byte: versions and records. Intents come and go, and are not counted. */
  sizeBytes = 0
  /** For the audit trail, encoded (`audit/Decisions.ts`). */
  decisions: ReadonlyArray<Uint8Array> = []

  /** `mutations`: what will be written, for the most part. */
  constructor(mutations: ReadonlyArray<Mutation> = []) {
    this.batch = new Batch(RangeCommand.writeHeadBytes, bytesOf(mutations))
  }

  private put(key: Uint8Array, value: Uint8Array): void {
    this.batch.put(key, value)
    this.sizeBytes += key.length + value.length
  }

  /** A new version; the one that was the latest becomes an older one, unless nobody reads those. */
  version(key: Uint8Array, { head }: KeyState, value: Uint8Array | undefined, at: Timestamp): void {
    if (head !== undefined && head.at >= at) {
      // A later one was written meanwhile; or this one, by a copy of the same request.
      if (head.at > at) this.put(Key.old(key, at), Records.old(value))
      return
    }
    if (head !== undefined && !SpacesRedis.isRecord(key)) this.put(Key.old(key, head.at), Records.old(head.value))
    const headKey = Key.head(key)
    const frame = Records.headFrame({ value, at })
    this.batch.put(headKey, frame, value)
    this.sizeBytes += value?.length ?? 0
    if (head === undefined) this.sizeBytes += headKey.length + frame.length
    else this.sizeBytes -= head.value?.length ?? 0
  }

  /** Of a key of the system, which has one version. */
  replace({ key, value }: Mutation): void {
    if (value === undefined) this.batch.delete(Key.head(key))
    else this.batch.put(Key.head(key), Records.headFrame({ value, at: 0 }), value)
  }

  intent(txn: Txn, mutation: Mutation): void {
    this.batch.put(Key.intent(mutation.key), Records.intent(txn, mutation))
  }

  /** Puts a version in place of the intent, or takes it away; nothing, when it is another's. */
  resolve(key: Uint8Array, state: KeyState, txn: TxnId, outcome: Outcome): boolean {
    const { intent } = state
    if (intent?.txn.id !== txn) return false
    if (outcome.type === "committed") this.version(key, state, intent.value, outcome.at)
    this.batch.delete(Key.intent(key))
    return true
  }

  /** Of the engine's keys, which are nobody's any more. */
  drop(engineKey: Uint8Array, valueBytes: number): void {
    this.batch.delete(engineKey)
    this.sizeBytes -= engineKey.length + valueBytes
  }

  /** `before`: what it takes the place of. */
  record(txn: Txn, record: Records.TxnRecord, before?: Uint8Array): void {
    const key = Key.record(txn.anchor, txn.id)
    this.put(key, Records.record(record))
    if (before !== undefined) this.sizeBytes -= key.length + before.length
  }
}
