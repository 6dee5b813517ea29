/**
 * Contract: what an archive owes its clients, whether or not the other copies are gone just then. What a fault damaged is
 * not the archive's fault.
 *
 * 1. A node that answers with a blob has it on its disk, durably. Judged at every answer.
 * 2. Whoever has put or seen a blob finds it on all disks. Judged at the end of every operation.
 */
import { getF64, getU32 } from "#base/Bytes.ts"
import type { Judge, Sight } from "#sim/run/Judge.ts"
import * as Archive from "../systems/Archive.ts"
import { answerHeadBytes, Asked } from "../systems/Asked.ts"

export interface Operation {
  readonly type: "get" | "put"
  readonly key: number
}

/** What a key stands for, for ever. */
export const valueOf = (key: number): number => key * 1_000 + 7

const has = (run: Sight, node: number, key: number, value: number): boolean => {
  const path = Archive.pathOf(key)
  const durable = run.durable(node, path)
  return (durable !== undefined && Archive.decode(durable) === value) || run.damaged(node, path)
}

export const contract: Judge<Operation, number | null> = {
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
        if (has(run, from, key, getF64(bytes, answerHeadBytes + 1))) return undefined
        return { detail: `n${from} has key ${key}, it says; its disk forgets it` }
      },
      completed: ({ operation: { key, type }, outcome }) => {
        if (outcome.type !== "ok" || (type === "get" && outcome.value === null)) return undefined
        for (let node = 0; node < run.nodes; node++) {
          if (!has(run, node, key, valueOf(key)))
            return { detail: `a ${type} of key ${key} is over, and the disk of n${node} does not have it` }
        }
        return undefined
      }
    }
  }
}
