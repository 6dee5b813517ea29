/** Settings: the bounds of a transport, in time and in memory. Sizes that no setting may exceed stand in `base/Limits.ts`. */
import type { Lane } from "./Lane.ts"

export interface LaneSettings {
  /** Frames that wait for one peer, in bytes with their headers; more are not taken. An empty lane takes any frame. */
  readonly creditBytes: number
  /** A frame that has waited longer is dropped: whoever sent it has given up or asked again. */
  readonly waitMicros: number
}

export interface Settings {
  readonly lanes: Readonly<Record<Lane, LaneSettings>>
  /** Frames that are gathered into one write, in bytes, unless one alone is larger. */
  readonly writeBytesMax: number
  /** From the start of a dial, or of an accepted connection, to the end of the handshake. */
  readonly handshakeMicros: number
  /** A connection on which nothing was written for so long says that it lives. */
  readonly keepAliveMicros: number
  /** A connection on which nothing was heard for so long is broken. Several times `keepAliveMicros` of all peers. */
  readonly silenceMicros: number
  /** Waiting time before a dial: doubled with each failure from the first to the second, then shortened by chance, to half at most. */
  readonly backoffMicrosMin: number
  readonly backoffMicrosMax: number
}

export const defaults: Settings = {
  lanes: {
    // Elections, heartbeats, the groups that hold the cluster together: small, and worthless when late.
    system: { creditBytes: 4 * 1_048_576, waitMicros: 1_000_000 },
    // A few windows of appended entries of all groups.
    normal: { creditBytes: 32 * 1_048_576, waitMicros: 3_000_000 },
    // What stores ask each other; whoever asked does not wait for much longer.
    requests: { creditBytes: 16 * 1_048_576, waitMicros: 3_000_000 },
    // Snapshots: their senders wait for answers.
    bulk: { creditBytes: 8 * 1_048_576, waitMicros: 30_000_000 }
  },
  // Four times what a connection buffers: a turn's frames go out at once, and a system frame waits for no more than this.
  writeBytesMax: 262_144,
  // A round trip round the world, or two, and one lost packet.
  handshakeMicros: 2_000_000,
  keepAliveMicros: 1_000_000,
  silenceMicros: 3_500_000,
  backoffMicrosMin: 50_000,
  // A store that comes back is found again within this time.
  backoffMicrosMax: 1_000_000
}
