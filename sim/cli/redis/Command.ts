/** Command: what `npm run redis -- facts`, `differ` and `record` do, once their flags are read. */
import * as fc from "fast-check"
import { writeFileSync } from "node:fs"
import { Connection, type Address } from "./Connection.ts"
import * as Differ from "./Differ.ts"
import * as Facts from "./Facts.ts"
import * as InProcess from "./InProcess.ts"
import * as RealRedis from "./RealRedis.ts"
import type * as Reply from "./Reply.ts"
import * as Sequence from "./Sequence.ts"
import * as Transcript from "./Transcript.ts"

type Say = (text: string) => void

/** Does something with the server at `address`, or with a redis-server of its own. */
const withReference = async <A>(address: Address | undefined, use: (address: Address) => Promise<A>): Promise<A> => {
  if (address !== undefined) return use(address)
  const server = await RealRedis.start()
  try {
    return await use(server.address)
  } finally {
    await server.stop()
  }
}

/** Settings that sequences change, as they are at first. */
const defaults =
  "maxmemory 0 maxmemory-policy noeviction hash-max-listpack-entries 512 list-max-listpack-size -2".split(" ")

/** Runs sequences on a server: each empties it first, on a connection of its own. */
const runner =
  (address: Address): Sequence.Run =>
  async ({ commands, protocol }) => {
    const connection = await Connection.open(address)
    const answers: Array<Reply.Reply> = []
    try {
      await connection.all([["FLUSHALL"], ["CONFIG", "SET", ...defaults], ["HELLO", String(protocol)]])
      for (const argv of commands) answers.push(await connection.one(...argv))
      return answers
    } catch {
      return answers
    } finally {
      connection.close()
    }
  }

export const facts = (against: Address | undefined, folder: string, say: Say): Promise<void> =>
  withReference(against, async (address) => {
    const connection = await Connection.open(address)
    say(`${await Facts.generate(connection, folder)} commands and subcommands`)
    connection.close()
  })

const explain = ({ commands, difference, family, sequences }: Differ.Verdict): string =>
  difference === undefined
    ? `${family}: ${sequences} sequences, ${commands} commands, every reply the same`
    : [
        `${family}: differs after ${sequences} sequences, ${commands} commands; HELLO ${difference.protocol}`,
        ...difference.commands.map((command) => `  ${command}`),
        `    redis ${difference.expected}`,
        `    orbit ${difference.got}`
      ].join("\n")

export interface DifferFlags extends Differ.Options {
  /** undefined: Orbit's commands in this process. */
  readonly against: Address | undefined
  readonly reference: Address | undefined
  readonly isJson: boolean
}

/** Whether there is no difference. */
export const differ = (flags: DifferFlags, say: Say): Promise<boolean> =>
  withReference(flags.reference, async (address) => {
    const verdicts: Array<Differ.Verdict> = []
    const { against } = flags
    const subject: Sequence.Run =
      against === undefined ? (sequence) => Promise.resolve(InProcess.run(sequence, Date.now())) : runner(against)
    for await (const verdict of Differ.run(flags, runner(address), subject)) {
      verdicts.push(verdict)
      if (!flags.isJson) say(explain(verdict))
    }
    if (flags.isJson) say(JSON.stringify(verdicts))
    return verdicts.every(({ difference }) => difference === undefined)
  })

export interface RecordFlags {
  readonly reference: Address | undefined
  readonly families: ReadonlyArray<string>
  readonly sequences: number
  readonly lengthMax: number
  readonly seed: number
  readonly folder: string
}

/** Writes a transcript a family, of what the real server answers. */
export const record = (flags: RecordFlags, say: Say): Promise<void> =>
  withReference(flags.reference, async (address) => {
    const run = runner(address)
    for (const family of flags.families) {
      const sequences = fc.sample(Sequence.sequenceOf(family, flags.lengthMax), {
        numRuns: flags.sequences,
        seed: flags.seed
      })
      const recorded: Array<Transcript.Recorded> = []
      for (const sequence of sequences) {
        const atMillis = Date.now()
        recorded.push({ sequence, atMillis, replies: Transcript.normalised(sequence, await run(sequence)) })
      }
      writeFileSync(`${flags.folder}/${family}.txt`, Transcript.print(recorded))
      say(`${family}: ${sequences.reduce((count, { commands }) => count + commands.length, 0)} commands`)
    }
  })
