/**
 * Config: every name that CONFIG GET and CONFIG SET of 7.0.15 know, what it stands at, and what it may be set to. Most names have nothing to do
 * with Orbit: they are kept, so that tools that set and read them go on. What does something has a `Binding`, which is where its value lives.
 *
 * `set` is all or nothing: everything is checked before anything is changed. Source: config.c of Redis 7.0.
 */
import { configFacts, hiddenFacts } from "./ConfigFacts.ts"
import * as ConfigText from "./ConfigText.ts"
import * as Glob from "./Glob.ts"
import { Refusal } from "./Refusal.ts"

/** Where the value of a name lives that does something. */
export interface Binding {
  /** As CONFIG GET says it. */
  readonly get: () => string
  /** Takes what was checked, in its canonical spelling. */
  readonly set: (value: string) => void
  /** It is set at the start, and only told here: why it cannot be another now. */
  readonly fixedReason?: string
}

interface Item {
  /** The name that it is known by here; an alias has that of the other. */
  readonly name: string
  readonly kind: string
  readonly isHidden: boolean
}

const failed = (name: string, reason: string): Refusal =>
  new Refusal(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`)

const hasPattern = /[*?[]/

export class Config {
  private readonly items = new Map<string, Item>()
  private readonly values = new Map<string, string>()
  private readonly bindings: Readonly<Record<string, Binding>>

  constructor(bindings: Readonly<Record<string, Binding>>) {
    this.bindings = bindings
    for (const [facts, isHidden] of [
      [configFacts, false],
      [hiddenFacts, true]
    ] as const) {
      for (const line of facts.trim().split("\n")) this.add(line.split("\t"), isHidden)
    }
  }

  private add([name, kind, value = ""]: ReadonlyArray<string>, isHidden: boolean): void {
    if (kind.startsWith("=")) {
      const other = kind.slice(1)
      // An alias may stand before what it is another name of: its kind is looked up when it is asked for.
      this.items.set(name, { name: other, kind, isHidden })
      return
    }
    this.items.set(name, { name, kind, isHidden })
    this.values.set(name, value)
  }

  /** The value of a name, an alias too; undefined: there is no such name. */
  get(name: string): string | undefined {
    const item = this.items.get(name)
    if (item === undefined) return undefined
    return this.bindings[item.name] === undefined ? this.values.get(item.name) : this.bindings[item.name].get()
  }

  /** Names with their values that any of the patterns finds, each once. */
  matching(patterns: ReadonlyArray<string>): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (const pattern of patterns) {
      const exact = pattern.toLowerCase()
      if (!hasPattern.test(pattern)) {
        if (this.items.has(exact)) found.set(exact, this.get(exact)!)
        continue
      }
      for (const [name, { isHidden }] of this.items) {
        if (!isHidden && Glob.matchesAnyCase(pattern, name)) found.set(name, this.get(name)!)
      }
    }
    return found
  }

  /** What a name stands at from the start: also what cannot be changed later. Throws as `set` does. */
  begin(name: string, value: string): void {
    const item = this.items.get(name.toLowerCase())
    const kind = item === undefined ? "" : this.items.get(item.name)!.kind
    if (item === undefined || (kind !== "fixed" && kind !== "protected")) return this.set([name, value])
    if (this.bindings[item.name] === undefined) this.values.set(item.name, value)
  }

  /** Names and values in turn. */
  set(given: ReadonlyArray<string>): void {
    const taken = new Map<string, string>()
    for (let at = 0; at < given.length; at += 2) {
      const item = this.items.get(given[at].toLowerCase())
      if (item === undefined) {
        throw new Refusal(`ERR Unknown option or number of arguments for CONFIG SET - '${given[at]}'`)
      }
      const kind = this.items.get(item.name)!.kind
      if (kind === "fixed") throw failed(given[at], "can't set immutable config")
      if (kind === "protected") throw failed(given[at], "can't set protected config")
      if (taken.has(item.name)) throw failed(given[at], "duplicate parameter")
      taken.set(item.name, "")
    }
    for (let at = 0; at < given.length; at += 2) {
      const { name } = this.items.get(given[at].toLowerCase())!
      const checked = ConfigText.check(name, this.items.get(name)!.kind, given[at + 1], this.get(name)!)
      if (typeof checked === "object") throw failed(given[at], checked.reason)
      const fixedReason = this.bindings[name]?.fixedReason
      if (fixedReason !== undefined && checked !== this.get(name)) throw failed(given[at], fixedReason)
      taken.set(name, checked)
    }
    for (const [name, value] of taken) {
      const binding = this.bindings[name]
      if (binding === undefined) this.values.set(name, value)
      else binding.set(value)
    }
  }
}
