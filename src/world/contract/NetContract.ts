/**
 * NetContract: what `Net.ts` promises, of streams (`StreamContract`) and of datagrams (`DatagramContract`).
 *
 * `host` is the name or number of the node itself, as its sockets report it: numbers, where the World reports numbers.
 */
import type { Claim } from "./Claim.ts"
import * as DatagramContract from "./DatagramContract.ts"
import * as StreamContract from "./StreamContract.ts"

/** The claims for a node whose own host is `host`. Every listener and socket takes a free port. */
export const claims = (options: { readonly host: string }): ReadonlyArray<Claim> => [
  ...StreamContract.claims(options.host),
  ...DatagramContract.claims(options.host)
]
