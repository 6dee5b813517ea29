/** Secrets: arguments that nobody else is to read, neither by MONITOR nor in the slow log. */
import type { Command } from "./CommandTable.ts"

const hide = "(redacted)"

/** How many arguments behind this word are secret. */
const afterWord = (word: string): number => {
  const lower = word.toLowerCase()
  return lower === "auth2" ? 2 : lower === "auth" ? 1 : 0
}

/** The arguments, with what is secret among them replaced. */
export const hidden = ({ name }: Command, argv: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (name === "auth") return argv.map((argument, at) => (at === 0 ? argument : hide))
  if (name === "acl|setuser") return argv.map((argument, at) => (at < 3 ? argument : hide))
  if (name !== "hello" && name !== "migrate") return argv
  const found = [...argv]
  // HELLO's AUTH has a name and a password, MIGRATE's a password.
  for (let at = name === "hello" ? 2 : 6; at < argv.length; at++) {
    const count = name === "hello" ? 2 * afterWord(argv[at]) : afterWord(argv[at])
    for (let behind = 1; behind <= count && at + behind < argv.length; behind++) found[at + behind] = hide
    at += count
  }
  return found
}
