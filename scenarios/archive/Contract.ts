/**
 * Contract: a node that answers with a blob has it on its disk, durably. Judged at every answer, and not only when the other
 * copies are gone and the power fails just then. What a fault damaged is not the node's fault.
 */
import { getF64, getU32 } from "#base/Bytes.ts"
import type { Judge } from "#sim/run/Judge.ts"
import * as Archive from "../systems/Archive.ts"
import { answerHeadBytes, Asked } from "../systems/Asked.ts"

export const contract: Judge = {
  name: "contract",
  inside: true,
  make: (run) => {
    const asked = new Asked(run.nodes)
    return {
      sent: (datagram) => {
        if (asked.hears(datagram)) return undefined
        const answered = asked.answeredBy(datagram)
        const { bytes, from } = datagram
        if (answered === undefined || bytes[answerHeadBytes] !== 1) return undefined
        const key = getU32(answered.body, 1)
        const path = Archive.pathOf(key)
        const durable = run.durable(from, path)
        if (durable !== undefined && Archive.decode(durable) === getF64(bytes, answerHeadBytes + 1)) return undefined
        return run.damaged(from, path) ? undefined : { detail: `n${from} has key ${key}, it says; its disk forgets it` }
      }
    }
  }
}
