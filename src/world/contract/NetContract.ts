/**
 * NetContract: what `Net.ts` promises of streams and datagrams between two sockets of one node. Loss, delay, silence and
 * partitions only the simulator can make; here the network is at its best, and may still lose datagrams.
 *
 * `host` is the name or number of the node itself, as its sockets report it: numbers, where the World reports numbers.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Limits from "#base/Limits.ts"
import * as Net from "../Net.ts"
import type { NetError, NetErrorCode } from "../WorldError.ts"
import { aWhile, bytesOf, type Claim, must, mustEqual, mustEqualBytes, pattern, Reentrancy, until } from "./Claim.ts"
import { End, Sender } from "./StreamEnd.ts"

/** Listens for the life of the scope, and keeps the accepting ends in order. `makeEnd` makes each one's record. */
const listen = Effect.fnUntraced(function* (
  host: string,
  makeEnd: (connection: Net.Connection) => End = () => new End()
) {
  const net = yield* Net.Net
  const accepted: Array<End> = []
  const listener = yield* net.listen({ host, port: 0 }, (connection) => {
    const end = makeEnd(connection)
    end.connection = connection
    accepted.push(end)
    return end
  })
  return { listener, address: listener.address, accepted }
})

/** Dials by the port; the dialling end's record knows the connection before anything happens to it. */
const dial = Effect.fnUntraced(function* (address: Net.Address, end: End = new End(), options?: Net.DialOptions) {
  const net = yield* Net.Net
  end.connection = net.port.dial(address, end, options)
  return end
})

/** Two ends of an established connection. Each expects the pattern of its name's number from the other. */
const connect = Effect.fnUntraced(function* (host: string) {
  const { accepted, address, listener } = yield* listen(host, () => new End({ expectedKey: 1 }))
  const near = yield* dial(address, new End({ expectedKey: 2 }))
  yield* until("both ends are connected", () => near.count("opened") === 1 && accepted.length === 1)
  return { near, far: accepted[0], listener }
})

/** Fails the claim unless `operation` fails with this code, an address and a message. */
const mustFail = Effect.fnUntraced(function* <A, R>(
  what: string,
  code: NetErrorCode,
  operation: Effect.Effect<A, NetError, R>
) {
  const error = yield* Effect.match(operation, { onFailure: (error) => error, onSuccess: () => undefined })
  must(error !== undefined, `${what} must fail with ${code}, but it succeeded`)
  mustEqual(`${what}: the error's code`, error.code, code)
  must(error._tag === "NetError" && error.message.length > 0, `${what}: the error must be a NetError with a message`)
})

/** An address of this host at which nobody listens. */
const nowhere = Effect.fnUntraced(function* (host: string) {
  const { address } = yield* listen(host)
  return address
}, Effect.scoped)

const bothClosed = (near: End, far: End) => until("both ends are closed", () => near.isClosed && far.isClosed)

const streamClaims = (host: string): ReadonlyArray<Claim> => [
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
    name: "bytes that a sink was given belong to it",
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
        must(near.connection.write(pattern(1, (round - 1) * 1_000, 1_000)), "a small write must return true")
        yield* until("it has arrived", () => far.receivedBytes === round * 1_000)
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
      const { accepted, address } = yield* listen(host)
      for (let round = 0; round < 5; round++) {
        const near = yield* dial(address)
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
        end.onData = (chunk) => connection.write(chunk)
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

/** What a datagram socket received. */
class Inbox implements Net.DatagramSink {
  readonly mail: Array<{ readonly from: Net.Address; readonly bytes: Uint8Array }> = []

  received(from: Net.Address, bytes: Uint8Array): void {
    this.mail.push({ from, bytes })
  }
}

const bind = Effect.fnUntraced(function* (host: string, port = 0) {
  const net = yield* Net.Net
  const inbox = new Inbox()
  const socket = yield* net.bind({ host, port }, inbox)
  return { socket, mail: inbox.mail }
})

/** Datagrams may be lost: sends again and again until one of them has arrived. */
const sendUntil = Effect.fnUntraced(function* (what: string, send: () => void, arrived: () => boolean) {
  for (let tries = 0; !arrived(); tries++) {
    must(tries < 400, `sent in vain, again and again, until ${what}`)
    send()
    for (let polls = 0; polls < 25 && !arrived(); polls++) yield* Effect.sleep(2)
  }
})

const datagramClaims = (host: string): ReadonlyArray<Claim> => [
  {
    name: "a datagram socket at port 0 gets a port of its own; a second one at that port fails with address-in-use",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const one = yield* bind(host)
      const two = yield* bind(host)
      must(one.socket.address.port > 0 && one.socket.address.port !== two.socket.address.port, "ports must differ")
      mustEqual("the host of a socket", one.socket.address.host, host)
      yield* mustFail("a second socket", "address-in-use", Effect.scoped(net.bind(one.socket.address, new Inbox())))
      one.socket.close()
      one.socket.close()
      yield* net.bind(one.socket.address, new Inbox())
    })
  },
  {
    name: "a stream listener and a datagram socket may have the same port",
    test: Effect.gen(function* () {
      const { address } = yield* listen(host)
      const { socket } = yield* bind(host, address.port)
      mustEqual("the port", socket.address.port, address.port)
    })
  },
  {
    name: "datagrams arrive whole and unchanged, the empty one too, from the address of their sender",
    test: Effect.gen(function* () {
      const sender = yield* bind(host)
      const receiver = yield* bind(host)
      for (const length of [1, 100, 0, 1_400, 9_000]) {
        const before = receiver.mail.length
        const arrived = (): boolean => receiver.mail.slice(before).some(({ bytes }) => bytes.length === length)
        yield* sendUntil(
          `${length} bytes arrive`,
          () => sender.socket.send(receiver.socket.address, pattern(length, 0, length)),
          arrived
        )
      }
      for (const { from, bytes } of receiver.mail) {
        mustEqualBytes("a datagram", bytes, pattern(bytes.length, 0, bytes.length))
        mustEqual("its sender", Net.addressKey(from), Net.addressKey(sender.socket.address))
      }
    })
  },
  {
    name: "an answer to a datagram's sender reaches it",
    test: Effect.gen(function* () {
      const asking = yield* bind(host)
      const answering = yield* bind(host)
      const answer = (): void => {
        const question = answering.mail.shift()
        if (question !== undefined) answering.socket.send(question.from, bytesOf("yes"))
      }
      yield* sendUntil(
        "the answer arrives",
        () => asking.socket.send(answering.socket.address, bytesOf("is anybody there?")),
        () => {
          answer()
          return asking.mail.length > 0
        }
      )
    })
  },
  {
    name: "a datagram that is too large is dropped; one of the largest size arrives whole or not at all",
    test: Effect.gen(function* () {
      const sender = yield* bind(host)
      const receiver = yield* bind(host)
      const to = receiver.socket.address
      const largest = Limits.datagramBytesMax
      const send = (): void => {
        sender.socket.send(to, pattern(largest + 1, 0, largest + 1))
        sender.socket.send(to, pattern(largest, 0, largest))
        sender.socket.send(to, pattern(10, 0, 10))
      }
      yield* sendUntil("a small one after it arrives", send, () =>
        receiver.mail.some(({ bytes }) => bytes.length === 10)
      )
      yield* aWhile
      for (const { bytes } of receiver.mail) {
        must(
          bytes.length === 10 || bytes.length === largest,
          `a datagram of ${bytes.length} bytes was never sent whole`
        )
        mustEqualBytes("a datagram", bytes, pattern(bytes.length, 0, bytes.length))
      }
    })
  },
  {
    name: "datagrams to where nobody listens vanish, and the socket lives on",
    test: Effect.gen(function* () {
      const sender = yield* bind(host)
      const receiver = yield* bind(host)
      const gone = yield* Effect.scoped(bind(host))
      for (let round = 0; round < 10; round++) sender.socket.send(gone.socket.address, bytesOf("anybody?"))
      sender.socket.send({ host, port: 0 }, bytesOf("nobody"))
      yield* aWhile
      const arrived = (): boolean => receiver.mail.length > 0
      yield* sendUntil(
        "another one arrives",
        () => sender.socket.send(receiver.socket.address, bytesOf("you?")),
        arrived
      )
    })
  },
  {
    name: "a closed socket sends and receives nothing, and throws nothing",
    test: Effect.gen(function* () {
      const one = yield* bind(host)
      const two = yield* bind(host)
      one.socket.close()
      one.socket.send(two.socket.address, bytesOf("from the grave"))
      two.socket.send(one.socket.address, bytesOf("to the grave"))
      yield* aWhile
      mustEqual("datagrams received", [one.mail.length, two.mail.length], [0, 0])
    })
  },
  {
    name: "bytes that a datagram sink was given belong to it",
    test: Effect.gen(function* () {
      const sender = yield* bind(host)
      const receiver = yield* bind(host)
      let number = 0
      const send = (): void => {
        number++
        sender.socket.send(receiver.socket.address, pattern(number, 0, 500))
      }
      yield* sendUntil("twenty arrive", send, () => receiver.mail.length >= 20)
      for (const { bytes } of receiver.mail) mustEqualBytes("a datagram kept", bytes, pattern(bytes[0], 0, 500))
    })
  },
  {
    name: "no datagram is received from within send, not even one to oneself, nor is bind answered from within",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const reentrancy = new Reentrancy()
      let socket: Net.DatagramSocket | undefined
      let received = 0
      const sink: Net.DatagramSink = {
        received: () => {
          reentrancy.note("received")
          received++
          if (received < 5) send()
        }
      }
      const send = (): void => reentrancy.call("send", () => socket!.send(socket!.address, bytesOf("echo")))
      reentrancy.call("bind", () =>
        net.port.bind({ host, port: 0 }, sink, (_, value) => {
          reentrancy.note("done")
          socket = value
        })
      )
      yield* until("it is bound", () => socket !== undefined)
      yield* sendUntil("five have arrived", send, () => received >= 5)
      socket!.close()
      reentrancy.mustBeNone()
    })
  }
]

/** The claims for a node whose own host is `host`. */
export const claims = (options: { readonly host: string }): ReadonlyArray<Claim> => [
  ...streamClaims(options.host),
  ...datagramClaims(options.host)
]
