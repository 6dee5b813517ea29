/**
 * TxnConformance: the trace of a run's transactions in the words of models/quint/TwoPhaseCommitTrace.qnt, whose header says what stands for what. All
 * transactions of the run are checked, together: what one finds of another is checked, too. Nothing is judged here.
 */
import type { Mapping, Step, Trace } from "#sim/conformance/Conformance.ts"
import type { Json } from "#sim/conformance/Quint.ts"
import * as Stamps from "./Stamps.ts"
import * as Traced from "./Traced.ts"
import type { Call, Happening, Plan } from "./Traced.ts"
import type { Written } from "./Observed.ts"

/** What is under way about a key: it is looked at again when the key changes. */
interface Pending {
  readonly number: number
  readonly call: Call
  readonly keys: ReadonlySet<string>
}

const isRead = ({ ask }: Call): boolean => ask.type === "read" || ask.type === "scan" || ask.type === "lock"

const words = (at: number): string => (at === 0 ? "aborted" : `committed at ${at}`)

class Telling {
  readonly steps: Array<Step> = []
  private readonly traced: Traced.Traced
  private readonly keys: ReadonlySet<string>
  private readonly keyNumbers = new Map<string, number>()
  private readonly plans: ReadonlyMap<number, Plan>
  private readonly txnNumbers = new Map<number, number>()
  /** Where each transaction's coordinator is, once it has begun and before it is over. */
  private readonly homes = new Map<number, number>()
  private readonly begun = new Set<number>()
  private readonly intents = new Map<string, number>()
  private readonly pending = new Set<Pending>()
  /** As of when each has proposed last. */
  private readonly proposed = new Map<number, number>()
  /** Of each transaction: what it asked for last that could decide it. */
  private readonly lastAsked = new Map<number, Call>()
  private at: Happening
  private calls = 0

  constructor(trace: Trace) {
    this.traced = Traced.read(trace)
    this.keys = Traced.universe(this.traced)
    this.plans = Traced.plansOf(this.traced, this.keys)
    for (const key of [...this.keys].sort()) this.keyNumbers.set(key, this.keyNumbers.size + 1)
    for (const id of this.plans.keys()) this.txnNumbers.set(id, this.txnNumbers.size + 1)
    for (const call of this.traced.calls) {
      if (call.ask.type === "decide" || call.ask.type === "once") this.lastAsked.set(call.ask.txn, call)
    }
    this.at = { atMicros: 0, node: 0, what: { type: "down" } }
    this.add("there is nothing", "Founded", {
      plans: { map: [...this.plans.values()].map((plan) => [this.txn(plan.id), this.planOf(plan)]) },
      places: this.set(this.keys)
    })
    const stamps = Stamps.place(this.traced, this.plans)
    this.traced.happenings.forEach((happening, place) => {
      this.at = happening
      for (const stamp of stamps.get(place) ?? []) this.stamped(stamp)
      this.happened(happening, place)
    })
  }

  private txn(id: number): number {
    return this.txnNumbers.get(id)!
  }

  private key(key: string): number {
    return this.keyNumbers.get(key)!
  }

  private set(keys: Iterable<string>): Json {
    return { set: [...keys].map((key) => this.key(key)) }
  }

  private planOf({ anchor, reads, writes }: Plan): Json {
    return { anchor: this.key(anchor), writes: this.set(writes), reads: this.set(reads) }
  }

  private versions(seen: ReadonlyMap<string, number>): Json {
    return { map: [...seen].map(([key, version]) => [this.key(key), version] as const) }
  }

  /** Servers are numbered from 1, machines from 0. */
  private add(said: string, tag: string, value: Json): void {
    const { atMicros, node } = this.at
    this.steps.push({ atMicros, node: node + 1, words: said, event: { tag, value } })
  }

  private about(id: number, said: string, tag: string, more: { readonly [field: string]: Json } = {}): void {
    this.add(`t${this.txn(id)} ${said}`, tag, { txn: this.txn(id), ...more })
  }

  private kept(...ids: ReadonlyArray<number>): void {
    const some = ids.filter((id) => this.plans.has(id)).map((id) => this.txn(id))
    this.add(`what is promised of ${some.map((id) => `t${id}`).join(", ")}`, "Kept", { set: some })
  }

  private stamped({ at, node, purpose }: Stamps.Stamp): void {
    switch (purpose.type) {
      case "given":
        return this.add(`is given ${at}`, "Given", at)
      case "begins":
        return this.begins(purpose.txn, node)
      case "stamps":
        return this.about(purpose.txn, `is to commit at ${at}`, "Stamped", { at })
      case "renews":
        return this.about(purpose.txn, `looks again up to ${at}`, "Renewed", { at })
      case "once":
        return this.once(purpose.txn, at, purpose.call)
    }
  }

  private begins(id: number, node: number): void {
    this.begun.add(id)
    this.homes.set(id, node)
    this.about(id, `begins at ${id}`, "Began", { at: id })
  }

  /** Under the latches of one range. */
  private once(id: number, at: number, { ask }: Call): void {
    for (const key of this.plans.get(id)!.writes) this.lay(id, key)
    this.about(id, `is to commit at ${at}, in one round`, "Stamped", { at })
    if (ask.type === "once") this.check(id, Traced.keysOf(this.keys, ask.reads), at)
    this.about(id, `decides: ${words(at)}`, "Decides", { at })
  }

  private lay(id: number, key: string): void {
    this.intents.set(key, id)
    this.about(id, `lays its intent on ${key}`, "Laid", { key: this.key(key) })
    this.changed(key)
  }

  private check(id: number, keys: ReadonlyArray<string>, until: number): void {
    for (const key of keys) {
      if (!this.plans.get(id)!.reads.has(key)) continue
      this.about(id, `looks at ${key}`, "Checked", { key: this.key(key), until })
    }
  }

  /** Whoever asks for it finds another state of the key now. */
  private changed(key: string): void {
    for (const each of this.pending) if (each.keys.has(key)) this.look(each, [key])
  }

  private look({ call, number }: Pending, keys: ReadonlyArray<string>): void {
    const { answer, ask } = call
    if (ask.type === "validate") return this.check(ask.txn, keys, ask.until)
    const at = ask.type === "read" || ask.type === "scan" ? ask.at : answer!.at!
    this.add(`looks at ${keys.join(", ")}`, "Looked", { call: number, keys: this.set(keys), at })
  }

  private happened({ node, what }: Happening, place: number): void {
    switch (what.type) {
      case "asks":
        return this.asks(what.call)
      case "answered":
        return this.answered(what.call)
      case "command":
        return this.command(what.written, place)
      case "swept":
        return this.swept(what.swept)
      case "down":
        for (const [id, home] of this.homes) if (home === node) this.dies(id, place)
        return
      case "attempted":
        // One that asked for no timestamp.
        if (!this.plans.has(what.txn) || this.begun.has(what.txn)) return
        return this.begins(what.txn, node)
      case "told":
        if ((this.plans.get(what.txn)?.writes.size ?? 0) === 0) return
        this.about(what.txn, `is told to be ${words(what.at)}`, "Told", { at: what.at })
        return this.kept(what.txn)
    }
  }

  private asks(call: Call): void {
    const { ask } = call
    if (isRead(call) && call.answer !== undefined) {
      const keys = new Set(Traced.seenBy(this.keys, call).keys())
      if (keys.size > 0) this.await(call, keys)
    }
    if (ask.txn === undefined || !this.plans.has(ask.txn)) return
    if (ask.type === "validate" && this.proposed.has(ask.txn)) {
      this.await(call, new Set(Traced.keysOf(this.keys, ask.reads)))
    }
    if (ask.type === "decide") this.about(ask.txn, `decides: ${words(ask.at)}`, "Decides", { at: ask.at })
    if (ask.type !== "prepare" && ask.type !== "once") return
    if (this.proposed.get(ask.txn) === ask.since) return
    this.proposed.set(ask.txn, ask.since)
    const seen = this.versions(this.plans.get(ask.txn)!.seen)
    this.about(ask.txn, `proposes, having read as of ${ask.since}`, "Proposed", { since: ask.since, seen })
  }

  private await(call: Call, keys: ReadonlySet<string>): void {
    this.calls += 1
    const pending = { number: this.calls, call, keys }
    this.pending.add(pending)
    this.look(pending, [...keys])
  }

  private answered(call: Call): void {
    const { answer, ask } = call
    for (const each of this.pending) {
      if (each.call !== call) continue
      this.pending.delete(each)
      if (!isRead(call)) continue
      const at = ask.type === "read" || ask.type === "scan" ? ask.at : answer!.at!
      const seen = Traced.seenBy(this.keys, call)
      this.add(`has read ${[...seen.keys()].join(", ")}`, "Read", { call: each.number, at, seen: this.versions(seen) })
    }
    if ((ask.type !== "decide" && ask.type !== "once") || !this.plans.has(ask.txn)) return
    if (answer?.at === undefined) {
      // It never hears more.
      if (this.lastAsked.get(ask.txn) === call) this.dies(ask.txn, call.answeredAt)
      return
    }
    const asked = ask.type === "decide" ? ask.at : answer.at
    this.about(ask.txn, "finds its record", "Arrived", { at: asked })
    this.about(ask.txn, `hears: ${words(answer.at)}`, "Heard", { at: answer.at })
    this.homes.delete(ask.txn)
    this.kept(ask.txn)
  }

  /** What it left in one round may take effect yet: then it was there until that did. */
  private dies(id: number, place: number): void {
    const once = this.plans.get(id)!.once
    if (once !== undefined && once > place) return
    if (this.homes.delete(id)) this.add(`t${this.txn(id)} is left alone`, "Died", this.txn(id))
  }

  private command({ cleared, intents, records, versions }: Written, place: number): void {
    const ids = new Set<number>()
    for (const { at, keys, txn } of records) {
      const once = this.plans.get(txn)!.once === place
      ids.add(txn)
      this.about(txn, `is ${words(at)}, says its record`, "Recorded", { at, named: this.set(keys), once })
    }
    for (const { key, txn } of intents) {
      ids.add(txn)
      this.lay(txn, key)
    }
    const written = new Map(versions.map(({ at, key }) => [key, at]))
    for (const key of new Set([...cleared, ...written.keys()])) {
      const id = this.intents.get(key) ?? records[0]?.txn ?? [...this.plans.keys()][0]
      const at = written.get(key) ?? 0
      ids.add(id)
      this.intents.delete(key)
      this.about(id, `${at === 0 ? "is gone from" : `is at ${at} on`} ${key}`, "Resolved", { key: this.key(key), at })
      this.changed(key)
    }
    for (const { at, txn } of records) {
      if (this.plans.get(txn)!.once !== place) continue
      this.about(txn, "has no intents left", "Recorded", { at, named: this.set([]), once: true })
      const call = this.lastAsked.get(txn)
      const isAlone = call === undefined || call.answer === undefined || call.answeredAt < place
      if (isAlone) this.dies(txn, place)
    }
    if (ids.size > 0) this.kept(...ids)
  }

  private swept({ floor, from, gone, to }: Extract<Happening["what"], { readonly type: "swept" }>["swept"]): void {
    const places = this.set([...this.keys].filter((key) => from <= key && (key < to || to === "")))
    const ids = { set: gone.filter((id) => this.plans.has(id)).map((id) => this.txn(id)) }
    this.add(`sweeps up to ${floor}`, "Swept", { places, floor, gone: ids })
  }
}

export const mapping: Mapping = {
  module: "TwoPhaseCommitTrace",
  options: { "trace.steps": true },
  constants: () => ({}),
  steps: (trace) => new Telling(trace).steps
}
