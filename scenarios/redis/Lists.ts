/**
 * Lists as queues, through RESP, at whichever server: each item is taken once, in the order in which all lists changed, and whoever waits for one is
 * woken when it is there, in the order of coming.
 */
import * as Delivery from "./Delivery.ts"
import { client, draw, keys, label, type Operation, type Value } from "./ListOperations.ts"
import * as Scenarios from "./Scenarios.ts"

export const scenario = Scenarios.make<Operation, Value>({
  name: "redis/lists",
  summary:
    "lists of Redis as queues, with clients that wait: each item is taken once, in order, and whoever waits is woken",
  workload: {
    gapMicros: 30_000,
    draw,
    client,
    final: (number) => [
      { type: "meet", number },
      { type: "use", does: { type: "push", key: keys[0], end: "right", values: [number] } },
      ...keys.map((key): Operation => ({ type: "use", does: { type: "range", key } }))
    ],
    label
  },
  judges: [Delivery.linearizability, Delivery.delivery]
})
