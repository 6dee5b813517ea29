import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Engine } from "#database/redis/Engine.ts"
import { HashValue } from "#database/redis/HashValue.ts"
import { ListValue } from "#database/redis/ListValue.ts"
import { SetValue } from "#database/redis/SetValue.ts"
import { Shelf } from "#database/redis/Shelf.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import { StreamValue } from "#database/redis/StreamValue.ts"
import * as Footprint from "#database/redis/Footprint.ts"
import type { Content } from "#database/redis/Value.ts"
import { Rig } from "./commands/Rig.ts"
import { handlers } from "./Handlers.ts"

/** The value as it is when it was stored and loaded again: what it takes was counted from its elements alone. */
const reloaded = (content: Content): Content => {
  if (typeof content !== "object") return content
  const shelf = new Shelf()
  shelf.keep(content.clone(), { whole: true })
  return shelf.load((head, elements): Content => {
    if (content.type === "hash") return HashValue.load(head, elements)
    if (content.type === "list") return ListValue.load(head, elements)
    if (content.type === "set") return SetValue.load(head, elements)
    if (content.type === "zset") return SortedSetValue.load(head, elements)
    // Of a string the room for more counts, too.
    return content.type === "stream" ? StreamValue.load(head, elements) : content
  })
}

const counted = ({ databases }: Engine): number => {
  let bytes = 0
  for (const database of databases) {
    database.each((entry) => {
      const copy = Object.assign(Object.create(entry), { content: reloaded(entry.content) })
      bytes += Footprint.of(copy)
    })
  }
  return bytes
}

const key = fc.constantFrom("k1", "k2", "k3")
const text = fc.constantFrom("1", "a", "bb", "x".repeat(30), "y".repeat(100))
const line = (...parts: ReadonlyArray<string | fc.Arbitrary<string>>): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((words) => words.join(" "))
const id = fc.nat(12).map((n) => `0-${n + 1}`)

const command = fc.oneof(
  line("SET", key, text),
  line("SET", key, text, "EX 100"),
  line("APPEND", key, text),
  line("SETRANGE", key, "40", text),
  line("INCR", key),
  line("EXPIRE", key, "100"),
  line("PERSIST", key),
  line("DEL", key),
  line("RENAME", key, key),
  line("COPY", key, key, "REPLACE"),
  line("HSET", key, text, text, text, text),
  line("HDEL", key, text),
  line("HINCRBY", key, text, "1"),
  line("SADD", key, text, text),
  line("SREM", key, text),
  line("SPOP", key),
  line("SMOVE", key, key, text),
  line("SUNIONSTORE", key, key, key),
  line("ZADD", key, "1", text, "2", text),
  line("ZREM", key, text),
  line("ZPOPMIN", key),
  line("ZUNIONSTORE", key, "2", key, key),
  line("RPUSH", key, text, text),
  line("LPUSH", key, text),
  line("LSET", key, "0", text),
  line("LREM", key, "0", text),
  line("LTRIM", key, "1 -1"),
  line("LINSERT", key, "BEFORE", text, text),
  line("LMOVE", key, key, "LEFT RIGHT"),
  line("XADD", key, "*", text, text),
  line("XADD", key, "MAXLEN 2 *", text, text),
  line("XDEL", key, id),
  line("XGROUP CREATE", key, "g", fc.constantFrom("0", "$"), "MKSTREAM"),
  line("XGROUP DESTROY", key, "g"),
  line("XGROUP CREATECONSUMER", key, "g c2"),
  line("XGROUP DELCONSUMER", key, "g", fc.constantFrom("c1", "c2")),
  line("XREADGROUP GROUP g", fc.constantFrom("c1", "c2"), "COUNT 2 STREAMS", key, ">"),
  line("XACK", key, "g", id),
  line("XCLAIM", key, "g c2 0", id),
  line("XAUTOCLAIM", key, "g c1 0 0"),
  line("FLUSHDB")
)

describe("what data takes of memory", () => {
  it("is after any commands what is counted of the data that is there", () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 20, maxLength: 80 }), (lines) => {
        const rig = new Rig(Object.fromEntries(handlers))
        const client = rig.connect()
        for (const each of lines) {
          client.send(each)
          rig.now += 1
        }
        expect(rig.engine.usedBytes).toBe(counted(rig.engine))
      }),
      { numRuns: 300 }
    )
  })
})
