/**
 * Versions: each value of each key by a small number, so that the checks compare integers. A hash table in typed arrays;
 * whole numbers below 2^30 stand for themselves, other values are interned by their canonical text.
 */
import { text, type Value } from "#sim/judges/Value.ts"
import { Ints } from "./Grow.ts"

const plainMax = 0x40000000

/** Interns values: equal ones have one number, from 0 in the order of their appearance. */
export class Names {
  readonly values: Array<Value> = []
  private readonly byScalar = new Map<Value, number>()
  private readonly byText = new Map<string, number>()

  id(value: Value): number {
    const composed = typeof value === "object" && value !== null
    const known = composed ? this.byText.get(text(value)) : this.byScalar.get(value)
    if (known !== undefined) return known
    const id = this.values.length
    this.values.push(value)
    if (composed) this.byText.set(text(value), id)
    else this.byScalar.set(value, id)
    return id
  }
}

export class Versions {
  private readonly others = new Names()
  private readonly keyColumn = new Ints(1024)
  private readonly codes = new Ints(1024)
  /** Version + 1 by hash; 0 is free. The length is a power of two. */
  private slots = new Int32Array(4096)

  get count(): number {
    return this.codes.length
  }

  /** The version's key. */
  key(version: number): number {
    return this.keyColumn.at(version)
  }

  /** The version's value. */
  value(version: number): Value {
    const code = this.codes.at(version)
    return code < plainMax ? code : this.others.values[code - plainMax]!
  }

  /** The version of a key that has a value. */
  id(key: number, value: Value): number {
    const plain = typeof value === "number" && (value | 0) === value && value < plainMax && !Object.is(value, -0)
    const code = plain ? value : plainMax + this.others.id(value)
    const mask = this.slots.length - 1
    let slot = hash(key, code) & mask
    for (;;) {
      const version = this.slots[slot]! - 1
      if (version < 0) break
      if (this.codes.at(version) === code && this.keyColumn.at(version) === key) return version
      slot = (slot + 1) & mask
    }
    const version = this.codes.length
    this.keyColumn.push(key)
    this.codes.push(code)
    this.slots[slot] = version + 1
    if (this.codes.length * 2 > this.slots.length) this.grow()
    return version
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 4)
    const mask = this.slots.length - 1
    for (let version = 0; version < this.codes.length; version += 1) {
      let slot = hash(this.keyColumn.at(version), this.codes.at(version)) & mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask
      this.slots[slot] = version + 1
    }
  }
}

const hash = (key: number, code: number): number => {
  let mixed = Math.imul(key, 0x9e3779b1) ^ Math.imul(code, 0x85ebca6b)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}
