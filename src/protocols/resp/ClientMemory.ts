/** ClientMemory: what one client takes of memory, as an estimate made of what its session keeps anyway: it costs O(1) to ask. */
import type { Client } from "./Client.ts"

/** A connection and its session while nothing goes on: 5,800 bytes of the heap by measurement with 2,000 of them, and what lies beside it. */
const clientBytes = 8_192
/** A key that is watched, a channel, a prefix: a place in a list or set. */
const placeBytes = 64

/** What a MULTI has queued. */
export const ofMulti = ({ multi }: Client): number => multi?.sizeBytes ?? 0

/** Arguments of a request that is not whole, or runs. */
export const ofArguments = ({ port }: Client): number => port?.input.argumentsBytes ?? 0

export const ofInput = ({ port }: Client): number => port?.input.heldBytes ?? 0

export const ofOutput = ({ out, port }: Client): number => (port?.outputBytes ?? 0) + out.sizeBytes

export const of = (client: Client): number => {
  const { channels, patterns, shardChannels, tracking, watched } = client
  const places =
    watched.length +
    channels.size +
    patterns.size +
    shardChannels.size +
    (tracking === undefined ? 0 : tracking.prefixes.size)
  return clientBytes + placeBytes * places + ofInput(client) + ofArguments(client) + ofOutput(client) + ofMulti(client)
}
