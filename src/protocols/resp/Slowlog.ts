/** Slowlog: the last commands that took longer than a bound, newest first, as SLOWLOG GET shows them. Arguments are cut as Redis cuts them. */

export interface SlowCommand {
  readonly id: number
  /** Of the wall clock, when it was run. */
  readonly atSeconds: number
  readonly micros: number
  readonly argv: ReadonlyArray<string>
  readonly address: string
  readonly name: string
}

const fineMicros = 1_000
const argumentsMax = 32
const argumentBytesMax = 128

const cut = (argument: string): string =>
  argument.length <= argumentBytesMax
    ? argument
    : `${argument.slice(0, argumentBytesMax)}... (${argument.length - argumentBytesMax} more bytes)`

const shortened = (argv: ReadonlyArray<string>): ReadonlyArray<string> =>
  argv.length <= argumentsMax
    ? argv.map(cut)
    : [...argv.slice(0, argumentsMax - 1).map(cut), `... (${argv.length - argumentsMax + 1} more arguments)`]

const hidden = "(redacted)"
const secretSettings = new Set(["requirepass", "masterauth", "masteruser"])

/** Without passwords. */
const redacted = (argv: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [name, second = ""] = argv.map((argument) => argument.toLowerCase())
  if (name === "auth") return argv.map((argument, at) => (at === 0 ? argument : hidden))
  if (name === "acl" && second === "setuser") return argv.map((argument, at) => (at < 3 ? argument : hidden))
  if (name === "hello") return argv.map((argument, at) => (at < 3 ? argument : hidden))
  if (name !== "config" || second !== "set") return argv
  return argv.map((argument, at) => (at > 2 && secretSettings.has(argv[at - 1].toLowerCase()) ? hidden : argument))
}

export class Slowlog {
  /** Below zero: nothing is noted. */
  slowerThanMicros = 10_000
  lengthMax = 128
  private lastId = 0
  private commands: Array<SlowCommand> = []

  /** Commands that take next to nothing are noted, too: the clock has to be looked at for each. */
  get isFine(): boolean {
    return this.slowerThanMicros >= 0 && this.slowerThanMicros < fineMicros
  }

  get length(): number {
    return this.commands.length
  }

  /** A command that took so long is noted. */
  takes(micros: number): boolean {
    return this.slowerThanMicros >= 0 && micros >= this.slowerThanMicros && this.lengthMax > 0
  }

  /** Takes a command that was run, if it was slow. */
  note(
    argv: ReadonlyArray<string>,
    micros: number,
    { address, atMillis, name }: { readonly address: string; readonly name: string; readonly atMillis: number }
  ): void {
    if (!this.takes(micros)) return
    const command = {
      id: this.lastId++,
      atSeconds: Math.floor(atMillis / 1_000),
      micros,
      argv: shortened(redacted(argv)),
      address,
      name
    }
    this.commands.unshift(command)
    if (this.commands.length > this.lengthMax) this.commands.length = this.lengthMax
  }

  /** Newest first. */
  latest(count: number): ReadonlyArray<SlowCommand> {
    return this.commands.slice(0, count)
  }

  resize(lengthMax: number): void {
    this.lengthMax = lengthMax
    if (this.commands.length > lengthMax) this.commands.length = lengthMax
  }

  reset(): void {
    this.commands = []
  }
}
