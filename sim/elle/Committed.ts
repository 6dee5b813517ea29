/**
 * The committed transactions of a history, as checks of whole levels see them: sessions, who reads which version from whom,
 * who writes which keys. A transaction of unknown outcome has committed when somebody read what it wrote; others of them
 * are left out, as failed ones are. The values must be unique.
 *
 * Reads of lists count as reads from the writer of the last element.
 */
import * as History from "#sim/judges/History.ts"
import { type Access, finalWrite, firstRead, laterRead } from "./Access.ts"
import { Ints } from "./Grow.ts"
import { initial, read, type Transactions } from "./Transactions.ts"

export interface Committed {
  readonly count: number
  /** Transactions of the history, in its order. */
  readonly members: Int32Array
  /** By member. */
  readonly sessions: Int32Array
  /** By member, its place in its session. */
  readonly places: Int32Array
  /** By session, its members in their order. */
  readonly bySession: ReadonlyArray<ReadonlyArray<number>>
  /** Reads of member m: `readStarts[m]` and on, in the order of the program; reads of own writes are left out. */
  readonly readStarts: Int32Array
  readonly readKeys: Int32Array
  /** The member that wrote what was read; -1 for the initial state. */
  readonly readFrom: Int32Array
  /** Keys that member m wrote, sorted: `writeStarts[m]` and on. */
  readonly writeStarts: Int32Array
  readonly writeKeys: Int32Array
}

export const of = (transactions: Transactions, access: Access): Committed => {
  const { count, starts, keys, versions, writers } = transactions
  const members = membersOf(transactions)
  const memberOf = new Int32Array(count).fill(-1)
  for (let member = 0; member < members.length; member += 1) memberOf[members[member]!] = member
  const readStarts = new Int32Array(members.length + 1)
  const writeStarts = new Int32Array(members.length + 1)
  const readKeys = new Ints(1024)
  const readFrom = new Ints(1024)
  const writeKeys = new Ints(1024)
  for (let member = 0; member < members.length; member += 1) {
    const transaction = members[member]!
    for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
      const external = access.external[at]
      const version = versions[at]!
      if (external === finalWrite) writeKeys.push(keys[at]!)
      if ((external !== firstRead && external !== laterRead) || version < initial) continue
      const writer = version === initial ? -1 : writers[version]!
      if (version !== initial && (writer < 0 || writer === transaction)) continue
      readKeys.push(keys[at]!)
      readFrom.push(version === initial ? -1 : memberOf[writer]!)
    }
    readStarts[member + 1] = readKeys.length
    writeStarts[member + 1] = writeKeys.length
    writeKeys.view().subarray(writeStarts[member], writeKeys.length).sort()
  }
  return {
    count: members.length,
    members,
    ...sessionsOf(transactions, members),
    readStarts,
    readKeys: readKeys.view(),
    readFrom: readFrom.view(),
    writeStarts,
    writeKeys: writeKeys.view()
  }
}

/** The same transactions, each in a session of its own: for levels that do not count sessions. */
export const alone = (committed: Committed): Committed => ({
  ...committed,
  sessions: Int32Array.from({ length: committed.count }, (_, member) => member),
  places: new Int32Array(committed.count),
  bySession: Array.from({ length: committed.count }, (_, member) => [member])
})

const membersOf = ({ count, outcomes, starts, kinds, versions, writers, trunks }: Transactions): Int32Array => {
  const seen = new Uint8Array(count)
  for (let transaction = 0; transaction < count; transaction += 1) {
    if (outcomes[transaction] === History.failed) continue
    if (outcomes[transaction] === History.ok) seen[transaction] = 1
    for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
      const version = versions[at]!
      if (kinds[at] === read && version >= 0 && writers[version]! >= 0) seen[writers[version]!] = 1
    }
  }
  // Of a list all elements have been seen.
  for (const trunk of trunks) for (const version of trunk) if (writers[version]! >= 0) seen[writers[version]!] = 1
  const members = new Ints(count + 1)
  for (let transaction = 0; transaction < count; transaction += 1)
    if (seen[transaction] === 1) members.push(transaction)
  return members.view()
}

const sessionsOf = ({ history }: Transactions, members: Int32Array) => {
  const sessions = new Int32Array(members.length)
  const places = new Int32Array(members.length)
  const bySession: Array<Array<number>> = []
  const known = new Map<number, number>()
  for (let member = 0; member < members.length; member += 1) {
    const process = history.processes[members[member]!]!
    let session = known.get(process)
    if (session === undefined) {
      session = bySession.length
      bySession.push([])
      known.set(process, session)
    }
    // What a process does after an unknown outcome may take effect before it.
    if (history.outcomes[members[member]!] === History.unknown) known.delete(process)
    sessions[member] = session
    places[member] = bySession[session]!.length
    bySession[session]!.push(member)
  }
  return { sessions, places, bySession }
}
