/**
 * DatagramContract: what `Net.ts` promises of datagrams, between sockets of one node. They may be lost even there, so
 * a claim sends until something arrives.
 */
import * as Effect from "effect/Effect"
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
import { listen } from "./StreamEnd.ts"

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

export const claims = (host: string): ReadonlyArray<Claim> => [
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
