/**
 * LZF: the compression of strings in Redis's dumps (LibLZF by Marc Lehmann). A stretch begins with a control byte: below 32, so many
 * bytes and one follow as they are; else its upper three bits are a length less 2 (7: another byte adds to it), its lower five
 * and the next byte say how far back, less 1, it is copied from.
 *
 * `compress` finds what LibLZF finds in its very fast mode, byte for byte, so that dumps are equal to Redis's.
 */
const tableBits = 16
const literalsMax = 32
const distanceMax = 8_192
const lengthMax = 264

const slotOf = (three: number): number => ((three >>> (24 - tableBits)) - three * 5) & 0xffff

/** How many bytes at `at` repeat what is at `from`, three at least; the first three have been compared. */
const repeated = (input: Uint8Array, from: number, at: number): number => {
  const most = Math.min(input.length - at - 2, lengthMax)
  let length = 2
  // LibLZF compares sixteen without a look at the end where there is room, which may take it two bytes further.
  if (most > 16) {
    for (let step = 0; step < 16; step++) {
      length++
      if (input[from + length] !== input[at + length]) return length
    }
  }
  do length++
  while (length < most && input[from + length] === input[at + length])
  return length
}

class Compressor {
  private readonly input: Uint8Array
  private readonly output: Uint8Array
  /** Where three bytes were last, plus one: nothing is at 0, as LibLZF never refers to the first place. */
  private readonly table = new Int32Array(1 << tableBits).fill(-1)
  /** Where the next byte goes; the control byte of the open stretch stands `literals + 1` before. */
  private to = 1
  private literals = 0

  constructor(input: Uint8Array, sizeBytesMax: number) {
    this.input = input
    this.output = new Uint8Array(sizeBytesMax)
  }

  private literal(at: number): boolean {
    if (this.to >= this.output.length) return false
    this.output[this.to++] = this.input[at]
    if (++this.literals === literalsMax) this.closeRun()
    return true
  }

  private closeRun(): void {
    this.output[this.to - this.literals - 1] = this.literals - 1
    this.literals = 0
    this.to++
  }

  private note(at: number): number {
    const { input } = this
    const slot = slotOf((input[at] << 16) | (input[at + 1] << 8) | input[at + 2])
    const last = this.table[slot]
    this.table[slot] = at
    return last
  }

  private reference(back: number, length: number): boolean {
    const empty = this.literals === 0 ? 1 : 0
    if (this.to - empty + 4 >= this.output.length) return false
    this.output[this.to - this.literals - 1] = this.literals - 1
    this.to -= empty
    const code = length - 2
    if (code < 7) this.output[this.to++] = (back >> 8) + (code << 5)
    else {
      this.output[this.to++] = (back >> 8) + (7 << 5)
      this.output[this.to++] = code - 7
    }
    this.output[this.to++] = back
    this.literals = 0
    this.to++
    return true
  }

  run(): Uint8Array | undefined {
    const { input, output } = this
    let at = 0
    while (at < input.length - 2) {
      const last = this.note(at)
      const back = at - last - 1
      const isRepeat =
        last > 0 &&
        back < distanceMax &&
        input[last] === input[at] &&
        input[last + 1] === input[at + 1] &&
        input[last + 2] === input[at + 2]
      if (!isRepeat) {
        if (!this.literal(at)) return undefined
        at++
        continue
      }
      const length = repeated(input, last, at)
      if (!this.reference(back, length)) return undefined
      at += length
      if (at >= input.length - 2) break
      this.note(at - 2)
      this.note(at - 1)
    }
    if (this.to + 3 > output.length) return undefined
    while (at < input.length) this.literal(at++)
    output[this.to - this.literals - 1] = this.literals - 1
    return output.subarray(0, this.literals === 0 ? this.to - 1 : this.to)
  }
}

/** The bytes compressed into at most `sizeBytesMax`; `undefined` where they do not fit. */
export const compress = (input: Uint8Array, sizeBytesMax: number): Uint8Array | undefined =>
  input.length === 0 || sizeBytesMax <= 0 ? undefined : new Compressor(input, sizeBytesMax).run()

/** The `sizeBytes` bytes that were compressed; `undefined` where the input is not theirs. */
export const decompress = (input: Uint8Array, sizeBytes: number): Uint8Array | undefined => {
  const output = new Uint8Array(sizeBytes)
  let to = 0
  let at = 0
  while (at < input.length) {
    const control = input[at++]
    if (control < literalsMax) {
      const end = at + control + 1
      if (end > input.length || to + control + 1 > sizeBytes) return undefined
      while (at < end) output[to++] = input[at++]
      continue
    }
    let length = control >> 5
    if (length === 7) {
      if (at >= input.length) return undefined
      length += input[at++]
    }
    length += 2
    if (at >= input.length) return undefined
    let from = to - ((control & 31) << 8) - input[at++] - 1
    if (from < 0 || to + length > sizeBytes) return undefined
    while (length-- > 0) output[to++] = output[from++]
  }
  return to === sizeBytes ? output : undefined
}
