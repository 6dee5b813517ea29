/**
 * Relay: carries a client's connection to the node that has the data, byte for byte, both ways: so any node serves any key, and what a session is lives
 * in one place. When either end is over, so is the other.
 */
import type { Address, Connection, Port, StreamSink } from "#world/Net.ts"

/** One direction's end. */
const sinkTo = (from: () => Connection, to: () => Connection): StreamSink => ({
  opened: () => {},
  data: (chunk) => {
    if (!to().write(chunk)) from().pause()
  },
  drained: () => to().resume(),
  ended: () => to().end(),
  closed: (error) => {
    if (error === undefined) to().end()
    else to().reset()
  }
})

/** What hears of the client's connection from now on. */
export const relay = (port: Port, client: Connection, owner: Address): StreamSink => {
  const forward = sinkTo(
    () => client,
    () => server
  )
  const server: Connection = port.dial(
    owner,
    sinkTo(
      () => server,
      () => client
    )
  )
  return forward
}
