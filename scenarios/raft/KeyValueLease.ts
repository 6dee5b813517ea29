/** The same with reads by the leader's lease, which costs no messages and trusts that clocks drift within their bound. */
import * as Scenarios from "./Scenarios.ts"

const base = Scenarios.make({
  name: "raft/kv-lease",
  summary: "a replicated key-value state whose leaders read by lease: linearizable while clocks keep to their bound"
})

export const scenario = { ...base, options: { ...base.options, reads: ["lease"] } }
