/**
 * CutNet: a Net on which some addresses cannot be dialled from a moment on, for good; connections to them break then. Of two stores one
 * dials, so cutting its way cuts both. Unlike a fault of the nemesis it does not heal when the liveness phase begins.
 */
import * as Effect from "effect/Effect"
import { addressKey, Net, type Address, type Connection } from "#world/Net.ts"

const nowhere: Address = { host: "nowhere", port: 1 }

export const make = Effect.fnUntraced(function* (
  net: Net["Service"],
  cut: { readonly addresses: ReadonlyArray<Address>; readonly afterMillis: number }
) {
  const keys = new Set(cut.addresses.map(addressKey))
  const connections = new Set<Connection>()
  let isCut = false
  yield* Effect.forkChild(
    Effect.andThen(
      Effect.sleep(cut.afterMillis),
      Effect.sync(() => {
        isCut = true
        for (const connection of connections) connection.reset()
      })
    )
  )
  return Net.of({
    ...net,
    port: {
      bind: (address, sink, done) => net.port.bind(address, sink, done),
      listen: (address, accept, done, options) => net.port.listen(address, accept, done, options),
      dial: (address, sink, options) => {
        if (!keys.has(addressKey(address))) return net.port.dial(address, sink, options)
        const closed = (error: Parameters<typeof sink.closed>[0]): void => {
          connections.delete(connection)
          sink.closed(error)
        }
        const connection = net.port.dial(
          isCut ? nowhere : address,
          {
            opened: () => sink.opened(),
            data: (chunk) => sink.data(chunk),
            drained: () => sink.drained(),
            ended: () => sink.ended(),
            closed
          },
          options
        )
        connections.add(connection)
        return connection
      }
    }
  })
})
