/**
 * SimCertificate: credentials of the simulated network. A certificate is its names and its authority's name in plain text, a key
 * is nothing, and bytes travel as they are: what is simulated of TLS is who believes whom, by the rules of `Net.ts`.
 */
import type { Credentials } from "#world/Net.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const mark = "simulated certificate"

/** What the authority of this name gives to an end with these names. */
export const issue = (authority: string, names: ReadonlyArray<string>): Credentials => ({
  key: new Uint8Array(0),
  certificate: encoder.encode([mark, authority, ...names].join("\n")),
  authority: encoder.encode(authority)
})

/** Whether credentials read: those of the real world, for one, do not. */
export const reads = ({ certificate }: Credentials): boolean => decoder.decode(certificate).startsWith(`${mark}\n`)

/** The names of `other`, if `self` believes them; undefined: it does not. */
export const believed = (self: Credentials, other: Credentials): ReadonlyArray<string> | undefined => {
  const [, authority, ...names] = decoder.decode(other.certificate).split("\n")
  return authority === decoder.decode(self.authority) ? names : undefined
}
