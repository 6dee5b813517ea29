/** Transfers, all of which go into the audit trail, while ranges split, merge and move and servers die: each decision is one entry, on every server. */
import { judge } from "./Auditing.ts"
import { scenario as bank } from "./Bank.ts"
import type * as Client from "./Client.ts"
import * as Scenarios from "./Scenarios.ts"

const tells = Scenarios.upTo(Scenarios.serversMax).map((server): Client.Operation => ({ type: "tell", server }))

export const scenario: typeof bank = {
  ...bank,
  name: "txn/audit",
  summary: "every decision is one entry of the audit trail, written with it, through splits, merges, moves and crashes",
  options: { ...bank.options, audits: [true] },
  workload: {
    ...bank.workload,
    final: (client) => [...bank.workload.final(client), ...(client === 0 ? tells : [])]
  },
  judges: [...bank.judges, judge]
}
