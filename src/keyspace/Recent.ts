/** Recent: what a range has committed lately, in memory, for those who follow it. */
import * as Bytes from "#base/Bytes.ts"
import * as Batch from "#storage/Batch.ts"
import * as Key from "./Key.ts"
import { contains } from "./RangeMachine.ts"
import * as Records from "./Records.ts"
import type { Change, Span, Timestamp } from "./Request.ts"

/** Of one range, as they are applied; the oldest go when there are too many. */
const recentBytesMax = 4 * 1_048_576
const overheadBytes = 64

export class Recent {
  /** Everything after it is there. */
  since: Timestamp
  private changes: Array<Change> = []
  private sizeBytes = 0

  constructor(since: Timestamp) {
    this.since = since
  }

  /** What a command of the range writes. */
  take(operations: Uint8Array): void {
    Batch.visit(operations, 0, operations.length, {
      put: (bytes, keyFrom, keyTo, valueTo) => {
        const engineKey = bytes.subarray(keyFrom, keyTo)
        if (engineKey[0] !== Key.tags.data) return
        const end = Key.endOf(engineKey)
        if (Key.kindAt(engineKey, end) !== Key.kinds.head) return
        const { at, value } = Records.readHead(Bytes.copy(bytes, keyTo, valueTo))
        this.changes.push({ key: Key.keyOf(engineKey, end), value, at })
        this.sizeBytes += valueTo - keyFrom + overheadBytes
      },
      delete: () => {},
      deleteRange: () => {}
    })
    if (this.sizeBytes > recentBytesMax) this.forget()
  }

  /** Half of them, so that it is not done for each. */
  private forget(): void {
    const gone = this.changes.splice(0, Math.ceil(this.changes.length / 2))
    for (const { at } of gone) this.since = Math.max(this.since, at)
    this.sizeBytes = this.changes.reduce(
      (bytes, { key, value }) => bytes + key.length + (value?.length ?? 0) + overheadBytes,
      0
    )
  }

  within(span: Span, after: Timestamp, upTo: Timestamp): Array<Change> {
    return this.changes.filter(({ at, key }) => at > after && at <= upTo && contains(span, key))
  }
}
