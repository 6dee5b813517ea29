/**
 * Transcript: sequences and what a server answered, as text. `=== 2 at MILLIS` begins a sequence, with its protocol and the time at which it was
 * sent; then `> COMMAND` as redis-cli takes it, and below it the reply without what right servers may differ in (`Normal.ts`).
 */
import { Normaliser } from "./Normal.ts"
import * as Sequence from "./Sequence.ts"

export interface Recorded {
  readonly sequence: Sequence.Sequence
  /** What tells time is compared with a server whose clock says the same. */
  readonly atMillis: number
  /** One a command. */
  readonly replies: ReadonlyArray<string>
}

/** A file does not say what a transcript says. */
export class Malformed extends Error {}

export const ended = "the connection ended"

/** Answers as they are recorded. */
export const normalised = ({ commands }: Sequence.Sequence, answers: Sequence.Answers): ReadonlyArray<string> => {
  const normaliser = new Normaliser()
  return commands.map((argv, index) => (answers[index] === undefined ? ended : normaliser.of(argv, answers[index])))
}

export const print = (recorded: ReadonlyArray<Recorded>): string =>
  recorded
    .map(({ atMillis, replies, sequence }) =>
      [
        `=== ${sequence.protocol} at ${atMillis}`,
        ...sequence.commands.flatMap((argv, index) => [`> ${Sequence.print(argv)}`, replies[index]]),
        ""
      ].join("\n")
    )
    .join("")

const parseOne = (text: string): Recorded => {
  const [first, ...lines] = text.trimEnd().split("\n")
  const head = /^([23]) at (\d+)$/.exec(first)
  if (head === null || lines.length % 2 !== 0) throw new Malformed(`a sequence begins with ${first}`)
  const commands = lines.filter((_, index) => index % 2 === 0).map((line) => Sequence.parse(line.slice(2)))
  const replies = lines.filter((_, index) => index % 2 === 1)
  return { sequence: { protocol: head[1] === "2" ? 2 : 3, commands }, atMillis: Number(head[2]), replies }
}

export const parse = (text: string): ReadonlyArray<Recorded> => text.split(/^=== /m).slice(1).map(parseOne)

/** The first command that was answered otherwise than recorded, as text for a person; `undefined`: none. */
export const difference = ({ replies, sequence }: Recorded, answers: Sequence.Answers): string | undefined => {
  const got = normalised(sequence, answers)
  const at = replies.findIndex((reply, index) => reply !== got[index])
  if (at === -1) return undefined
  const commands = sequence.commands.slice(0, at + 1).map((argv) => `  ${Sequence.print(argv)}`)
  return [`HELLO ${sequence.protocol}`, ...commands, `redis: ${replies[at]}`, `orbit: ${got[at]}`].join("\n")
}
