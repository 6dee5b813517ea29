/** Handlers: of all commands that there are, by their whole names. */
import type { Handler } from "./Call.ts"
import * as Bitfields from "./commands/Bitfields.ts"
import * as Bitmaps from "./commands/Bitmaps.ts"
import * as BlockingLists from "./commands/BlockingLists.ts"
import * as AclCommands from "./commands/AclCommands.ts"
import * as ClientCommands from "./commands/ClientCommands.ts"
import * as ClientTracking from "./commands/ClientTracking.ts"
import * as ClusterCommands from "./commands/ClusterCommands.ts"
import * as CommandCommands from "./commands/CommandCommands.ts"
import * as ConfigCommands from "./commands/ConfigCommands.ts"
import * as Connection from "./commands/Connection.ts"
import * as Debug from "./commands/Debug.ts"
import * as Dumps from "./commands/Dumps.ts"
import * as Expiry from "./commands/Expiry.ts"
import * as Geo from "./commands/Geo.ts"
import * as GeoSearches from "./commands/GeoSearches.ts"
import * as Hashes from "./commands/Hashes.ts"
import * as HyperLogLogs from "./commands/HyperLogLogs.ts"
import * as Keys from "./commands/Keys.ts"
import * as Lists from "./commands/Lists.ts"
import * as Objects from "./commands/Objects.ts"
import * as Partakings from "./commands/Partakings.ts"
import * as PubSubCommands from "./commands/PubSubCommands.ts"
import * as Scanning from "./commands/Scanning.ts"
import * as ScriptCommands from "./commands/ScriptCommands.ts"
import * as ServerCommands from "./commands/ServerCommands.ts"
import * as Sets from "./commands/Sets.ts"
import * as SetsAlgebra from "./commands/SetsAlgebra.ts"
import * as SortedSetPops from "./commands/SortedSetPops.ts"
import * as SortedSetRanges from "./commands/SortedSetRanges.ts"
import * as SortedSetStores from "./commands/SortedSetStores.ts"
import * as SortedSets from "./commands/SortedSets.ts"
import * as Sorting from "./commands/Sorting.ts"
import * as StreamClaims from "./commands/StreamClaims.ts"
import * as StreamGroups from "./commands/StreamGroups.ts"
import * as StreamInfo from "./commands/StreamInfo.ts"
import * as StreamReads from "./commands/StreamReads.ts"
import * as Streams from "./commands/Streams.ts"
import * as StringCounters from "./commands/StringCounters.ts"
import * as StringRanges from "./commands/StringRanges.ts"
import * as Strings from "./commands/Strings.ts"
import * as TransactionCommands from "./commands/TransactionCommands.ts"
import * as Watching from "./commands/Watching.ts"

/** Each family is one module of `commands/`. */
const families: ReadonlyArray<Readonly<Record<string, Handler>>> = [
  Watching.handlers,
  ScriptCommands.handlers,
  ServerCommands.handlers,
  Debug.handlers,
  ClusterCommands.handlers,
  TransactionCommands.handlers,
  PubSubCommands.handlers,
  Connection.handlers,
  ClientTracking.handlers,
  AclCommands.handlers,
  ClientCommands.handlers,
  CommandCommands.handlers,
  ConfigCommands.handlers,
  Lists.handlers,
  BlockingLists.handlers,
  Streams.handlers,
  StreamReads.handlers,
  StreamGroups.handlers,
  StreamClaims.handlers,
  StreamInfo.handlers,
  Bitfields.handlers,
  Bitmaps.handlers,
  Geo.handlers,
  GeoSearches.handlers,
  Hashes.handlers,
  HyperLogLogs.handlers,
  Sets.handlers,
  SetsAlgebra.handlers,
  SortedSetPops.handlers,
  SortedSetRanges.handlers,
  SortedSets.handlers,
  SortedSetStores.handlers,
  StringCounters.handlers,
  StringRanges.handlers,
  Strings.handlers,
  Expiry.handlers,
  Keys.handlers,
  Objects.handlers,
  Scanning.handlers,
  Sorting.handlers,
  Dumps.handlers,
  Partakings.handlers
]

export const handlers: ReadonlyMap<string, Handler> = new Map(families.flatMap((family) => Object.entries(family)))
