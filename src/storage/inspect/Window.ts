/** Window: reads a file from front to back in large stretches, for those who want it in small ones. */
import * as Effect from "effect/Effect"
import type { DiskError } from "#world/WorldError.ts"
import type { Source } from "./Unit.ts"

/** Enough that a trip to the device is worth its while. */
const stretchBytes = 1_048_576

export class Window {
  private readonly source: Source
  private bytes: Uint8Array = new Uint8Array(0)
  private from = 0

  constructor(source: Source) {
    this.source = source
  }

  /** The bytes from `offset` on; fewer than asked for: the file ends. */
  read(offset: number, lengthBytes: number): Effect.Effect<Uint8Array, DiskError> {
    const at = offset - this.from
    if (at >= 0 && at + lengthBytes <= this.bytes.length) {
      return Effect.succeed(this.bytes.subarray(at, at + lengthBytes))
    }
    return Effect.map(this.source.handle.readAt(offset, Math.max(lengthBytes, stretchBytes)), (bytes) => {
      this.bytes = bytes
      this.from = offset
      return bytes.subarray(0, lengthBytes)
    })
  }
}
