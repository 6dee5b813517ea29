/**
 * Registry: every scenario under `scenarios/`, by the name it has on the command line. A new scenario is one file that
 * exports `scenario`, and one entry here; nothing is found by looking at folders.
 */
import type { Scenario } from "#sim/run/Scenario.ts"

export interface Entry {
  /** The scenario's own summary, so that `sim list` need not load it. */
  readonly summary: string
  /** A canary must fail: it tests the tester. */
  readonly canary: boolean
  readonly load: () => Promise<{ readonly scenario: Scenario }>
}

export const entries: Readonly<Record<string, Entry>> = {
  "register/lease": {
    summary: "a compare-and-set register served under a majority lease, over datagrams",
    canary: false,
    load: () => import("./register/Lease.ts")
  },
  "counter/durable": {
    summary: "an append-only counter on disk: what was acknowledged is counted once, after any crash",
    canary: false,
    load: () => import("./counter/Durable.ts")
  },
  "echo/stream": {
    summary: "an echo over byte streams: every byte comes back once and in order, however it is cut",
    canary: false,
    load: () => import("./echo/Stream.ts")
  },
  "archive/write-all": {
    summary: "write-once blobs on every node: one intact copy survives rot, lying syncs and wiped disks",
    canary: false,
    load: () => import("./archive/WriteAll.ts")
  },
  "storage/memory": {
    summary: "everything in memory, durable by a log and checkpoints: what was acknowledged stays, and damage is told",
    canary: false,
    load: () => import("./storage/Memory.ts")
  },
  "storage/lsm": {
    summary: "an LSM tree: what was acknowledged stays, and damage is told",
    canary: false,
    load: () => import("./storage/Lsm.ts")
  },
  "storage/btree": {
    summary: "a copy-on-write B+tree: what was acknowledged stays, and damage is told",
    canary: false,
    load: () => import("./storage/Btree.ts")
  },
  "storage/wal": {
    summary:
      "streams of one log: what was acknowledged stays in its place, and a damaged record is never taken for the end",
    canary: false,
    load: () => import("./storage/Wal.ts")
  },
  "raft/kv": {
    summary: "a replicated key-value state over streams: linearizable, reads by a quorum",
    canary: false,
    load: () => import("./raft/KeyValue.ts")
  },
  "raft/kv-lease": {
    summary: "a replicated key-value state whose leaders read by lease: linearizable while clocks keep to their bound",
    canary: false,
    load: () => import("./raft/KeyValueLease.ts")
  },
  "raft/lease": {
    summary:
      "leaders read by lease, are cut off or stand still, and clocks jump: no read is stale, and no two hold a lease",
    canary: false,
    load: () => import("./raft/Lease.ts")
  },
  "raft/lease-clocks": {
    summary: "leaders read by lease and are cut off, while clocks jump and drift: no two hold a lease",
    canary: false,
    load: () => import("./raft/LeaseClocks.ts")
  },
  "raft/membership": {
    summary: "replicas are added, promoted, demoted and removed, several at once, while clients go on",
    canary: false,
    load: () => import("./raft/Membership.ts")
  },
  "raft/snapshots": {
    summary: "hardly any log: replicas that fall behind get snapshots, in small chunks, under load",
    canary: false,
    load: () => import("./raft/Snapshots.ts")
  },
  "raft/transfer": {
    summary: "leadership goes from server to server under load; reads by lease end with it",
    canary: false,
    load: () => import("./raft/Transfer.ts")
  },
  "raft/churn": {
    summary:
      "leaders change several times a second: stalled links and disks, transfers, short logs, even numbers of servers",
    canary: false,
    load: () => import("./raft/Churn.ts")
  },
  "raft/exile": {
    summary:
      "leaders are cut off with entries that nobody else has, and come back generations later: ends of logs differ",
    canary: false,
    load: () => import("./raft/Exile.ts")
  },
  "raft/stalls": {
    summary:
      "streams stall one by one, about as long as an election takes: answers come when another question is asked",
    canary: false,
    load: () => import("./raft/Stalls.ts")
  },
  "raft/halves": {
    summary: "two or four servers, transfers all the time, connections that die: halves agree on a leader in the end",
    canary: false,
    load: () => import("./raft/Halves.ts")
  },
  "raft/bridge": {
    summary: "a connected majority elects although a bridge hears the old leader, and the links stay cut",
    canary: false,
    load: () => import("./raft/Bridge.ts")
  },
  "raft/hung-disk": {
    summary: "a leader's disk hangs for good while its links are well: another one leads",
    canary: false,
    load: () => import("./raft/HungDisk.ts")
  },
  "raft/restart": {
    summary:
      "restarts, rolling and all at once, with and without power, with other options: nothing acknowledged is lost",
    canary: false,
    load: () => import("./raft/Restart.ts")
  },
  "raft/disk-damage": {
    summary: "rot and stray writes on one disk of three: nothing acknowledged is lost, no vote is forgotten",
    canary: false,
    load: () => import("./raft/DiskDamage.ts")
  },
  "raft/disk-full": {
    summary: "disks fill up and are freed again: leaders hand over, nothing acknowledged is lost",
    canary: false,
    load: () => import("./raft/DiskFull.ts")
  },
  "raft/overload": {
    summary: "clients without a pause against queues of a few bytes: refusals are definite, nothing takes effect twice",
    canary: false,
    load: () => import("./raft/Overload.ts")
  },
  "raft/groups": {
    summary: "a hundred groups on the same stores: they sleep and wake, and share one log",
    canary: false,
    load: () => import("./raft/Groups.ts")
  },
  "raft/lease-drift": {
    summary: "must fail: leases trust a clock that drifts beyond its bound",
    canary: true,
    load: () => import("./raft/LeaseDrift.ts")
  },
  "transport/frames": {
    summary: "stores exchange frames: each at most once, whole and in the order of its lane, however connections fare",
    canary: false,
    load: () => import("./transport/Frames.ts")
  },
  "txn/list-append": {
    summary:
      "transactions on lists, in one range and across many, while ranges split and leases move: strictly serializable",
    canary: false,
    load: () => import("./txn/ListAppend.ts")
  },
  "txn/rw-register": {
    summary: "transactions on registers, blind writes among them: strictly serializable",
    canary: false,
    load: () => import("./txn/Registers.ts")
  },
  "txn/snapshot": {
    summary: "transactions at snapshot isolation: all that it promises, and in the order of real time",
    canary: false,
    load: () => import("./txn/Snapshot.ts")
  },
  "txn/read-committed": {
    summary:
      "transactions at read committed: each statement sees whole transactions, and never fewer than the one before",
    canary: false,
    load: () => import("./txn/ReadCommitted.ts")
  },
  "txn/feed": {
    summary:
      "servers follow what transactions commit, while ranges split, merge and move: nothing is missed or told twice",
    canary: false,
    load: () => import("./txn/Feed.ts")
  },
  "txn/bank": {
    summary: "transfers between accounts at every level: no snapshot has gained or lost money",
    canary: false,
    load: () => import("./txn/Bank.ts")
  },
  "txn/damage": {
    summary:
      "transactions while one disk rots and writes astray: strictly serializable, without the store that is damaged",
    canary: false,
    load: () => import("./txn/Damage.ts")
  },
  "txn/disk-full": {
    summary: "transactions on disks that fill up and are freed again: strictly serializable, and all go on in the end",
    canary: false,
    load: () => import("./txn/DiskFull.ts")
  },
  "txn/audit": {
    summary:
      "every decision is one entry of the audit trail, written with it, through splits, merges, moves and crashes",
    canary: false,
    load: () => import("./txn/Audit.ts")
  },
  "txn/cycle": {
    summary: "keys that form a ring, turned by transactions that follow it: it is one ring in every snapshot",
    canary: false,
    load: () => import("./txn/Cycle.ts")
  },
  "txn/write-skew": {
    summary: "one of a pair may leave while the other stays: never are both gone, at each level as it has to be used",
    canary: false,
    load: () => import("./txn/WriteSkew.ts")
  },
  "locks/fencing": {
    summary:
      "locks of sessions that die, stall and are cut off: one holds them at a time, under later and later tokens",
    canary: false,
    load: () => import("./locks/Fencing.ts")
  },
  "txn/deadlock": {
    summary: "transactions lock the same keys in orders of their own: someone of each circle is told, all others go on",
    canary: false,
    load: () => import("./txn/Deadlock.ts")
  },
  "txn/abandoned": {
    summary: "transactions are taken for abandoned while their coordinators live: they are decided once all the same",
    canary: false,
    load: () => import("./txn/Abandoned.ts")
  },
  "saga/orders": {
    summary:
      "sagas of steps here and elsewhere, through everything: all end, money is conserved, nothing happens twice",
    canary: false,
    load: () => import("./saga/Orders.ts")
  },
  "redis/cells": {
    summary: "numbers under keys of Redis: linearizable through RESP, MULTI and WATCH, whichever node has the data",
    canary: false,
    load: () => import("./redis/Cells.ts")
  },
  "redis/registers": {
    summary: "several keys of Redis in one MULTI, MSET or MGET: all or nothing, in one order for everybody",
    canary: false,
    load: () => import("./redis/Registers.ts")
  },
  "redis/lists": {
    summary:
      "lists of Redis as queues, with clients that wait: each item is taken once, in order, and whoever waits is woken",
    canary: false,
    load: () => import("./redis/Lists.ts")
  },
  "redis/streams": {
    summary: "streams of Redis: each group hands out each entry once, and it is pending until it is acknowledged",
    canary: false,
    load: () => import("./redis/Streams.ts")
  },
  "redis/takeover": {
    summary:
      "the node with Redis's data is cut off, stopped and killed all the time: nothing is lost, nobody reads what is old",
    canary: false,
    load: () => import("./redis/Takeover.ts")
  },
  "redis/evictions": {
    summary:
      "more than maxmemory, under every policy: keys go whole, only those that may, and never come back as they were",
    canary: false,
    load: () => import("./redis/Evictions.ts")
  },
  "redis/lease-drift": {
    summary: "must fail: the node with Redis's data trusts a clock that drifts beyond its bound",
    canary: true,
    load: () => import("./redis/LeaseDrift.ts")
  },
  "canary/host-clock": {
    summary: "must fail: a node reads the host's clock",
    canary: true,
    load: () => import("./canary/HostClock.ts")
  },
  "canary/ack-before-sync": {
    summary: "must fail: a server acknowledges before its sync",
    canary: true,
    load: () => import("./canary/AckBeforeSync.ts")
  },
  "canary/double-grant": {
    summary: "must fail: leases are granted twice",
    canary: true,
    load: () => import("./canary/DoubleGrant.ts")
  },
  "canary/lost-update": {
    summary: "must fail: two fibers read, then write, without a lock",
    canary: true,
    load: () => import("./canary/LostUpdate.ts")
  },
  "canary/txn-write-skew": {
    summary: "must fail: at snapshot isolation two transactions write what the other reads",
    canary: true,
    load: () => import("./canary/TxnWriteSkew.ts")
  },
  "canary/txn-lost-update": {
    summary: "must fail: at read committed two transactions read, then write, without a lock",
    canary: true,
    load: () => import("./canary/TxnLostUpdate.ts")
  }
}
