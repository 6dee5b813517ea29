import { describe, expect, it } from "vitest"
import { Durations } from "./Durations.ts"
import { SessionRig } from "./SessionRig.ts"

const of = (...nanos: ReadonlyArray<number>): Durations => {
  const durations = new Durations()
  for (const each of nanos) durations.add(each, 1)
  return durations
}

describe("durations", () => {
  it("are in the classes that Redis has, whose last number stands for all of a class", () => {
    // What redis-server 7.0.15 says of commands that took so long.
    const told = [1_000, 2_000, 13_000, 14_000, 21_000, 1_000_000].map((nanos) => of(nanos).percentile(50))
    expect(told).toEqual([1_003, 2_007, 13_055, 14_015, 21_119, 1_003_519])
    expect(of(...told).cumulated()).toEqual([
      [1, 1],
      [2, 2],
      [16, 4],
      [33, 5],
      [1_056, 6]
    ])
  })

  it("have each number in a class that is less than a hundredth wider", () => {
    for (let nanos = 1; nanos <= 1_000_000_000; nanos = Math.ceil(nanos * 1.09)) {
      const last = of(nanos).percentile(100)
      expect(last).toBeGreaterThanOrEqual(nanos)
      expect(last).toBeLessThan(nanos * 1.01 + 1)
    }
  })

  it("count what takes no time as a nanosecond, and more than a second as one", () => {
    expect([of(0).percentile(50), of(0).cumulated()]).toEqual([1, [[1, 1]]])
    expect(of(5e12).percentile(50)).toBe(of(1e9).percentile(50))
    expect(of(5e12, 0).cumulated()).toHaveLength(2)
  })

  it("give shares of all that there were", () => {
    const durations = of(100)
    durations.add(5_000, 98)
    durations.add(40_000, 1)
    expect([0, 1, 50, 99, 99.9].map((percent) => durations.percentile(percent))).toEqual([
      100, 100, 5_023, 5_023, 40_191
    ])
  })
})

/** Each look at the clock finds it 8 µs later. */
const rigWithClock = (): SessionRig => {
  const rig = new SessionRig()
  let micros = 0
  rig.server.stopwatch.nowMicros = () => (micros += 8)
  return rig
}

const lines = (text: string): ReadonlyArray<string> => text.split("\r\n").filter((line) => line.includes("_"))

describe("commands", () => {
  it("that are small and stand one behind another are measured together", () => {
    const rig = rigWithClock()
    const client = rig.connect()
    client.ask("CONFIG SET latency-tracking-info-percentiles 50")
    client.ask("CONFIG RESETSTAT")
    client.send("GET a\r\nINCR n\r\n".repeat(2))
    expect(lines(client.ask("INFO commandstats"))).toEqual([
      "cmdstat_config|resetstat:calls=1,usec=8,usec_per_call=8.00,rejected_calls=0,failed_calls=0",
      "cmdstat_get:calls=2,usec=4,usec_per_call=2.00,rejected_calls=0,failed_calls=0",
      "cmdstat_incr:calls=2,usec=4,usec_per_call=2.00,rejected_calls=0,failed_calls=0"
    ])
    expect(client.ask("LATENCY HISTOGRAM get nosuch incr")).toBe(
      "*4\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n*2\r\n:2\r\n:2\r\n" +
        "$4\r\nincr\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n*2\r\n:2\r\n:2\r\n"
    )
    expect(lines(client.ask("INFO latencystats"))).toContain("latency_percentiles_usec_get:p50=2.007")
    expect(client.ask("LATENCY HISTOGRAM config")).toMatch(
      /^\*4\r\n\$10\r\nconfig\|set\r\n|^\*2\r\n\$16\r\nconfig\|resetstat\r\n/
    )
  })

  it("that run within EXEC are measured, and EXEC with all of them", () => {
    const client = rigWithClock().connect()
    client.send("MULTI\r\nGET a\r\nGET b\r\nKEYS *\r\nEXEC\r\n")
    const told = lines(client.ask("INFO commandstats")).map((line) => line.split(",usec_")[0])
    expect(told).toEqual([
      "cmdstat_multi:calls=1,usec=8",
      "cmdstat_get:calls=2,usec=8",
      "cmdstat_keys:calls=1,usec=8",
      "cmdstat_exec:calls=1,usec=32"
    ])
  })

  it("that wait are counted when they have their reply, with the time that they waited", () => {
    const rig = rigWithClock()
    const [waiting, other] = [rig.connect(), rig.connect()]
    rig.server.slowlog.slowerThanMicros = 0
    const id = waiting.ask("CLIENT ID").slice(1, -2)
    waiting.ask("BLPOP l 0")
    expect(other.ask("INFO commandstats")).not.toContain("blpop")
    other.ask("LPUSH l v")
    expect(other.ask("SLOWLOG GET 2")).toContain("BLPOP")
    expect(other.ask("INFO commandstats")).toMatch(/cmdstat_blpop:calls=1,usec=\d\d+,/)
    waiting.ask("BLPOP l 0")
    other.ask(`CLIENT UNBLOCK ${id} ERROR`)
    expect(other.ask("INFO commandstats")).toMatch(/cmdstat_blpop:calls=2,usec=\d+,\S+,rejected_calls=0,failed_calls=1/)
    expect(lines(other.ask("INFO errorstats"))).toEqual(["errorstat_UNBLOCKED:count=1"])
  })

  it("that wait are counted as failed when what they get is an error", () => {
    const rig = rigWithClock()
    const [waiting, other] = [rig.connect(), rig.connect()]
    other.ask("XGROUP CREATE s g 0 MKSTREAM")
    waiting.ask("XREADGROUP GROUP g c BLOCK 0 STREAMS s >")
    other.ask("XGROUP DESTROY s g")
    expect(waiting.received()).toBe("-NOGROUP the consumer group this client was blocked on no longer exists\r\n")
    other.ask("SET text v")
    waiting.ask("BLMOVE l text LEFT LEFT 0")
    expect(other.ask("RPUSH l v")).toBe(":1\r\n")
    expect(waiting.received()).toMatch(/^-WRONGTYPE /)
    expect(other.ask("LLEN l")).toBe(":1\r\n")
    const told = other.ask("INFO commandstats")
    expect(told).toMatch(/cmdstat_xreadgroup:calls=1,\S+,rejected_calls=0,failed_calls=1/)
    expect(told).toMatch(/cmdstat_blmove:calls=1,\S+,rejected_calls=0,failed_calls=1/)
    expect(lines(other.ask("INFO errorstats"))).toEqual(["errorstat_NOGROUP:count=1", "errorstat_WRONGTYPE:count=1"])
  })
})

describe("errors", () => {
  it("are counted by their codes, whether a command was run or not", () => {
    const client = new SessionRig().connect()
    for (const line of ["NOSUCH", "GET", "LPUSH l v", "GET l", "MULTI", "SET", "EXEC"]) client.ask(line)
    expect(lines(client.ask("INFO errorstats"))).toEqual([
      "errorstat_ERR:count=3",
      "errorstat_WRONGTYPE:count=1",
      "errorstat_EXECABORT:count=1"
    ])
    const told = client.ask("INFO commandstats")
    expect(told).toMatch(/cmdstat_get:calls=1,\S+,rejected_calls=1,failed_calls=1/)
    expect(told).toMatch(/cmdstat_set:calls=0,\S+,rejected_calls=1,failed_calls=0/)
    expect(told).toMatch(/cmdstat_exec:calls=1,\S+,rejected_calls=0,failed_calls=1/)
    expect(client.ask("INFO stats")).toContain("total_error_replies:5\r\n")
    client.ask("CONFIG RESETSTAT")
    expect(lines(client.ask("INFO errorstats"))).toEqual([])
  })
})

describe("a second", () => {
  it("is told of in INFO by what came and went in it, reads and writes of connections in all", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    rig.pass(1_000)
    client.send("PING\r\n".repeat(500))
    client.send("PING\r\n".repeat(100))
    rig.pass(1_000)
    const told = client.ask("INFO stats")
    for (const line of [
      "instantaneous_ops_per_sec:600",
      `instantaneous_input_kbps:${((600 * 6) / 1_024).toFixed(2)}`,
      `instantaneous_output_kbps:${((600 * 7) / 1_024).toFixed(2)}`,
      "total_reads_processed:3",
      "total_writes_processed:2"
    ]) {
      expect(told).toContain(`\r\n${line}\r\n`)
    }
    client.ask("CONFIG RESETSTAT")
    rig.pass(1_000)
    expect(client.ask("INFO stats")).toContain("\r\ninstantaneous_ops_per_sec:0\r\n")
  })
})
