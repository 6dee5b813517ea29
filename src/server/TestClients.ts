/** TestClients: a client of the admin door on a simulated machine, for tests. */
import * as Effect from "effect/Effect"
import { type Connection, Net } from "#world/Net.ts"

const latin1 = new TextDecoder("latin1")
const utf8 = new TextEncoder()

export interface TestClient {
  /** All that came. */
  readonly text: () => string
  /** How the connection ended, if it has. */
  readonly ended: () => string | undefined
  readonly send: (text: string) => void
  readonly connection: Connection
}

export const connect = Effect.fnUntraced(function* (host: string, port: number) {
  const net = yield* Net
  let text = ""
  let ended: string | undefined
  const connection = yield* net.dial(
    { host, port },
    {
      data: (chunk) => {
        text += latin1.decode(chunk)
      },
      drained: () => {},
      ended: () => {
        ended ??= "ended"
        connection.end()
      },
      closed: (error) => {
        ended ??= error?.code ?? "closed"
      }
    }
  )
  const client: TestClient = {
    text: () => text,
    ended: () => ended,
    send: (more) => void connection.write(utf8.encode(more)),
    connection
  }
  return client
})

export const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: n0\r\n\r\n`
