/**
 * Waiting: who waits for lists in a node's memory, as trace events, and the judge of them: whose turn it is: first come, first served, by key; and nobody
 * waits for a list that is there. From outside none of this can be told: a client's command may have been long on its way.
 *
 * | event               | what                                                    |
 * | ------------------- | ------------------------------------------------------- |
 * | `redis/begun`       | a process has begun: nobody waits                       |
 * | `redis/waits`       | a client waits: its number, database and keys as JSON   |
 * | `redis/served`      | it has what it waited for, of this key                  |
 * | `redis/leaves`      | it waits no more                                        |
 * | `redis/overlooked`  | commands are done, and it waits for a list that is there |
 */
import type { Waiter } from "#database/redis/Blocking.ts"
import type { Engine } from "#database/redis/Engine.ts"
import { typeOf } from "#database/redis/Value.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import type { Trace } from "#world/Trace.ts"

/** Tells of everybody who waits at this engine from now on. */
export const observe = (engine: Engine, trace: Trace["Service"]): void => {
  const { blocking } = engine
  const numbers = new Map<Waiter, number>()
  let last = 0
  const wait = blocking.wait.bind(blocking)
  const leave = blocking.leave.bind(blocking)
  const settle = engine.settle.bind(engine)
  trace.emit("debug", "redis/begun")
  blocking.wait = (waiter) => {
    if (waiter.takes === "list") {
      const { database, keys } = waiter
      const number = ++last
      const serve = waiter.serve.bind(waiter)
      numbers.set(waiter, number)
      trace.emit("debug", "redis/waits", { waiter: number, database, keys: JSON.stringify(keys) })
      waiter.serve = (key) => {
        const isServed = serve(key)
        if (isServed) trace.emit("debug", "redis/served", { waiter: number, key })
        return isServed
      }
    }
    wait(waiter)
  }
  blocking.leave = (waiter) => {
    const number = numbers.get(waiter)
    if (numbers.delete(waiter)) trace.emit("debug", "redis/leaves", { waiter: number! })
    return leave(waiter)
  }
  engine.settle = () => {
    settle()
    for (const [{ database, keys }, waiter] of numbers) {
      const key = keys.find((each) => {
        const entry = engine.databases[database].peek(each)
        return entry !== undefined && typeOf(entry.content) === "list"
      })
      if (key !== undefined) trace.emit("debug", "redis/overlooked", { waiter, key })
    }
  }
}

interface Place {
  readonly database: number
  readonly keys: ReadonlyArray<string>
}

/** By the node, and by numbers, which rise with the time of their coming. */
type Lines = Map<number, Map<number, Place>>

const look = (lines: Lines, { atMicros, fields, name, node }: Observed): Violation | undefined => {
  if (name === "redis/begun") lines.set(node, new Map())
  const line = lines.get(node)
  const waiter = Number(fields["waiter"])
  const key = String(fields["key"])
  if (line === undefined) return undefined
  if (name === "redis/waits") {
    line.set(waiter, {
      database: Number(fields["database"]),
      keys: JSON.parse(String(fields["keys"])) as ReadonlyArray<string>
    })
  }
  if (name === "redis/leaves") line.delete(waiter)
  if (name === "redis/overlooked")
    return { detail: `waiter ${waiter} waits for ${key}, which is there`, atMicros, node }
  if (name !== "redis/served") return undefined
  const served = line.get(waiter)
  line.delete(waiter)
  for (const [other, { database, keys }] of line) {
    if (other < waiter && database === served?.database && keys.includes(key)) {
      return { detail: `waiter ${waiter} was served from ${key} before ${other}, who came first`, atMicros, node }
    }
  }
  return undefined
}

export const turns: Judge = {
  name: "turns",
  make: () => {
    const lines: Lines = new Map()
    return { observe: (event) => (event.name.startsWith("redis/") ? look(lines, event) : undefined) }
  }
}
