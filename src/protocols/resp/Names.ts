/** Names: what a client may call itself: printable ASCII without spaces, or nothing. */
import { Refusal } from "./Refusal.ts"

const printable = /^[!-~]*$/

/** The name, or a refusal. */
export const check = (name: string): string => {
  if (!printable.test(name)) {
    throw new Refusal("ERR Client names cannot contain spaces, newlines or special characters.")
  }
  return name
}
