/**
 * StreamContract: what `Net.ts` promises of byte streams, between two ends on one node. Silence and partitions only the
 * simulator can make; here the network is at its best.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Limits from "#base/Limits.ts"
import * as Net from "../Net.ts"
import {
  aWhile,
  bytesOf,
  type Claim,
  must,
  mustEqual,
  mustEqualBytes,
  mustFail,
  pattern,
  Reentrancy,
  until
} from "./Claim.ts"
import { connect, dial, End, listen, Sender } from "./StreamEnd.ts"

/** What does not hold where they are lent. */
export const givenForGood = "bytes that a sink was given belong to it"

/** An address of this host at which nobody listens. */
const nowhere = Effect.fnUntraced(function* (host: string) {
  const { address } = yield* listen(host)
  return address
}, Effect.scoped)

const bothClosed = (near: End, far: End) => until("both ends are closed", () => near.isClosed && far.isClosed)

export const claims = (host: string): ReadonlyArray<Claim> => [
  {
    name: "a listener at port 0 gets a port of its own, and one that is asked for when it is free",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const one = yield* listen(host)
      const two = yield* listen(host)
      must(one.address.port > 0 && two.address.port > 0 && one.address.port !== two.address.port, "ports must differ")
      mustEqual("the host of a listener", one.address.host, host)
      const free = yield* nowhere(host)
      const asked = yield* net.listen(free, () => new End())
      mustEqual("the address that was asked for", Net.addressKey(asked.address), Net.addressKey(free))
    })
  },
  {
    name: "a second listener at an address fails with address-in-use, until the first one closes",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const { address, listener } = yield* listen(host)
      yield* mustFail(
        "a second listener",
        "address-in-use",
        net.listen(address, () => new End())
      )
      listener.close()
      listener.close()
      yield* net.listen(address, () => new End())
    })
  },
  {
    name: "a dial is opened once, and the listener's side is not told so",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      yield* aWhile
      mustEqual("events of the dialling end", near.events, ["opened"])
      mustEqual("events of the accepting end", far.events, [])
    })
  },
  {
    name: "each end's remote address is the other's local address",
    test: Effect.gen(function* () {
      const { near, far, listener } = yield* connect(host)
      mustEqual("the listener's port, at the far end", far.connection.local.port, listener.address.port)
      mustEqual("the far end", Net.addressKey(near.connection.remote), Net.addressKey(far.connection.local))
      mustEqual("the near end", Net.addressKey(far.connection.remote), Net.addressKey(near.connection.local))
    })
  },
  {
    name: "megabytes arrive in order, both ways at once, whatever the chunks, and both ends close without an error",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      const totalBytes = 3_000_000
      new Sender({ from: near, key: 1, totalBytes }).run()
      new Sender({ from: far, key: 2, totalBytes }).run()
      yield* bothClosed(near, far)
      for (const end of [near, far]) {
        mustEqual("bytes received", end.receivedBytes, totalBytes)
        mustEqual("the place of the first wrong byte", end.wrongAt, -1)
        mustEqual("the error of an orderly end", end.error?.message ?? "none", "none")
        mustEqual("ends and closes", [end.count("ended"), end.count("closed")], [1, 1])
      }
    })
  },
  {
    name: "many small writes arrive as one stream",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      for (let position = 0; position < 5_000; position++) near.connection.write(pattern(1, position, 1))
      near.connection.end()
      far.connection.end()
      yield* bothClosed(near, far)
      mustEqual("bytes received", far.receivedBytes, 5_000)
      mustEqual("the place of the first wrong byte", far.wrongAt, -1)
    })
  },
  {
    name: "bytes that are written before the connection is established arrive once it is",
    test: Effect.gen(function* () {
      const { accepted, address } = yield* listen(host)
      const near = yield* dial(address)
      near.connection.write(bytesOf("early "))
      near.connection.write(bytesOf("bird"))
      near.connection.end()
      yield* until("the far end has ended", () => accepted.length === 1 && accepted[0].count("ended") === 1)
      mustEqual("the text", accepted[0].text, "early bird")
      accepted[0].connection.end()
      yield* bothClosed(near, accepted[0])
      mustEqual("events of the dialling end", near.events, ["opened", "ended", "closed"])
    })
  },
  {
    name: "an accepting end may write from within accept",
    test: Effect.gen(function* () {
      const { address } = yield* listen(host, (connection) => {
        connection.write(bytesOf("welcome"))
        connection.end()
        return new End()
      })
      const near = yield* dial(address)
      yield* until("the greeting is there", () => near.count("ended") === 1)
      mustEqual("the text", near.text, "welcome")
    })
  },
  {
    name: givenForGood,
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      const kept: Array<Uint8Array> = []
      far.onData = (chunk) => kept.push(chunk)
      new Sender({ from: near, key: 1, totalBytes: 200_000 }).run()
      yield* until("all has arrived", () => far.count("ended") === 1)
      let position = 0
      for (const chunk of kept) {
        mustEqualBytes(`a chunk kept since byte ${position}`, chunk, pattern(1, position, chunk.length))
        position += chunk.length
      }
    })
  },
  {
    name: "a write of nothing is no event",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      must(near.connection.write(new Uint8Array(0)), "an empty write to an empty buffer must return true")
      near.connection.write(pattern(1, 0, 1))
      yield* until("the byte is there", () => far.receivedBytes === 1)
      mustEqual("events of the far end", far.events, [])
    })
  },
  {
    name: "write returns false when too much is waiting, takes the bytes all the same, and drained follows once the peer reads",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      far.connection.pause()
      let [sentBytes, refused] = [0, false]
      // Within one turn nothing can be taken out of the buffer but what the system takes at once.
      for (let chunk = 0; chunk < 2_000 && !refused; chunk++) {
        refused = !near.connection.write(pattern(1, sentBytes, 16_384))
        sentBytes += 16_384
      }
      must(refused, `a peer that does not read must not be sent ${sentBytes} bytes without a word`)
      must(sentBytes > Limits.connectionBufferedBytesMax, `write returned false at only ${sentBytes} bytes`)
      mustEqual("drained, within the turn", near.count("drained"), 0)
      far.connection.resume()
      yield* until("there is room again", () => near.count("drained") === 1)
      near.connection.end()
      yield* until("all has arrived", () => far.count("ended") === 1)
      mustEqual("bytes received", far.receivedBytes, sentBytes)
      mustEqual("the place of the first wrong byte", far.wrongAt, -1)
      mustEqual("drained in all", near.count("drained"), 1)
    })
  },
  {
    name: "a connection that is written to within its bounds is never told that it drained",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      for (let round = 1; round <= 5; round++) {
        must(
          near.connection.write(pattern(1, (round - 1) * 60_000, 60_000)),
          "a write within the bounds must return true"
        )
        yield* until("it has arrived", () => far.receivedBytes === round * 60_000)
      }
      mustEqual("events of the near end", near.events, ["opened"])
    })
  },
  {
    name: "a paused connection is given nothing, from pause to resume, and loses nothing",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      far.connection.pause()
      new Sender({ from: near, key: 1, totalBytes: 100_000 }).run()
      yield* aWhile
      mustEqual("bytes given while paused", far.receivedBytes, 0)
      // Pausing from within data stops the very next chunk.
      let chunks = 0
      far.onData = () => {
        chunks++
        far.connection.pause()
      }
      for (let round = 1; far.receivedBytes < 100_000; round++) {
        far.connection.resume()
        yield* until("a chunk is given", () => chunks === round)
        yield* Effect.sleep(2)
        mustEqual("chunks given after as many resumes", chunks, round)
      }
      mustEqual("the place of the first wrong byte", far.wrongAt, -1)
      far.connection.resume()
      yield* until("the end is given", () => far.count("ended") === 1)
    })
  },
  {
    name: "after one side has ended, the other may still write, and the connection closes when both have",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      near.connection.write(pattern(1, 0, 10))
      near.connection.end()
      yield* until("the far end is told", () => far.count("ended") === 1)
      mustEqual("bytes before the end", far.receivedBytes, 10)
      yield* aWhile
      mustEqual("events of the near end", near.events, ["opened"])
      mustEqual("events of the far end", far.events, ["ended"])
      new Sender({ from: far, key: 2, totalBytes: 200_000 }).run()
      yield* bothClosed(near, far)
      mustEqual("bytes after the end", [near.receivedBytes, near.wrongAt], [200_000, -1])
      mustEqual("events of the near end at last", near.events, ["opened", "ended", "closed"])
      mustEqual("the last event of the far end", far.events.at(-1), "closed")
      mustEqual("errors", [near.error?.message, far.error?.message].join(), ",")
    })
  },
  {
    name: "what is written after end is dropped, and ending again does nothing",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      near.connection.write(pattern(1, 0, 10))
      near.connection.end()
      near.connection.write(pattern(1, 10, 10))
      near.connection.end()
      far.connection.end()
      yield* bothClosed(near, far)
      mustEqual("bytes received", far.receivedBytes, 10)
      mustEqual("how often the far end ended", far.count("ended"), 1)
    })
  },
  {
    name: "a reset closes both ends once, each with the error reset",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      near.connection.reset()
      near.connection.reset()
      yield* bothClosed(near, far)
      yield* aWhile
      for (const end of [near, far]) {
        mustEqual("the error's code", end.error?.code, "reset")
        mustEqual("how often it closed", end.count("closed"), 1)
        mustEqual("how often it ended", end.count("ended"), 0)
      }
    })
  },
  {
    name: "after a local reset nothing but closed is told, whatever was on its way",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      let bytesAtReset = -1
      far.onData = () => {
        if (bytesAtReset >= 0) return
        bytesAtReset = far.receivedBytes
        far.connection.reset()
      }
      new Sender({ from: near, key: 1, totalBytes: 1_000_000 }).run()
      yield* bothClosed(near, far)
      yield* aWhile
      mustEqual("bytes given", far.receivedBytes, bytesAtReset)
      mustEqual("events of the end that reset", far.events, ["closed"])
      mustEqual("the code at the other end", near.error?.code, "reset")
    })
  },
  {
    name: "a dial that is reset before it is established is closed once, never opened, and never looks like an orderly end",
    test: Effect.gen(function* () {
      const { port } = yield* Net.Net
      const { accepted, address } = yield* listen(host)
      for (let round = 0; round < 5; round++) {
        // Without a step between, in which it might be established.
        const near = new End()
        near.connection = port.dial(address, near)
        near.connection.write(bytesOf("half a message"))
        near.connection.reset()
        yield* until("it is closed", () => near.isClosed)
        yield* aWhile
        mustEqual("events", near.events, ["closed"])
      }
      // The far ends see a reset, or never came to be.
      yield* until("the far ends are closed", () => accepted.every((far) => far.isClosed))
      for (const far of accepted) mustEqual("how often a far end ended", far.count("ended"), 0)
    })
  },
  {
    name: "a dial that is reset at whatever moment leaves no open end behind",
    test: Effect.gen(function* () {
      const { accepted, address } = yield* listen(host)
      for (let round = 0; round < 20; round++) {
        const near = yield* dial(address)
        yield* Effect.sleep(round / 100)
        near.connection.reset()
        yield* until("the near end is closed", () => near.isClosed)
      }
      yield* aWhile
      yield* until("the far ends are closed", () => accepted.every((far) => far.isClosed))
    })
  },
  {
    name: "whatever is asked of a closed connection, it does nothing",
    test: Effect.gen(function* () {
      const { near, far } = yield* connect(host)
      near.connection.end()
      far.connection.end()
      yield* bothClosed(near, far)
      for (const { connection } of [near, far]) {
        connection.write(bytesOf("too late"))
        connection.end()
        connection.pause()
        connection.resume()
        connection.reset()
      }
      yield* aWhile
      for (const end of [near, far]) {
        mustEqual("events after closed", end.eventsAfterClosed, 0)
        mustEqual("the error", end.error?.message ?? "none", "none")
      }
    })
  },
  {
    name: "a dial to where nobody listens is closed with refused, and never opened",
    test: Effect.gen(function* () {
      const near = yield* dial(yield* nowhere(host))
      yield* until("it is closed", () => near.isClosed)
      yield* aWhile
      mustEqual("events", near.events, ["closed"])
      mustEqual("the error's code", near.error?.code, "refused")
      mustEqual("the error's address", near.error?.address, Net.addressKey(near.connection.remote))
    })
  },
  {
    name: "a dial whose deadline is at once is either opened or closed with timeout, never both",
    test: Effect.gen(function* () {
      const { address } = yield* listen(host)
      for (const timeoutMillis of [0, 1, 2, 5]) {
        const near = yield* dial(address, new End(), { timeoutMillis })
        yield* until("it is opened or closed", () => near.events.length > 0)
        yield* aWhile
        mustEqual("the number of events", near.events.length, 1)
        if (near.isClosed) mustEqual("the error's code", near.error?.code, "timeout")
        else near.connection.reset()
      }
    })
  },
  {
    name: "closing a listener refuses new connections and leaves the old ones alone",
    test: Effect.gen(function* () {
      const { near, far, listener } = yield* connect(host)
      listener.close()
      yield* aWhile
      const late = yield* dial(listener.address)
      yield* until("the late dial is closed", () => late.isClosed)
      mustEqual("its error's code", late.error?.code, "refused")
      near.connection.write(pattern(1, 0, 100))
      yield* until("the old connection still carries", () => far.receivedBytes === 100)
    })
  },
  {
    name: "many connections at a time keep their bytes apart",
    test: Effect.gen(function* () {
      const { accepted, address } = yield* listen(host, (connection) => {
        const end = new End()
        end.onData = (chunk) => connection.write(chunk.slice())
        end.onEnded = () => connection.end()
        return end
      })
      const ends: Array<End> = []
      for (let key = 0; key < 20; key++) {
        const near = yield* dial(address, new End({ expectedKey: key }))
        new Sender({ from: near, key, totalBytes: 10_000 }).run()
        ends.push(near)
      }
      yield* until("all are closed", () => ends.every((end) => end.isClosed) && accepted.every((end) => end.isClosed))
      for (const end of ends) mustEqual("bytes, first wrong byte", [end.receivedBytes, end.wrongAt], [10_000, -1])
      mustEqual("connections accepted", accepted.length, 20)
    })
  },
  {
    name: "no sink of a stream is called from within a call to the port",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const reentrancy = new Reentrancy()
      const call = reentrancy.call.bind(reentrancy)
      let listener: Net.Closable | undefined
      const far = new End({ reentrancy, expectedKey: 0 })
      const accept = (connection: Net.Connection): End => {
        reentrancy.note("accept")
        far.connection = connection
        call("write in accept", () => connection.write(bytesOf("welcome")))
        return far
      }
      call("listen", () =>
        net.port.listen({ host, port: 0 }, accept, (_, value) => {
          reentrancy.note("done")
          listener = value
        })
      )
      yield* until("it listens", () => listener !== undefined)
      const near = new End({ reentrancy, expectedKey: 0 })
      near.onData = () => call("write in data", () => near.connection.write(new Uint8Array(10)))
      near.connection = call("dial", () => net.port.dial(listener!.address, near))
      yield* until("the echo is there", () => far.receivedBytes > 0)
      call("pause", () => far.connection.pause())
      call("write", () => near.connection.write(new Uint8Array(1_000_000)))
      call("resume", () => far.connection.resume())
      call("end", () => near.connection.end())
      yield* until("the end is there", () => far.count("ended") === 1)
      call("reset", () => far.connection.reset())
      yield* bothClosed(near, far)
      const refused = new End({ reentrancy })
      call("close", () => listener!.close())
      refused.connection = call("dial of nobody", () => net.port.dial(listener!.address, refused))
      yield* until("the dial is refused", () => refused.isClosed)
      reentrancy.mustBeNone()
    })
  },
  {
    name: "dial as an Effect succeeds when established, and breaks the connection with its scope",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const { accepted, address } = yield* listen(host)
      const near = new End()
      const use = Effect.gen(function* () {
        near.connection = yield* net.dial(address, near)
        near.connection.write(bytesOf("hello"))
        yield* until("it has arrived", () => accepted.length === 1 && accepted[0].text === "hello")
      })
      yield* Effect.scoped(use)
      yield* bothClosed(near, accepted[0])
      mustEqual("the code at the far end", accepted[0].error?.code, "reset")
    })
  },
  {
    name: "a dial as an Effect that is interrupted leaves no connection behind",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const { accepted, address } = yield* listen(host)
      for (let round = 0; round < 5; round++) {
        const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(net.dial(address, new End()), Effect.never)))
        if (round > 0) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      yield* aWhile
      yield* until("the far ends are closed", () => accepted.every((far) => far.isClosed))
    })
  },
  {
    name: "dial as an Effect fails with refused where nobody listens",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      yield* mustFail("the dial", "refused", Effect.scoped(net.dial(yield* nowhere(host), new End())))
    })
  }
]
