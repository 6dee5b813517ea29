/**
 * Differ: the same sequences to two servers, every reply compared; the first difference of each family shrunk to the fewest commands that
 * show it. One seed gives the same sequences.
 */
import * as fc from "fast-check"
import * as Reply from "./Reply.ts"
import * as Sequence from "./Sequence.ts"
import * as Transcript from "./Transcript.ts"

export interface Difference {
  readonly protocol: 2 | 3
  /** As redis-cli takes them; the replies to the last one differ. */
  readonly commands: ReadonlyArray<string>
  readonly expected: string
  readonly got: string
}

export interface Verdict {
  readonly family: string
  readonly sequences: number
  readonly commands: number
  readonly difference: Difference | undefined
}

export interface Options {
  readonly families: ReadonlyArray<string>
  readonly sequences: number
  readonly lengthMax: number
  readonly seed: number
  /** Only the first word of an error is compared. */
  readonly isLenient: boolean
}

const lenient = (text: string): string => (text.startsWith("-") ? text.split(" ", 1)[0] : text)

/** A server that does not tell what data it has. */
const noDebug = "-ERR DEBUG command not allowed"

const raw = (reply: Reply.Reply | undefined): string => (reply === undefined ? Transcript.ended : Reply.render(reply))

/** The first command that two servers answer otherwise. */
const compare = (
  sequence: Sequence.Sequence,
  expected: Sequence.Answers,
  got: Sequence.Answers,
  isLenient: boolean
): Difference | undefined => {
  const said = (answers: Sequence.Answers): ReadonlyArray<string> => {
    const texts = Transcript.normalised(sequence, answers)
    return isLenient ? texts.map(lenient) : texts
  }
  const [one, other] = [said(expected), said(got)]
  const at = one.findIndex((text, index) => text !== other[index] && !other[index].startsWith(noDebug))
  return at === -1
    ? undefined
    : {
        protocol: sequence.protocol,
        commands: sequence.commands.slice(0, at + 1).map(Sequence.print),
        expected: raw(expected[at]),
        got: raw(got[at])
      }
}

const check = async (
  family: string,
  options: Options,
  reference: Sequence.Run,
  subject: Sequence.Run
): Promise<Verdict> => {
  let difference: Difference | undefined
  let commands = 0
  let sequences = 0
  const property = fc.asyncProperty(Sequence.sequenceOf(family, options.lengthMax), async (sequence) => {
    const [expected, got] = await Promise.all([reference(sequence), subject(sequence)])
    const found = compare(sequence, expected, got, options.isLenient)
    if (found === undefined) {
      if (difference === undefined) {
        sequences += 1
        commands += sequence.commands.length
      }
      return true
    }
    difference = found
    return false
  })
  await fc.check(property, { numRuns: options.sequences, seed: options.seed })
  return { family, sequences, commands, difference }
}

/** One verdict a family, as soon as it is there. */
export async function* run(options: Options, reference: Sequence.Run, subject: Sequence.Run): AsyncGenerator<Verdict> {
  for (const family of options.families) yield await check(family, options, reference, subject)
}
