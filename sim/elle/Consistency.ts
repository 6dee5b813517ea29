/**
 * Consistency models and what refutes them: which anomaly is a case of which other, which model implies which, which model
 * proscribes what. From a set of anomalies follow the models that a history cannot satisfy, and those it still may.
 *
 * The tables state what Adya (Weak Consistency, 1999), Bailis et al. (Highly Available Transactions), Cerone, Bernardi and
 * Gotsman (A Framework for Transactional Consistency Models), Daudjee and Salem (Lazy Database Replication) and the others
 * prove, as Elle arranges it (Kingsbury and Alvaro 2020, elle.consistency-model). Names are Elle's, without colons.
 *
 * Beyond Elle: `garbage-read` (a value that nobody wrote comes from no committed transaction, so it is a case of G1a); what
 * complete checks of weak levels find: `non-monotonic-read` (Biswas and Enea's axiom of read committed, which is what
 * Bailis calls monotonic atomic view), `fractured-read` (read atomic), `causality-violation` (transactional causal
 * consistency), each also with sessions (`-process`, and models `strong-session-...`); and `no-serial-order`,
 * `no-snapshot-order`: what a search for an order of commits proves when it has tried them all.
 */

/** Lines `name: what it leads to`, as a graph in both directions. */
class Relation {
  private readonly forward = new Map<string, Array<string>>()
  private readonly backward = new Map<string, Array<string>>()

  constructor(lines: ReadonlyArray<string>, rename: (name: string) => string = (name) => name) {
    for (const line of lines) {
      const [from, targets] = line.split(": ") as [string, string]
      for (const to of targets.split(" ")) this.link(rename(from), to.startsWith("!") ? to.slice(1) : rename(to))
    }
  }

  private link(from: string, to: string): void {
    if (from === to) return
    const add = (map: Map<string, Array<string>>, key: string, value: string): void => {
      const list = map.get(key)
      if (list === undefined) map.set(key, [value])
      else if (!list.includes(value)) list.push(value)
    }
    add(this.forward, from, to)
    add(this.backward, to, from)
  }

  get names(): ReadonlyArray<string> {
    return [...new Set([...this.forward.keys(), ...this.backward.keys()])]
  }

  /** What the names lead to directly. */
  next(names: Iterable<string>): Set<string> {
    return new Set([...names].flatMap((name) => this.forward.get(name) ?? []))
  }

  /** What leads to the names directly. */
  previous(names: Iterable<string>): Set<string> {
    return new Set([...names].flatMap((name) => this.backward.get(name) ?? []))
  }

  /** The names and all that follows from them. */
  following(names: Iterable<string>): Set<string> {
    return this.closure(names, this.forward)
  }

  /** The names and all from which they follow. */
  leading(names: Iterable<string>): Set<string> {
    return this.closure(names, this.backward)
  }

  private closure(names: Iterable<string>, map: ReadonlyMap<string, ReadonlyArray<string>>): Set<string> {
    const seen = new Set(names)
    // A set hands out what is added while it is walked.
    for (const name of seen) for (const next of map.get(name) ?? []) seen.add(next)
    return seen
  }
}

/** An anomaly is one of process order too, and what process order breaks, real time breaks. */
const cycleFamilies = [
  "G0",
  "G1c",
  "G1",
  "G-single-item",
  "G-single",
  "G-nonadjacent-item",
  "G-nonadjacent",
  "G2-item",
  "G2",
  "non-monotonic-read",
  "fractured-read",
  "causality-violation",
  "no-snapshot-order",
  "no-serial-order"
]

const byVariant = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  ["", "-process", "-realtime"].flatMap((variant) =>
    lines.map((line) => line.replace(/[^\s:]+/g, (name) => name + variant))
  )

const anomalies = new Relation([
  ...cycleFamilies.flatMap((name) => [`${name}: ${name}-process`, `${name}-process: ${name}-realtime`]),
  ...byVariant([
    "G0: G1c",
    "G1c: G1",
    "G-single-item: G-single G-nonadjacent-item",
    "G-single: G-nonadjacent",
    "G-nonadjacent-item: G-nonadjacent G2-item",
    "G-nonadjacent: G2",
    "G2-item: G2",
    "non-monotonic-read: fractured-read",
    "fractured-read: causality-violation",
    "no-snapshot-order: no-serial-order"
  ]),
  "G1a: G1",
  "G1b: G1",
  "G-single: GSIb",
  "GSIa: GSI",
  "GSIb: GSI",
  "incompatible-order: G1a",
  "dirty-update: G1a",
  "garbage-read: G1a",
  "future-read: G1c",
  "lost-update: write-skew G2-item",
  "write-skew: G2"
])

const canonicalNames: ReadonlyMap<string, string> = new Map([
  ["consistent-view", "PL-2+"],
  ["conflict-serializable", "PL-3"],
  ["cursor-stability", "PL-CS"],
  ["forward-consistent-view", "PL-FCV"],
  ["monotonic-snapshot-read", "PL-MSR"],
  ["monotonic-view", "PL-2L"],
  ["read-committed", "PL-2"],
  ["read-uncommitted", "PL-1"],
  ["repeatable-read", "PL-2.99"],
  ["serializable", "PL-3"],
  ["snapshot-isolation", "PL-SI"],
  ["strict-serializable", "PL-SS"],
  ["strong-serializable", "PL-SS"],
  ["update-serializable", "PL-3U"],
  ["strong-session-read-uncommitted", "strong-session-PL-1"],
  ["strong-session-read-committed", "strong-session-PL-2"],
  ["strong-read-uncommitted", "strong-PL-1"],
  ["strong-read-committed", "strong-PL-2"]
])

/** Short names of levels, as papers on weak isolation use them (Biswas and Enea 2019): their levels include sessions. */
const abbreviations: ReadonlyMap<string, string> = new Map([
  ["RC", "strong-session-monotonic-atomic-view"],
  ["RA", "strong-session-read-atomic"],
  ["CC", "strong-session-causal"],
  ["SI", "strong-session-snapshot-isolation"],
  ["SER", "strong-session-serializable"]
])

const canonical = (name: string): string => canonicalNames.get(name) ?? name

const friendlyNames: ReadonlyMap<string, string> = new Map([
  ...[...canonicalNames].map(([friendly, name]) => [name, friendly] as const),
  ["PL-3", "serializable"],
  ["PL-SS", "strict-serializable"]
])

/** The name that people use: `serializable` for `PL-3`. */
export const friendlyName = (model: string): string => friendlyNames.get(model) ?? model

const models = new Relation(
  [
    "causal-cerone: read-atomic",
    "consistent-view: cursor-stability monotonic-view",
    "conflict-serializable: view-serializable",
    "cursor-stability: read-committed",
    "forward-consistent-view: consistent-view",
    "PL-2: PL-1",
    "PL-3: repeatable-read update-serializable snapshot-isolation view-serializable",
    "update-serializable: forward-consistent-view",
    "monotonic-atomic-view: read-committed",
    "monotonic-view: PL-2",
    "monotonic-snapshot-read: PL-2",
    "parallel-snapshot-isolation: causal-cerone ROLA",
    "prefix: causal-cerone",
    "read-atomic: monotonic-atomic-view",
    "repeatable-read: cursor-stability monotonic-atomic-view",
    "ROLA: read-atomic",
    "session-serializable: 1SR",
    "snapshot-isolation: forward-consistent-view monotonic-atomic-view monotonic-snapshot-read parallel-snapshot-isolation prefix",
    "strict-serializable: PL-3 linearizable snapshot-isolation strong-snapshot-isolation strong-session-serializable session-serializable",
    "strong-session-PL-1: PL-1",
    "strong-session-PL-2: PL-2 strong-session-PL-1",
    "strong-PL-1: strong-session-PL-1",
    "strong-PL-2: strong-session-PL-2 strong-PL-1",
    "strong-session-serializable: serializable strong-session-snapshot-isolation",
    "strong-session-snapshot-isolation: snapshot-isolation strong-session-PL-2 strong-session-causal",
    "strong-session-causal: causal-cerone strong-session-read-atomic",
    "strong-session-read-atomic: read-atomic strong-session-monotonic-atomic-view",
    "strong-session-monotonic-atomic-view: monotonic-atomic-view strong-session-PL-2",
    "strong-snapshot-isolation: strong-session-snapshot-isolation strong-PL-2",
    "linearizable: sequential",
    "sequential: causal",
    "causal: writes-follow-reads PRAM",
    "PRAM: monotonic-reads monotonic-writes read-your-writes"
  ],
  canonical
)

/** What a model proscribes beyond what the models below it do. A `!` keeps an anomaly's name as it is. */
const proscribed = new Relation(
  [
    "causal-cerone: internal G1a causality-violation",
    "cursor-stability: G1 G-cursor lost-update",
    "monotonic-view: G1 G-monotonic",
    "monotonic-snapshot-read: G1 G-MSR",
    "monotonic-atomic-view: non-monotonic-read",
    "consistent-view: G1 G-single",
    "forward-consistent-view: G1 G-SIb",
    "parallel-snapshot-isolation: internal G1a",
    "PL-3: G1 G2 internal predicate-read-miss PL-3-cycle-exists no-serial-order",
    "PL-2: G1 PL-2-cycle-exists",
    "PL-1: G0 duplicate-elements cyclic-versions PL-1-cycle-exists",
    "prefix: internal G1a",
    "snapshot-isolation: internal G1 G-SI G-nonadjacent PL-SI-cycle-exists no-snapshot-order",
    "read-atomic: internal G1a future-read fractured-read",
    "repeatable-read: G1 G2-item PL-2.99-cycle-exists lost-update",
    "ROLA: lost-update",
    "strict-serializable: G1 G1c-realtime G2-realtime PL-SS-cycle-exists no-serial-order-realtime",
    "strong-session-PL-1: strong-session-PL-1-cycle-exists G0-process",
    "strong-session-PL-2: strong-session-PL-2-cycle-exists G1c-process",
    "strong-PL-1: strong-PL-1-cycle-exists G0-realtime",
    "strong-PL-2: strong-PL-2-cycle-exists G1c-realtime",
    "strong-session-snapshot-isolation: internal G1-process G-nonadjacent-process strong-session-snapshot-isolation-cycle-exists no-snapshot-order-process",
    "strong-snapshot-isolation: internal G1-realtime G-nonadjacent-realtime strong-snapshot-isolation-cycle-exists no-snapshot-order-realtime",
    "strong-session-serializable: G1-process G2-process strong-session-serializable-cycle-exists no-serial-order-process",
    "strong-session-causal: causality-violation-process G1c-process",
    "strong-session-read-atomic: fractured-read-process",
    "strong-session-monotonic-atomic-view: non-monotonic-read-process",
    "update-serializable: G1 G-update"
  ].map((line) => line.replace(/: .*/, (targets) => targets.replace(/ (?=\S)/g, " !"))),
  canonical
)

const known = new Set([...models.names, ...canonicalNames.keys(), ...canonicalNames.values(), ...abbreviations.keys()])

/** True for a model's name: Elle's (canonical or friendly), or an abbreviation such as `SER`. */
export const isModel = (name: string): boolean => known.has(name)

/** All names by which models go, sorted. */
export const modelNames: ReadonlyArray<string> = [...known].sort()

/** The canonical name of a model by any of its names. */
export const modelOf = (name: string): string => canonical(abbreviations.get(name) ?? name)

/** True when a history that satisfies `stronger` satisfies `weaker`: always so for a model itself. */
export const implies = (stronger: string, weaker: string): boolean =>
  models.following([modelOf(stronger)]).has(modelOf(weaker))

/** Anomalies that must not be there if the model holds, sorted; cases of proscribed ones included. */
export const anomaliesProhibitedBy = (model: string): ReadonlySet<string> =>
  new Set([...anomalies.leading(proscribed.next(models.following([modelOf(model)])))].sort())

/** All anomalies of which these are cases, themselves included. */
export const impliedAnomalies = (types: Iterable<string>): ReadonlySet<string> => anomalies.following(types)

/** Canonical names of the models that cannot hold where these anomalies are. */
export const impossibleModels = (types: Iterable<string>): ReadonlySet<string> =>
  models.leading(proscribed.previous(anomalies.following(types)))

/** Models ruled out by anomalies, by friendly names, sorted. */
export interface Boundary {
  /** The weakest models that do not hold. */
  readonly not: ReadonlyArray<string>
  /** The stronger ones, which do not hold either. */
  readonly alsoNot: ReadonlyArray<string>
  /** The strongest models that may still hold. */
  readonly may: ReadonlyArray<string>
}

export const boundary = (types: Iterable<string>): Boundary => {
  const impossible = impossibleModels(types)
  const possible = models.names.filter((name) => !impossible.has(name))
  const weakest = [...impossible].filter((name) => ![...models.next([name])].some((below) => impossible.has(below)))
  const strongest = possible.filter((name) => ![...models.previous([name])].some((above) => !impossible.has(above)))
  const friendly = (names: Iterable<string>): ReadonlyArray<string> => [...new Set([...names].map(friendlyName))].sort()
  return {
    not: friendly(weakest),
    alsoNot: friendly([...impossible].filter((name) => !weakest.includes(name))),
    may: friendly(strongest)
  }
}

/** A model of the lattice, and whether anomalies rule it out. */
export interface Placed {
  readonly name: string
  /** `refuted`: one of the weakest that do not hold; `implied`: a stronger one. */
  readonly verdict: "refuted" | "implied" | "possible"
  /** The next weaker models. */
  readonly implies: ReadonlyArray<string>
}

/** All models, stronger ones first, as far as anomalies tell of them. */
export const lattice = (types: Iterable<string>): ReadonlyArray<Placed> => {
  const impossible = impossibleModels(types)
  const weight = new Map(models.names.map((name) => [name, models.following([name]).size]))
  const sorted = models.names.toSorted(
    (left, right) => weight.get(right)! - weight.get(left)! || (left < right ? -1 : 1)
  )
  return sorted.map((name) => {
    const below = [...models.next([name])]
    // What another of the next weaker models implies is no line of its own.
    const direct = below.filter((one) => !below.some((other) => other !== one && implies(other, one)))
    const isWeakest = below.every((one) => !impossible.has(one))
    const verdict = !impossible.has(name) ? "possible" : isWeakest ? "refuted" : "implied"
    return { name: friendlyName(name), verdict, implies: direct.map(friendlyName) }
  })
}
