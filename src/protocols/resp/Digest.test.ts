import { Engine } from "#database/redis/Engine.ts"
import { expect, it } from "vitest"
import { Client } from "./Client.ts"
import * as Digest from "./Digest.ts"
import { Executor } from "./Executor.ts"
import { handlers } from "./Handlers.ts"
import { Reply } from "./Reply.ts"

const engineAfter = (...lines: ReadonlyArray<string>): Engine => {
  const engine = new Engine({ wallMillis: () => 1_700_000_000_000, random: () => 0.5 })
  const executor = new Executor(engine, handlers)
  const client = new Client(1, new Reply())
  for (const line of lines) executor.execute(client, line.split(" "))
  return engine
}

/** What DEBUG DIGEST of redis-server 7.0.15 says after these commands. */
const digests: ReadonlyArray<readonly [line: string, digest: string]> = [
  ["GET nothing", "0000000000000000000000000000000000000000"],
  ["SET k value", "cff8be766c4a47b1e5d1ddd0a3434dfb1c9e6d4c"],
  ["SET k 12 EX 1000", "632cc2e7daf2af4dfc157b64cb8b0140e7e38dd2"],
  ["RPUSH k a b c", "161ca83453aaa7be8f384d7fa227cf7fe4f22054"],
  ["SADD k a b 3", "228db89bffcf0451cd8caa4a845423f34ce57408"],
  ["ZADD k 1.5 a 2 b inf c", "34c1c5565d5ec5010eeb027e7c4df46516c5fe47"],
  ["HSET k f v g w", "2b43e7fccc2999f0456bdead56bbffa48dac6d63"],
  ["XADD k 1-2 f v g w", "eea7bda1062887112c283958888820f44aec821f"]
]

it.each(digests)("the digest after %s is Redis' own", (line, digest) => {
  expect(Digest.ofAll(engineAfter(line).databases)).toBe(digest)
})

it("does not depend on the order in which members came, but on the order of a list's items", () => {
  const of = (...lines: ReadonlyArray<string>): string => Digest.ofAll(engineAfter(...lines).databases)
  expect(of("SADD k a b c", "HSET h 1 2 3 4")).toBe(of("HSET h 3 4 1 2", "SADD k c b a"))
  expect(of("RPUSH k a b")).not.toBe(of("RPUSH k b a"))
})
