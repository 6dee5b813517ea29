/**
 * Members come and go under load: learners, joint changes of several servers at once, removals of the leader itself, leadership handed
 * to and fro. Servers that are no members answer that they are none.
 */
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Scenarios from "./Scenarios.ts"
import * as Workload from "./Workload.ts"

const serversMax = 6

const base = Scenarios.make({
  name: "raft/membership",
  summary: "replicas are added, promoted, demoted and removed, several at once, while clients go on",
  behaviour: { membersMax: 3 }
})

export const scenario: Scenario<Workload.Operation, Workload.Value> = {
  ...base,
  nodes: { default: 5, min: 3, max: serversMax },
  workload: {
    ...base.workload,
    draw: (draw, at): Workload.Operation => {
      if (at.client > 0 || draw.chance(3, 4)) return base.workload.draw(draw, at)
      const server = (): number => draw.below(serversMax)
      if (draw.chance(1, 3)) return { type: "transfer", group: 1, to: server() }
      const first = server()
      const change = (server: number) => ({
        type: draw.pick<Workload.MemberChange>([...Workload.memberChanges, "add-voter"]),
        server
      })
      const changes = [change(first), change((first + draw.between(1, serversMax - 1)) % serversMax)]
      return { type: "members", group: 1, changes: changes.slice(0, draw.between(1, 2)) }
    }
  }
}
