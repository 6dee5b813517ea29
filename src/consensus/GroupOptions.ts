/** GroupOptions: what one group may take of time and memory; `HostOptions` has the defaults and their reasons. */
export interface Options {
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly tickMicros: number
  /** The same on all stores: a lease rests on how the others vote. */
  readonly reads: "quorum" | "lease"
  /** What surely passes on this node's clock before `electionTicks - 1` ticks have passed on any other's, with that one's options. */
  readonly leaseMicros: number
  readonly messageBytesMax: number
  readonly inflightMax: number
  readonly inflightBytesMax: number
  /** Committed entries that one turn applies. */
  readonly applyingBytesMax: number
  readonly uncommittedBytesMax: number
  /** Proposals that wait to be appended. */
  readonly queueBytesMax: number
  /**
   * While the first of them has waited for so long, or the first that was appended has not been decided for so long, more are refused: they
   * would be decided when nobody waits for them any more. Bytes do not bound this: a slow quorum takes minutes for what is small.
   */
  readonly waitTicksMax: number
  /** Reads that wait for a quorum, or for what they have to see. */
  readonly readsMax: number
  /** Applied entries, and ticks, after which the state machine writes what they changed, whatever comes first. */
  readonly flushEntries: number
  readonly flushTicks: number
  /** The log is cut once it holds so much that the state machine has durably. */
  readonly logBytesMax: number
}
