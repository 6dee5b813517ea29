/** BlockingLists: the commands of lists that wait until there is something to take. */
import type { End } from "#database/redis/ListValue.ts"
import { typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Lists from "./Lists.ts"
import * as Timeout from "./Timeout.ts"

const pop =
  (end: End): Handler =>
  (call) => {
    const { argv } = call
    const timeoutMillis = Timeout.secondsAt(call, argv.length - 1)
    const keys = argv.slice(1, -1)
    const serve = (served: Call, key: string): boolean => {
      const entry = served.changeOf(key, "list")
      if (entry === undefined) return false
      served.out.array(2)
      served.out.bulk(key)
      Lists.replyPopped(served, entry, end, undefined)
      return true
    }
    for (const key of keys) if (serve(call, key)) return
    call.block({
      keys,
      takes: "list",
      timeoutMillis,
      serve: unlessOther(serve),
      timedOut: ({ out }) => out.nullArray()
    })
  }

const move =
  (timeoutAt: number, read: (call: Call) => readonly [from: End, to: End]): Handler =>
  (call) => {
    const { argv } = call
    const [from, to] = read(call)
    const timeoutMillis = Timeout.secondsAt(call, timeoutAt)
    const serve = (served: Call, key: string): boolean => {
      const entry = served.changeOf(key, "list")
      if (entry === undefined) return false
      Lists.replyMoved(served, entry, argv[2], from, to)
      return true
    }
    if (serve(call, argv[1])) return
    if (call.isInMulti) return call.out.null()
    call.block({
      keys: [argv[1]],
      takes: "list",
      timeoutMillis,
      // The target may hold something else by now: that is refused, and the item stays where it is.
      serve: unlessOther(serve),
      timedOut: ({ out }) => out.nullArray()
    })
  }

const popFromMany: Handler = (call) => {
  const pop = Lists.readManyPop(call, 2)
  const timeoutMillis = Timeout.secondsAt(call, 1)
  if (Lists.replyManyPopped(call, pop)) return
  const serve = (served: Call, key: string): boolean => Lists.replyManyPopped(served, { ...pop, keys: [key] })
  call.block({
    keys: pop.keys,
    takes: "list",
    timeoutMillis,
    serve: unlessOther(serve),
    timedOut: ({ out }) => out.nullArray()
  })
}

const isList = (call: Call, key: string): boolean => {
  const entry = call.db.peek(key)
  return entry !== undefined && typeOf(entry.content) === "list"
}

/** Who waits for a list waits on when the key holds something else. */
const unlessOther =
  (serve: (call: Call, key: string) => boolean) =>
  (call: Call, key: string): boolean =>
    isList(call, key) && serve(call, key)

export const handlers: Readonly<Record<string, Handler>> = {
  blpop: pop("left"),
  brpop: pop("right"),
  blmove: move(5, (call) => [Lists.endAt(call, 3), Lists.endAt(call, 4)]),
  brpoplpush: move(3, () => ["right", "left"]),
  blmpop: popFromMany
}
