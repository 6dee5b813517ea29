/**
 * Refusal: an error reply, thrown by the handler of a command before it has changed anything, and caught in one place, by `Executor`. It is
 * no `Error`: nobody needs its stack, and taking one costs more than the command.
 */
export class Refusal {
  /** The whole line: a code in capitals, and what is wrong. */
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export const wrongType = new Refusal("WRONGTYPE Operation against a key holding the wrong kind of value")
export const syntax = new Refusal("ERR syntax error")
export const notInteger = new Refusal("ERR value is not an integer or out of range")
export const notFloat = new Refusal("ERR value is not a valid float")
export const outOfRange = new Refusal("ERR value is out of range")
export const notPositive = new Refusal("ERR value is out of range, must be positive")
export const noSuchKey = new Refusal("ERR no such key")
export const indexOutOfRange = new Refusal("ERR index out of range")
export const overflow = new Refusal("ERR increment or decrement would overflow")

export const wrongArity = (name: string): Refusal => new Refusal(`ERR wrong number of arguments for '${name}' command`)
