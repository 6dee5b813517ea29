/**
 * A made-up run for tests and for looking at the page: three servers, two clients, a lease granted twice. The leader is cut off with a
 * drifting clock; the others elect a second one, which waits for a lease by its own clock and grants it while the first still serves.
 */
import { Prng } from "#base/Prng.ts"
import type { DiskEvent, MessageEvent, OperationEvent, RecordedEvent, Recording, TraceEvent } from "./Recording.ts"

export interface FakeOptions {
  /** Length of the run; the violation is at about 3.3 s. More time is more heartbeats. */
  readonly virtualMicros: number
  readonly heartbeatMicros: number
}

const names = ["server-0", "server-1", "server-2", "client-0", "client-1"]

/** The run as plain data: the same options give the same recording. */
export const fakeRecording = (
  options: FakeOptions = { virtualMicros: 5_000_000, heartbeatMicros: 50_000 }
): Recording => {
  const draw = new Prng(1, 2, 3, 4)
  const events: Array<RecordedEvent> = []
  const cutFrom = 2_100_000
  const cutUntil = 3_450_000
  const downFrom = 1_200_000
  const downUntil = 1_620_000
  const delay = (): number => 350 + draw.below(1_900)
  const down = (node: number, at: number): boolean => node === 2 && at >= downFrom && at < downUntil

  const send = (from: number, to: number, sentAt: number, label: string): number => {
    const at = sentAt + delay()
    const apart = (from === 0) !== (to === 0) && from < 3 && to < 3 && sentAt >= cutFrom && sentAt < cutUntil
    const chance = draw.below(1_000)
    const lost = chance < 12 && sentAt > 600_000 && sentAt < 3_600_000
    const fate: MessageEvent["fate"] = apart ? "cut" : lost ? "lost" : down(to, at) ? "dead" : "delivered"
    const message = {
      type: "message",
      channel: from > 2 || to > 2 ? "stream" : "datagram",
      from,
      to,
      sentAt,
      sizeBytes: 40 + draw.below(200),
      label
    } as const
    events.push({ ...message, at, fate })
    if (fate === "delivered" && chance > 985) events.push({ ...message, at: at + delay(), fate: "duplicate" })
    return at
  }
  const disk = (node: number, submittedAt: number, operation: string, took: number, result = "ok"): number => {
    const event: DiskEvent = {
      type: "disk",
      node,
      submittedAt,
      at: submittedAt + took,
      operation,
      path: "lease/log",
      sizeBytes: operation === "write" ? 512 : 0,
      result
    }
    events.push(event)
    return event.at
  }
  const trace = (
    node: number,
    at: number,
    level: TraceEvent["level"],
    name: string,
    fields: TraceEvent["fields"] = {}
  ): void => {
    events.push({ type: "trace", at, node, level, name, fields })
  }
  const operation = (
    node: number,
    at: number,
    until: number | undefined,
    label: string,
    outcome: OperationEvent["outcome"],
    result: string
  ): void => {
    events.push({ type: "operation", node, at, ...(until === undefined ? {} : { until }), label, outcome, result })
  }
  /** A request that a leader writes down, copies to `follower` and answers. */
  const serve = (client: number, leader: number, follower: number, at: number, name: string, term: number): void => {
    const arrived = send(client, leader, at, name)
    const written = disk(leader, arrived + 20, "write", 90 + draw.below(80))
    const synced = disk(leader, written + 5, "sync", 1_800 + draw.below(2_500))
    const copied = send(leader, follower, written + 10, `Append term=${term} ${name}`)
    const kept = disk(follower, copied + 15, "write", 80 + draw.below(90))
    const followed = disk(follower, kept + 5, "sync", 1_500 + draw.below(2_000))
    const acknowledged = send(follower, leader, followed + 10, `AppendReply term=${term} ok`)
    const committed = Math.max(acknowledged, synced) + 30
    trace(leader, committed, "info", "lease.granted", { to: names[client], term, millis: 900 })
    operation(client, at - 15, send(leader, client, committed + 10, "Granted 900ms") + 10, name, "ok", "granted 900 ms")
  }

  for (let node = 0; node < 3; node++) {
    events.push({ type: "node", at: 1_000 + node * 300, node, change: "start", detail: "incarnation 1" })
    trace(node, 2_000 + node * 350, "info", "node.started", { incarnation: 1 })
  }
  events.push({ type: "phase", at: 0, name: "safety" })
  for (let at = 20_000; at < options.virtualMicros; at += options.heartbeatMicros) {
    const second = at > 2_430_000
    const leader = second ? 1 : 0
    for (let node = 0; node < 3; node++) {
      const old = second && at < cutUntil + 20_000
      if (node !== leader) {
        const arrived = send(leader, node, at + draw.below(300), `Heartbeat term=${second ? 5 : 4}`)
        if (!down(node, arrived)) send(node, leader, arrived + 40, "HeartbeatReply")
      }
      if (old && node !== 0) send(0, node, at + draw.below(300), "Heartbeat term=4")
    }
  }
  for (const [index, at] of [150_000, 420_000, 800_000, 1_050_000, 1_380_000, 1_750_000].entries())
    serve(3 + (index % 2), 0, 1, at, `acquire printer`, 4)
  events.push({ type: "node", at: downFrom, node: 2, change: "crash", detail: "killed with 3 unsynced writes" })
  events.push({
    type: "fault",
    at: downFrom,
    until: downUntil,
    kind: "crash",
    group: "process",
    nodes: [2],
    detail: "restarts after 420 ms"
  })
  events.push({ type: "node", at: downUntil, node: 2, change: "start", detail: "incarnation 2" })
  trace(2, downUntil + 900, "warn", "log.truncated", { records: 3, path: "lease/log" })
  events.push({
    type: "fault",
    at: 600_000,
    until: 3_600_000,
    kind: "loss",
    group: "network",
    nodes: [],
    detail: "12 per mille"
  })
  events.push({
    type: "fault",
    at: cutFrom,
    until: cutUntil,
    kind: "partition",
    group: "network",
    nodes: [0],
    detail: "server-0 | server-1, server-2"
  })
  events.push({
    type: "fault",
    at: 1_900_000,
    until: 3_600_000,
    kind: "drift",
    group: "clock",
    nodes: [0],
    detail: "-300,000 ppm: slow"
  })
  events.push({
    type: "fault",
    at: 2_700_000,
    until: 3_000_000,
    kind: "slow-sync",
    group: "disk",
    nodes: [1],
    detail: "up to 9 ms more"
  })
  events.push({
    type: "fault",
    at: 3_050_000,
    until: 3_120_000,
    kind: "io-error",
    group: "disk",
    nodes: [2],
    detail: "500 per mille"
  })
  disk(2, 3_060_400, "sync", 700, "EIO")
  trace(2, 3_061_300, "warn", "disk.retry", { operation: "sync", code: "EIO" })
  disk(2, 3_063_000, "sync", 900)

  const first = send(3, 0, 2_090_000 - 4_000, "acquire printer")
  disk(0, first + 15, "write", 110)
  const kept = disk(0, first + 140, "sync", 2_100)
  trace(0, kept + 20, "info", "lease.granted", { to: "client-0", term: 4, millis: 900 })
  operation(3, 2_085_980, send(0, 3, kept + 40, "Granted 900ms") + 15, "acquire printer", "ok", "granted 900 ms")
  trace(1, 2_401_000, "warn", "leader.silent", { millis: 300 })
  for (const node of [0, 2]) send(1, node, 2_401_300, "RequestVote term=5")
  const vote = send(2, 1, 2_405_000, "Vote term=5 granted")
  trace(1, vote + 40, "info", "leader.elected", { term: 5 })
  trace(1, vote + 60, "info", "lease.wait", { millis: 900 })
  operation(4, 2_600_000, undefined, "acquire printer", "unknown", "")
  send(4, 0, 2_600_020, "acquire printer")
  operation(4, 2_900_000, 2_904_000, "acquire scanner", "failed", "not leader")
  trace(1, vote + 900_100, "info", "lease.wait.over", {})
  const again = vote + 902_000
  const renewed = send(3, 0, again + 3_000, "renew printer")
  operation(3, again + 2_980, send(0, 3, renewed + 60, "Holds until 3.372s") + 10, "renew printer", "ok", "held")
  trace(0, renewed + 40, "debug", "lease.checked", { holder: "client-0", localMillis: 2_969, expiresMillis: 2_990 })
  serve(4, 1, 2, again, "acquire printer", 5)
  const violated = again + 12_400
  trace(0, violated - 900, "info", "lease.held", { by: "client-0", term: 4 })
  if (options.virtualMicros > 4_000_000) events.push({ type: "phase", at: 4_000_000, name: "liveness" })
  events.push({ type: "phase", at: options.virtualMicros, name: "end" })

  return {
    scenario: "leased-register",
    seed: "42",
    verdict: "fail",
    traceHash: "9f3c21d07ab4e855",
    reproduce: "npm run sim -- --scenario leased-register --seed 42",
    virtualMicros: options.virtualMicros,
    lanes: names.map((name) => ({ name, kind: name.startsWith("server") ? "server" : "client" })),
    options: {
      policy: "pct",
      nodes: 3,
      clients: 2,
      preemptionOneIn: 12,
      buggify: false,
      leaseMillis: 900,
      heartbeatMillis: 50,
      faults: "loss, partition, drift, crash, slow-sync, io-error"
    },
    checks: [
      { name: "linearizable", verdict: "pass", detail: "9 operations, 1 of unknown outcome" },
      {
        name: "lease-exclusive",
        verdict: "fail",
        detail:
          "printer is held by client-1 (granted by server-1, term 5) while client-0 still holds it by the word of server-0 (term 4)",
        atMicros: violated,
        node: 1
      },
      { name: "no-errors", verdict: "pass", detail: "no unexpected event of level error" },
      { name: "liveness", verdict: "unknown", detail: "not judged after a failure" }
    ],
    events: events.toSorted((left, right) => left.at - right.at),
    truncated: false
  }
}
