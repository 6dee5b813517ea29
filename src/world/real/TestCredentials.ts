/**
 * TestCredentials: keys and certificates for tests, in `testdata/tls`, made by OpenSSL for a hundred years. They protect nothing.
 *
 * `store-1` and `store-2` are of one authority, `expired` (of the name store-2) is out of date, `stranger` (the same name) is of
 * another authority; all of them believe the first.
 */
import { readFileSync } from "node:fs"
import type { Credentials } from "../Net.ts"

const read = (file: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`testdata/tls/${file}`, import.meta.url)))

export const of = (name: "store-1" | "store-2" | "expired" | "stranger"): Credentials => ({
  key: read(`${name}.key.pem`),
  certificate: read(`${name}.pem`),
  authority: read("authority.pem")
})
