/** Arrays of numbers that grow: for columns and edges whose count nobody knows beforehand. */

/** Bytes. */
export class Bytes {
  private array: Uint8Array
  length = 0

  constructor(capacity = 64) {
    this.array = new Uint8Array(capacity)
  }

  push(value: number): void {
    if (this.length === this.array.length) {
      const grown = new Uint8Array(this.length * 2)
      grown.set(this.array)
      this.array = grown
    }
    this.array[this.length++] = value
  }

  at(index: number): number {
    return this.array[index]!
  }

  set(index: number, value: number): void {
    this.array[index] = value
  }

  /** What was pushed, without a copy: valid until the next push. */
  view(): Uint8Array {
    return this.array.subarray(0, this.length)
  }
}

/** 32-bit integers. */
export class Ints {
  private array: Int32Array
  length = 0

  constructor(capacity = 64) {
    this.array = new Int32Array(capacity)
  }

  push(value: number): void {
    if (this.length === this.array.length) {
      const grown = new Int32Array(this.length * 2)
      grown.set(this.array)
      this.array = grown
    }
    this.array[this.length++] = value
  }

  /** Takes the last one off; there must be one. */
  pop(): number {
    this.length -= 1
    return this.array[this.length]!
  }

  /** Forgets all from `length` on. */
  truncate(length: number): void {
    this.length = length
  }

  at(index: number): number {
    return this.array[index]!
  }

  set(index: number, value: number): void {
    this.array[index] = value
  }

  /** What was pushed, without a copy: valid until the next push. */
  view(): Int32Array {
    return this.array.subarray(0, this.length)
  }
}
