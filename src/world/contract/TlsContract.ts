/** TlsContract: what `Net.ts` promises of connections whose ends prove who they are. */
import * as Effect from "effect/Effect"
import * as Net from "../Net.ts"
import { aWhile, bytesOf, type Claim, must, mustEqual, mustFail, until } from "./Claim.ts"
import { End, Sender } from "./StreamEnd.ts"

/** Credentials of the World under test, which has its own way to write them. */
export interface Wallet {
  /** Of ends with the names `store-1` and `store-2`, of one authority. */
  readonly one: Net.Credentials
  readonly two: Net.Credentials
  /** Of an end with the name `store-2` and another authority, which believes that of the others. */
  readonly stranger: Net.Credentials
}

const unreadable: Net.Credentials = { key: bytesOf("a"), certificate: bytesOf("b"), authority: bytesOf("c") }

const listen = Effect.fnUntraced(function* (host: string, tls: Net.Credentials | undefined, expectedKey = -1) {
  const net = yield* Net.Net
  const accepted: Array<End> = []
  const accept = (connection: Net.Connection): End => {
    const end = new End({ expectedKey })
    end.connection = connection
    accepted.push(end)
    return end
  }
  const { address } = yield* net.listen({ host, port: 0 }, accept, tls === undefined ? {} : { tls })
  return { accepted, address }
})

/** Dials store-1, or whatever `name` says. */
const dial = Effect.fnUntraced(function* (
  address: Net.Address,
  tls: Net.Credentials | undefined,
  { expectedKey = -1, name = "store-1" }: { readonly expectedKey?: number; readonly name?: string } = {}
) {
  const net = yield* Net.Net
  const end = new End({ expectedKey })
  const options = { timeoutMillis: 2_000, ...(tls === undefined ? {} : { tls: { ...tls, name } }) }
  end.connection = net.port.dial(address, end, options)
  return end
})

const connect = Effect.fnUntraced(function* (host: string, { one, two }: Wallet) {
  const { accepted, address } = yield* listen(host, one, 1)
  const near = yield* dial(address, two, { expectedKey: 2 })
  yield* until("both ends are connected", () => near.count("opened") === 1 && accepted.length === 1)
  return { near, far: accepted[0] }
})

const untrusted = Effect.fnUntraced(function* (near: End, accepted: ReadonlyArray<End>) {
  yield* until("the dial has failed", () => near.isClosed)
  yield* aWhile
  mustEqual("what the dialling end was told", near.events, ["closed"])
  mustEqual("the error's code", near.error?.code, "untrusted")
  mustEqual("connections of the listener", accepted.length, 0)
})

export const claims = (host: string, wallet: Wallet): ReadonlyArray<Claim> => [
  {
    name: "ends that believe each other know each other's names",
    test: Effect.gen(function* () {
      const { far, near } = yield* connect(host, wallet)
      mustEqual("names of the end that was dialled", near.connection.peerNames, ["store-1"])
      mustEqual("names of the dialling end", far.connection.peerNames, ["store-2"])
      mustEqual("events of both", [near.events, far.events], [["opened"], []])
    })
  },
  {
    name: "megabytes arrive in order between ends that believe each other, and both close without an error",
    test: Effect.gen(function* () {
      const totalBytes = 3_000_000
      const { far, near } = yield* connect(host, wallet)
      new Sender({ from: near, key: 1, totalBytes }).run()
      new Sender({ from: far, key: 2, totalBytes }).run()
      yield* until("both ends are closed", () => near.isClosed && far.isClosed)
      mustEqual("bytes received", [near.receivedBytes, far.receivedBytes], [totalBytes, totalBytes])
      mustEqual("wrong bytes", [near.wrongAt, far.wrongAt], [-1, -1])
      mustEqual("errors", [near.error?.code, far.error?.code], [undefined, undefined])
    })
  },
  {
    name: "a reset breaks a connection of ends that believe each other",
    test: Effect.gen(function* () {
      const { far, near } = yield* connect(host, wallet)
      near.connection.reset()
      yield* until("both ends are closed", () => near.isClosed && far.isClosed)
      mustEqual("errors", [near.error?.code, far.error?.code], ["reset", "reset"])
      mustEqual("what the far end was told", far.events, ["closed"])
    })
  },
  {
    name: "a dial to an end of another name is untrusted",
    test: Effect.gen(function* () {
      const { accepted, address } = yield* listen(host, wallet.one)
      yield* untrusted(yield* dial(address, wallet.two, { name: "store-3" }), accepted)
    })
  },
  {
    name: "a dial to an end of another authority is untrusted",
    test: Effect.gen(function* () {
      const { accepted, address } = yield* listen(host, wallet.stranger)
      yield* untrusted(yield* dial(address, wallet.two, { name: "store-2" }), accepted)
    })
  },
  {
    name: "a listener accepts nobody of another authority, and tells nothing",
    test: Effect.gen(function* () {
      const { accepted, address } = yield* listen(host, wallet.one)
      const near = yield* dial(address, wallet.stranger)
      near.connection.write(bytesOf("let me in"))
      yield* until("the dialling end is turned away", () => near.isClosed || near.count("ended") === 1)
      mustEqual("bytes received", near.receivedBytes, 0)
      mustEqual("connections of the listener", accepted.length, 0)
      must(!near.isClosed || near.error !== undefined, "a connection that was refused does not close without an error")
    })
  },
  {
    name: "a listener with credentials accepts nobody without",
    test: Effect.gen(function* () {
      const { accepted, address } = yield* listen(host, wallet.one)
      const near = yield* dial(address, undefined)
      near.connection.write(bytesOf("let me in without asking who I am"))
      yield* until("the dialling end is turned away", () => near.isClosed || near.count("ended") === 1)
      mustEqual("connections of the listener", accepted.length, 0)
    })
  },
  {
    name: "a dial with credentials is not opened by a listener without",
    test: Effect.gen(function* () {
      const { address } = yield* listen(host, undefined)
      const near = yield* dial(address, wallet.two)
      yield* until("the dial has failed", () => near.isClosed)
      mustEqual("what the dialling end was told", near.events, ["closed"])
    })
  },
  {
    name: "credentials that do not read are untrusted, for a listener and for a dial",
    test: Effect.gen(function* () {
      const net = yield* Net.Net
      const listener = net.listen({ host, port: 0 }, () => new End(), { tls: unreadable })
      yield* mustFail("a listener", "untrusted", listener)
      const { accepted, address } = yield* listen(host, wallet.one)
      yield* untrusted(yield* dial(address, unreadable), accepted)
    })
  }
]
