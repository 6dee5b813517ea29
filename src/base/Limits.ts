/** Every bound of Orbit in one place: its unit last in the name, its reason beside it. */

/** Tickets a timer port keeps a slot for. A driver uses a handful a group; ten thousand groups fit. */
export const timerTicketsMax = 65_536

/** Largest datagram, in bytes: what IPv4 UDP carries, less its headers (RFC 768, RFC 791). */
export const datagramBytesMax = 65_507

/** Bytes a connection buffers for its peer before `write` asks its caller to wait: 64 KiB, Node's own default for sockets. */
export const connectionBufferedBytesMax = 65_536

/** A path on a node's disk, in bytes: ext4 allows 4,096 with the terminator. */
export const pathBytesMax = 1_024

/** One name in such a path, in bytes: what ext4, XFS, APFS and NTFS all allow. */
export const nameBytesMax = 255

/** A key, in bytes: several must fit in one page of the B+tree; FoundationDB allows 10,000. Longer names are hashed above. */
export const keyBytesMax = 8_192

/** A value, in bytes: one record must fit in memory several times over while it is logged, flushed and merged. */
export const valueBytesMax = 64 * 1_048_576

/** The operations of one batch, in bytes: one value of the largest size and room for what goes with it. */
export const batchBytesMax = 96 * 1_048_576

/** A record of a log, in bytes: a batch of the largest size, and 64 KiB for what its writer puts around it. */
export const recordBytesMax = batchBytesMax + 65_536

/** Bytes of batches that wait for an engine's log before it refuses more: a second of a slow disk. */
export const writesWaitingBytesMax = 256 * 1_048_576

/** Snapshots open at a time in one engine: each holds back what compaction may drop. */
export const snapshotsMax = 4_096

/** A page of the B+tree's file, in bytes: from a sector of the device to what two bytes can tell offsets in. */
export const btreePageBytesMin = 512
export const btreePageBytesMax = 32_768

/** Pages of one B+tree: their numbers have four bytes. */
export const btreePagesMax = 4_294_967_295

/** Size at which a block of a table is closed, in bytes: one point read reads and checks a whole block. */
export const blockBytesMax = 16 * 1_048_576

/** Rotten places that a scrubber tells apart: more than these is a device to replace, not to list. */
export const rotPlacesMax = 65_536

/** A frame between stores, in bytes: an entry that fits in a record of the log, and 64 KiB for what goes around it. */
export const frameBytesMax = recordBytesMax + 65_536

/** Sessions of clients that a group remembers: each is one program that writes, and a group has thousands of those at most. */
export const sessionsMax = 4_096

/** Commands of one session that may be without acknowledgement: what a client keeps under way at a time. */
export const sessionOutstandingMax = 256

/** Answers that a group keeps for retries, in bytes: they are in memory on every replica, and in each snapshot. */
export const sessionResultsBytesMax = 16 * 1_048_576

/** Entries after which a session that nobody used expires: minutes of a busy group; a client that comes back later opens another. */
export const sessionIdleEntriesMax = 10_000_000

/** A key of a group's key-value state, in bytes: half of an engine's, which gets the group and a generation before it. */
export const groupKeyBytesMax = 4_096

/** A value of it, in bytes: an entry of the log travels whole, and etcd takes no more than 1.5 MiB either. */
export const groupValueBytesMax = 1_048_576

/** Operations, and comparisons, of one transaction: etcd's own default. */
export const transactionOperationsMax = 128

/** What a transaction answers, in bytes: it is kept for retries, many a session. A range may answer sixteen times as much. */
export const transactionAnswerBytesMax = 65_536
export const queryAnswerBytesMax = 1_048_576 + 65_536

/** Keys and values of a group's key-value state, in bytes: it is in memory on every replica. */
export const groupStateBytesMax = 1_073_741_824

/** Bytes of changes that go to an engine as one batch, give or take one command. */
export const groupBatchBytesMax = 1_048_576

/** Calls of one store to another that are under way: some hundred clients a processor, each with a few requests at once. */
export const callsMax = 8_192

/** Ranges whose place a store remembers; more are asked for anew. */
export const locationsMax = 65_536

/** Keys, and their bytes, of one request of a router to one range: it is a frame that others wait behind. More go as several requests. */
export const requestKeysMax = 1_024
export const requestBytesMax = 1_048_576

/** Requests that one call of the keyspace has under way: what it is cut into goes to so many ranges at once. */
export const callRequestsMax = 64

/** Timestamps of one request: everybody who waits on one store. */
export const timestampsMax = 65_536

/** Waits of transactions for one another that are known at a time: those of thousands of clients, each for a few others. */
export const waitsMax = 65_536

/** How far the oracle's replicated bound goes ahead: a second's timestamps at a million a second, and time to raise it, twice. */
export const oracleAheadMicros = 3_000_000

/** The year 2200. A wall clock that says more is wrong, and would take the timestamps along, which end with 2255. */
export const wallMicrosMax = 7_258_118_400_000_000

/** Accepted connections that have not said yet which store they are: all stores that come back at once, and no flood. */
export const strangersMax = 1_024

/** How deep tuples nest in a key: documents may, keys that people read do not. */
export const tupleDepthMax = 16

/** A key of the keyspace, in bytes: an engine's, escaped at its worst, and what stands around it. */
export const keyspaceKeyBytesMax = 4_000

/** What a transaction writes, in bytes: it waits in its coordinator's memory, a thousand of them at a time, few of which are large. */
export const transactionBytesMax = 64 * 1_048_576

/** The keys that a transaction writes, or locks, in bytes: its record names all of them in one entry of a log. */
export const transactionKeysBytesMax = 8 * 1_048_576

/** Keys and spans that a transaction has read, in bytes: they travel in one request when it commits. */
export const transactionReadsBytesMax = 1_048_576

/** What one request of a commit carries, in bytes: an entry of a log that does not hold up others. */
export const prepareBytesMax = 1_048_576

/** Savepoints of one transaction: a statement each, nested as programs nest. */
export const savepointsMax = 1_024

/** Transactions of a store that are open, or being cleaned up after: what a store's clients have under way at a time. */
export const transactionsOpenMax = 16_384

/** Attempts at one transaction: who conflicts that often meets more of them than time helps against. */
export const transactionAttemptsMax = 1_000

/** An actor's or a subject's name in the audit trail, in bytes of UTF-8: names are for people, longer ones are hashed above. */
export const auditNameBytesMax = 1_024

/** Keys that an entry of the audit trail names, and their bytes: two of the largest size fit; how many there were is always told. */
export const auditKeysMax = 64
export const auditKeysBytesMax = 2 * keyBytesMax

/** Notes of one transaction for the audit trail: all who wait for a lock may be given up at once, and a saga begin all its children. */
export const auditNotesMax = 2_048

/** An entry of the audit trail, in bytes: two names and the keys, and 512 bytes for everything of fixed size. */
export const auditEntryBytesMax = 2 * auditNameBytesMax + auditKeysBytesMax + 512

/** What a verification of an audit trail lists, and gaps that it keeps in mind a chain: a trail with more is not one any more. */
export const auditFindingsMax = 1_000
export const auditGapsMax = 4_096

/** Chains in one stream of the audit trail: one a group, and a store has tens of thousands of those at most. */
export const auditChainsMax = 65_536

/** A saga's id, in bytes of UTF-8: a nested one's has those of the sagas around it, each with a step. */
export const sagaIdBytesMax = 1_024

/** Steps of a saga: they are decided about one by one after each event; what has more of them is a saga of sagas. */
export const sagaStepsMax = 256

/** An input, a result or an output of a saga, in bytes: whoever takes a saga over reads all of them at once. */
export const sagaValueBytesMax = 65_536

/** Attempts at a step, or at undoing it: each leaves two entries in the journal. */
export const sagaAttemptsMax = 1_000

/** What a saga's journal keeps of a message, in characters: a person reads it. */
export const sagaMessageCharsMax = 500

/** A lock's name as a key, in bytes: names of things, not their content. */
export const lockNameBytesMax = 1_024

/** Sessions that wait for one lock, and those that a search for circles visits: all of them are in one value, which each of them rewrites. */
export const lockWaitersMax = 1_024

/** A range that its left neighbour takes in, in bytes: it travels in one command of the log. */
export const mergeBytesMax = 4 * 1_048_576

/** Text of one char a byte, in bytes: V8 has no longer strings. */
export const textBytesMax = 536_870_888

/** Arguments of a Redis client's request: what Redis itself takes. Their bytes are bounded by `respRequestBytesMax`. */
export const respArgumentsMax = 2_147_483_647

/** A request of a Redis client, in bytes, with what an argument costs besides its own: Redis's `client-query-buffer-limit`. */
export const respRequestBytesMax = 1_073_741_824
export const respArgumentBytes = 64

/** A line of the Redis protocol, in bytes: Redis's PROTO_INLINE_MAX_SIZE. */
export const respLineBytesMax = 65_536

/** Arguments, and bytes of one of them, of a Redis client that has not logged in: enough to log in. */
export const respStrangerArgumentsMax = 10
export const respStrangerBulkBytesMax = 16_384

/** Replies that wait for such a client, in bytes, before it is broken off: it is told little, and does not read even that. */
export const respStrangerOutputBytesMax = 65_536

/** Requests that a Redis client has sent and that are not run yet, in bytes, before it is read from no more: some turns' worth. */
export const respWaitingBytesMax = 1_048_576

/**
 * Replies that wait for a Redis client, in bytes, before nothing more is run for it: with less it is never held up; with more it is where all
 * clients together have too much. Programs that send everything before they read anything work up to there.
 */
export const respOutputBytesFree = 1_048_576
export const respOutputBytesMax = 64 * 1_048_576
export const respOutputsBytesMax = 256 * 1_048_576

/** Administrators at a node's own socket: they are let in where other clients are too many, so they need a bound of their own. People, and a few programs. */
export const respAdministratorsMax = 64

/** Commands, and bytes of replies, that one Redis client has in a turn before others have theirs: a millisecond or two. */
export const respTurnCommandsMax = 1_024
export const respTurnBytesMax = 1_048_576

/** How long a client that was told goodbye may take to go: it may have much to read yet. */
export const respClosingMillisMax = 10_000

/** What a client may go on sending after that, unread: as much as was under way. Who sends more does not listen. */
export const respClosingBytesMax = 65_536

/** Commands of one Redis client that other nodes run and have not answered, before nothing more is run for it: as many as a turn has. */
export const respAwaitedMax = 1_024

/** Messages of pub/sub that wait for another node; above that they are lost. */
export const respMessagesBytesMax = 8 * 1_048_576

/**
 * A command that the node refuses that was thought to have its keys is sent again this often, and for so long: the time in which other nodes notice
 * that one has died and take over what it had.
 */
export const respElsewherePauseMillis = 50
export const respElsewhereMillisMax = 10_000

/** SORT by patterns looks at so many lists of keys, each with those that it found to be missing before: they change, or lead to others. */
export const respSortRoundsMax = 16

/** A reply that another node sends for a Redis client, in bytes: as much as a client's largest request. */
export const respReplyBytesMax = 1_073_741_824

/** Connections of which no byte has come where other nodes come in, too, and Redis clients would be refused: they need a bound of their own. */
export const respArrivalsMax = 1_024

/** Random elements of a Redis collection that one command gives, each as often as it comes: as many as a request may have arguments. */
export const respRandomElementsMax = 1_048_576
