/**
 * Streams with groups of consumers, through RESP, at whichever server: what is added stays, and each group hands out each entry once, and keeps it
 * pending until it is acknowledged, though clients break off and owners of the data change.
 */
import { groupsHold } from "./Groups.ts"
import * as Scenarios from "./Scenarios.ts"
import { client, draw, groups, keys, label, type Operation, type Value } from "./StreamOperations.ts"

const everything = 100_000

export const scenario = Scenarios.make<Operation, Value>({
  name: "redis/streams",
  summary: "streams of Redis: each group hands out each entry once, and it is pending until it is acknowledged",
  workload: {
    gapMicros: 30_000,
    draw,
    client,
    final: (number) => [
      { type: "meet", number },
      { type: "add", key: keys[0], value: number },
      ...keys.flatMap((key) =>
        groups.flatMap((group): ReadonlyArray<Operation> => [
          { type: "read", key, group, countMax: everything },
          { type: "check", key, group }
        ])
      )
    ],
    label
  },
  judges: [groupsHold]
})
