/**
 * Faults: everything that the simulator may do to a cluster, each by name. A fault is plain data, so a schedule of them can be
 * drawn, written down, replayed and shrunk.
 */

/** What a fault breaks: decides its group in `sim list` and its colour in a report. */
export type Group = "network" | "disk" | "clock" | "process"

interface Definition {
  readonly group: Group
  /** One line for `sim list faults`. */
  readonly summary: string
}

/** Every fault by name. `amount` is the number that a scheduled fault of this kind carries. */
export const definitions = {
  delay: { group: "network", summary: "messages take longer: up to `amount` microseconds more each" },
  loss: { group: "network", summary: "datagrams vanish: `amount` per mille" },
  duplicate: { group: "network", summary: "datagrams arrive twice: `amount` per mille" },
  reorder: { group: "network", summary: "datagrams overtake each other: `amount` per mille are held back" },
  partition: {
    group: "network",
    summary: "the named nodes are cut off from all other servers, both ways; with `amount` 1 from the clients too"
  },
  "one-way": {
    group: "network",
    summary:
      "the first named node reaches the second (all clients, when there is none) no more; the way back stays open"
  },
  partial: { group: "network", summary: "two nodes lose each other; both still reach everybody else" },
  clog: {
    group: "network",
    summary: "all links stop, then go on one by one in random order: nothing is lost, everything waits"
  },
  "half-open": { group: "network", summary: "connections of a node go silent without an end or a reset" },
  fragment: { group: "network", summary: "byte streams arrive in chunks of at most `amount` bytes" },
  "slow-link": { group: "network", summary: "links of a node carry `amount` bytes a millisecond" },
  reset: { group: "network", summary: "all connections of a node break" },
  "lose-unsynced": {
    group: "disk",
    summary: "power loss, inside the next sync when `amount` is 1: each unsynced write is kept or lost on its own draw"
  },
  "torn-write": {
    group: "disk",
    summary: "power loss, inside the next sync when `amount` is 1, cuts unsynced writes at sector boundaries"
  },
  "lose-directory-entry": {
    group: "disk",
    summary:
      "power loss, inside the next sync when `amount` is 1: directory entries that were not synced are kept or lost"
  },
  misdirect: { group: "disk", summary: "a write lands one sector off, over its neighbour" },
  "bit-rot": { group: "disk", summary: "a bit of a durable sector flips" },
  "io-error": { group: "disk", summary: "reads, writes and syncs of a node fail: `amount` per mille" },
  "disk-full": { group: "disk", summary: "a node's disk has no space left" },
  "slow-sync": { group: "disk", summary: "a node's syncs take up to `amount` microseconds more" },
  "stuck-sync": { group: "disk", summary: "a node's syncs do not return until the fault ends" },
  "lying-sync": { group: "disk", summary: "a node's syncs answer at once and sync nothing" },
  skew: { group: "clock", summary: "a node's wall clock is off by `amount` microseconds from its start" },
  drift: {
    group: "clock",
    summary:
      "the first named node's clocks run `amount` parts per million too fast (or slow), those of the others the other way"
  },
  step: { group: "clock", summary: "a node's wall clock jumps by `amount` microseconds" },
  crash: { group: "process", summary: "a node dies at once and restarts on what its disk kept" },
  stop: { group: "process", summary: "a node is asked to stop, drains, and restarts" },
  pause: { group: "process", summary: "a node stands still (SIGSTOP, a long collection), then goes on" },
  "kill-at-io": { group: "process", summary: "a node dies inside its `amount`-th disk call from then on" },
  wipe: { group: "process", summary: "a node dies, loses its disk and restarts empty" },
  version: { group: "process", summary: "a node restarts with version `amount` of the program" },
  config: { group: "process", summary: "a node restarts with other options" }
} as const satisfies Record<string, Definition>

export type Kind = keyof typeof definitions

export const kinds = Object.keys(definitions) as ReadonlyArray<Kind>

export const isKind = (name: string): name is Kind => Object.hasOwn(definitions, name)

/**
 * Clocks drift by at most this many parts per million either way, where the run's option `clock.driftPpmMax` says nothing
 * else: what protocols with leases may rely on.
 */
export const driftPpmMax = 500

/** One fault of a schedule. */
export interface Fault {
  readonly kind: Kind
  /** Virtual microseconds from the start of the run. */
  readonly atMicros: number
  /** How long it lasts; for those that restart a node: how long the node is down. 0 where it is over at once. */
  readonly forMicros: number
  /** Server nodes by index; what each position means is in the kind's summary. */
  readonly nodes: ReadonlyArray<number>
  readonly amount: number
}
