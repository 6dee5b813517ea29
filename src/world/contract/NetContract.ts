/**
 * NetContract: what `Net.ts` promises, of streams (`StreamContract`) and of datagrams (`DatagramContract`).
 *
 * `host` is the name or number of the node itself, as its sockets report it: numbers, where the World reports numbers.
 */
import * as Effect from "effect/Effect"
import * as Net from "../Net.ts"
import type { Claim } from "./Claim.ts"
import * as DatagramContract from "./DatagramContract.ts"
import * as StreamContract from "./StreamContract.ts"

/** The claims for a node whose own host is `host`. Every listener and socket takes a free port. */
export const claims = (options: { readonly host: string }): ReadonlyArray<Claim> => [
  ...StreamContract.claims(options.host),
  ...DatagramContract.claims(options.host)
]

type Service = (typeof Net.Net)["Service"]

/** The same, of listeners that lend what they read. */
const lending = ({ bind, dial, listen, port }: Service): Service => ({
  port: {
    bind: (address, sink, done) => port.bind(address, sink, done),
    dial: (address, sink, options) => port.dial(address, sink, options),
    listen: (address, accept, done, options) => port.listen(address, accept, done, { ...options, lendsReads: true })
  },
  bind,
  dial,
  listen: (address, accept, options) => listen(address, accept, { ...options, lendsReads: true })
})

/** What streams promise, where listeners lend what they read. */
export const lendingClaims = (options: { readonly host: string }): ReadonlyArray<Claim> =>
  StreamContract.claims(options.host)
    .filter(({ name }) => name !== StreamContract.givenForGood)
    .map(({ name, test }) => ({ name, test: Effect.updateService(test, Net.Net, lending) }))
