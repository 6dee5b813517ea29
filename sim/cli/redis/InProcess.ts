/**
 * InProcess: Orbit's commands without sockets: an engine and an executor, new for each sequence, whose clock stands at a given time. What waits for
 * keys is told at once that its time is over: nobody else is there who could serve it.
 */
import { Prng } from "#base/Prng.ts"
import { Engine } from "#database/redis/Engine.ts"
import { Client } from "#protocols/resp/Client.ts"
import { Executor } from "#protocols/resp/Executor.ts"
import * as Machine from "#protocols/resp/Machine.ts"
import * as Handlers from "#protocols/resp/Handlers.ts"
import { Reply as Output } from "#protocols/resp/Reply.ts"
import * as Reply from "./Reply.ts"
import type { Sequence } from "./Sequence.ts"

export const run = ({ commands, protocol }: Sequence, atMillis: number): ReadonlyArray<Reply.Reply> => {
  const random = new Prng(1, 2, 3, 4)
  const engine = new Engine({ wallMillis: () => atMillis, random: () => random.double() })
  const executor = new Executor(engine, Handlers.handlers)
  const client = new Client(1, new Output())
  executor.server.machine = { ...Machine.unknown, port: 0 }
  executor.server.config.set(["save", ""])
  executor.server.config.begin("enable-debug-command", "yes")
  executor.server.join(client)
  client.out.protocol = protocol
  const parser = new Reply.Parser()
  return commands.flatMap((argv) => {
    executor.execute(client, argv)
    executor.server.unblock(client)
    parser.push(Buffer.from(client.out.take() ?? new Uint8Array(0)).toString("latin1"))
    const replies: Array<Reply.Reply> = []
    for (let reply = parser.next(); reply !== undefined; reply = parser.next()) replies.push(reply)
    return replies
  })
}
