import { createServer } from "node:net"
import { connect as connectTls } from "node:tls"
import { Worker } from "node:worker_threads"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type * as Net from "../Net.ts"
import type { NetError } from "../WorldError.ts"
import * as NetFault from "./NetFault.ts"
import { RealNet } from "./RealNet.ts"
import { RealTimers } from "./RealTimers.ts"
import * as TestCredentials from "./TestCredentials.ts"

const host = "127.0.0.1"

let timers: RealTimers
let net: RealNet
beforeEach(() => {
  timers = new RealTimers()
  net = new RealNet({ timers, trace: { emit: () => {}, mark: () => {} } })
})
afterEach(() => {
  net.close()
  timers.close()
})

const systemError = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Names of what a stream's sink was told, and the means to wait for the last of it. */
class Told implements Net.StreamSink {
  readonly events: Array<string> = []
  readonly closing = Promise.withResolvers<NetError | undefined>()
  readonly opening = Promise.withResolvers<void>()

  opened(): void {
    this.events.push("opened")
    this.opening.resolve()
  }
  data(chunk: Uint8Array): void {
    this.events.push(`data ${chunk.length}`)
  }
  drained(): void {
    this.events.push("drained")
  }
  ended(): void {
    this.events.push("ended")
  }
  closed(error: NetError | undefined): void {
    this.events.push("closed")
    this.closing.resolve(error)
  }
}

const listen = (
  address: Net.Address,
  accept: () => Net.StreamSink = () => new Told(),
  on = net
): Promise<Net.Closable> =>
  new Promise((resolve, reject) => {
    on.listen(address, accept, (error, listener) => (error === undefined ? resolve(listener!) : reject(error)))
  })

const bind = (address: Net.Address, sink: Net.DatagramSink, on = net): Promise<Net.DatagramSocket> =>
  new Promise((resolve, reject) => {
    on.bind(address, sink, (error, socket) => (error === undefined ? resolve(socket!) : reject(error)))
  })

/** A listener of the system whose queue is full and whose process accepts nobody: dials to it get no answer. */
const deafListener = async () => {
  const script = `
    const { parentPort } = require("node:worker_threads")
    const server = require("node:net").createServer().listen({ host: "${host}", port: 0, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
    })`
  const worker = new Worker(script, { eval: true })
  const port = await new Promise<number>((resolve) => worker.once("message", resolve))
  return { worker, port }
}

describe("an error of the system becomes a NetError", () => {
  it.each([
    ["EADDRINUSE", "address-in-use"],
    ["EADDRNOTAVAIL", "address-not-available"],
    ["EACCES", "address-not-available"],
    ["ENOTFOUND", "address-not-available"],
    ["ECONNREFUSED", "refused"],
    ["ECONNRESET", "refused"],
    ["ETIMEDOUT", "timeout"],
    ["EHOSTUNREACH", "timeout"]
  ])("by its code, for an address, with a message that says what to do: %s", (code, expected) => {
    const error = NetFault.ofAddress(systemError(code), "there:1")
    expect(error).toMatchObject({ _tag: "NetError", code: expected, address: "there:1" })
    expect(error.message).toMatch(/^there:1: .+[;,] .+ \(E[A-Z]+\)$/)
  })

  it("reset, whatever broke an established connection", () => {
    for (const code of ["ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH"]) {
      expect(NetFault.ofConnection(systemError(code), "there:1").code).toBe("reset")
    }
  })
})

describe("RealNet", () => {
  it("closes a dial with timeout when nobody answers, after its deadline and not before", async () => {
    const { worker, port } = await deafListener()
    const startedAt = timers.nowMicros()
    // A few find room in the system's queue and are opened; the others get no answer.
    const dials = Array.from({ length: 8 }, () => {
      const told = new Told()
      net.dial({ host, port }, told, { timeoutMillis: 200 })
      return told
    })
    const unanswered = await Promise.race(dials.map((told) => told.closing.promise))
    expect(unanswered?.code).toBe("timeout")
    expect(timers.nowMicros() - startedAt).toBeGreaterThanOrEqual(200_000)
    await pause(50)
    for (const { events } of dials) expect([["opened"], ["closed"]]).toContainEqual(events)
    await worker.terminate()
  })

  it("resolves host names, for streams and for datagrams", async () => {
    const listener = await listen({ host: "localhost", port: 0 })
    expect(listener.address.host).toBe("localhost")
    const told = new Told()
    net.dial(listener.address, told)
    await told.opening.promise
    const received = Promise.withResolvers<Uint8Array>()
    const receiver = await bind({ host: "localhost", port: 0 }, { received: (_, bytes) => received.resolve(bytes) })
    const sender = await bind({ host: "localhost", port: 0 }, { received: () => {} })
    const again = setInterval(() => sender.send(receiver.address, new Uint8Array([7])), 10)
    expect([...(await received.promise)]).toEqual([7])
    clearInterval(again)
  })

  it("refuses addresses that this machine does not have, and ports that are none", async () => {
    // 203.0.113.0/24 is for documentation only (RFC 5737), and the domain invalid has no names (RFC 6761).
    for (const address of [
      { host: "203.0.113.1", port: 0 },
      { host: "nobody.invalid", port: 0 },
      { host, port: 65_536 },
      { host, port: -1 }
    ]) {
      await expect(listen(address)).rejects.toMatchObject({ code: "address-not-available" })
      await expect(bind(address, { received: () => {} })).rejects.toMatchObject({ code: "address-not-available" })
    }
    const told = new Told()
    net.dial({ host, port: 65_536 }, told)
    expect(told.events).toEqual([])
    expect((await told.closing.promise)?.code).toBe("address-not-available")
  })

  it("hands on plain Uint8Arrays, whose slice copies, and no Buffers", async () => {
    const chunk = Promise.withResolvers<Uint8Array>()
    const sink = new Told()
    sink.data = (bytes) => chunk.resolve(bytes)
    const listener = await listen({ host, port: 0 }, () => sink)
    net.dial(listener.address, new Told()).write(new Uint8Array([1, 2, 3]))
    expect(Object.getPrototypeOf(await chunk.promise)).toBe(Uint8Array.prototype)
  })

  it("drops a datagram to a name that does not resolve, and one to no port", async () => {
    const socket = await bind({ host, port: 0 }, { received: () => {} })
    const send = (address: Net.Address) => () => socket.send(address, new Uint8Array(1))
    for (const address of [
      { host: "nobody.invalid", port: 1 },
      { host: "::1", port: 1 },
      { host, port: 0 },
      { host, port: 65_536 },
      { host, port: NaN }
    ]) {
      expect(send(address)).not.toThrow()
    }
    // What the system says of them comes later, and reaches nobody either.
    await pause(20)
    expect(send(socket.address)).not.toThrow()
  })

  it("lets go of every socket when it closes, tells nobody, and leaves its addresses to a successor", async () => {
    const [near, far] = [new Told(), new Told()]
    const listener = await listen({ host, port: 0 }, () => far)
    const socket = await bind({ host, port: 0 }, { received: () => {} })
    const connection = net.dial(listener.address, near)
    await near.opening.promise
    const dialling = new Told()
    net.dial(listener.address, dialling)
    let answers = 0
    net.bind({ host, port: 0 }, { received: () => {} }, () => answers++)
    net.listen(
      { host: "localhost", port: 0 },
      () => far,
      () => answers++
    )
    net.close()
    const before = [near, far, dialling].map((told) => told.events.length)
    expect(connection.write(new Uint8Array(1))).toBe(false)
    connection.reset()
    socket.send(listener.address, new Uint8Array(1))
    const successor = new RealNet({ timers, trace: { emit: () => {}, mark: () => {} } })
    await listen(listener.address, () => new Told(), successor)
    await bind(socket.address, { received: () => {} }, successor)
    await pause(30)
    expect([near, far, dialling].map((told) => told.events.length)).toEqual(before)
    expect(answers).toBe(0)
    successor.close()
    await pause(10)
    expect(process.getActiveResourcesInfo().filter((kind) => /^(TCP|UDP)/.test(kind))).toEqual([])
  })

  it("looks to its peers, when it closes, as a process does that died", async () => {
    const events: Array<string> = []
    const gone = Promise.withResolvers<void>()
    const server = createServer((socket) => {
      socket.on("end", () => events.push("end"))
      socket.on("error", () => {})
      socket.on("close", () => gone.resolve())
    })
    await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve))
    const told = new Told()
    net.dial({ host, port: (server.address() as { port: number }).port }, told)
    await told.opening.promise
    net.close()
    await gone.promise
    server.close()
    expect(events).toEqual(["end"])
  })
})

describe("RealNet with TLS for programs of others", () => {
  /** Says whether a client with these is let in, and whose certificate it met. */
  const come = async (port: number, own?: Net.Credentials) => {
    const { authority, ...mine } = own ?? { authority: TestCredentials.of("store-1").authority }
    const options = {
      host,
      port,
      servername: "store-1",
      ca: Buffer.from(authority),
      checkServerIdentity: () => undefined
    }
    const given = "key" in mine ? { key: Buffer.from(mine.key), cert: Buffer.from(mine.certificate) } : {}
    return new Promise<string>((resolve) => {
      const socket = connectTls({ ...options, ...given, maxVersion: "TLSv1.2" })
      socket.on("data", () => {
        resolve(socket.getPeerCertificate().subject.CN as string)
        socket.destroy()
      })
      socket.on("error", () => resolve("refused"))
      socket.on("close", () => resolve("refused"))
    })
  }
  const listenTo = (clients: Net.TlsClients, more: Partial<Net.Credentials> = {}): Promise<Net.Closable> =>
    new Promise((resolve, reject) => {
      const welcome = (connection: Net.Connection): Net.StreamSink => {
        connection.write(Uint8Array.of(1))
        return new Told()
      }
      const tls = { ...TestCredentials.of("store-1"), ...more, clients }
      net.listen({ host, port: 0 }, welcome, (error, value) => (value === undefined ? reject(error) : resolve(value)), {
        tls
      })
    })

  it.each([
    ["required", ["refused", "store-1", "refused"]],
    ["optional", ["store-1", "store-1", "refused"]],
    ["none", ["store-1", "store-1", "store-1"]]
  ] as const)(
    "with %s lets in whom it says: without a certificate, with one, with a stranger's",
    async (clients, met) => {
      const { address } = await listenTo(clients)
      const all = [undefined, TestCredentials.of("store-2"), TestCredentials.of("stranger")]
      expect(await Promise.all(all.map((own) => come(address.port, own)))).toEqual(met)
    }
  )

  it("needs no authority where it asks nobody for a certificate", async () => {
    const { address } = await listenTo("none", { authority: new Uint8Array(0) })
    expect(await come(address.port)).toBe("store-1")
  })

  it("shows a new certificate to who comes after it was renewed, and keeps the old one where the new one does not read", async () => {
    const { address, renew } = await listenTo("none")
    expect(await come(address.port)).toBe("store-1")
    renew!(TestCredentials.of("store-2"))
    expect(await come(address.port)).toBe("store-2")
    expect(() => renew!({ ...TestCredentials.of("store-1"), key: Uint8Array.of(1) })).toThrow(/DECODER|PEM/)
    expect(await come(address.port)).toBe("store-2")
  })
})

describe("RealNet with TLS", () => {
  const listenAsStoreOne = async () => {
    const refused: Array<string> = []
    const trace = {
      emit: (_: string, name: string, fields?: object) => refused.push(`${name} ${JSON.stringify(fields)}`),
      mark: () => {}
    }
    const own = new RealNet({ timers, trace })
    const accepted: Array<Told> = []
    const listener = await new Promise<Net.Closable>((resolve, reject) => {
      own.listen(
        { host, port: 0 },
        () => {
          accepted.push(new Told())
          return accepted.at(-1)!
        },
        (error, value) => (error === undefined ? resolve(value!) : reject(error)),
        { tls: TestCredentials.of("store-1") }
      )
    })
    return { accepted, listener, own, refused }
  }

  it.each([
    ["expired", "CERT_HAS_EXPIRED"],
    ["stranger", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]
  ] as const)("turns away whose certificate is that of %s, and says who and why", async (name, reason) => {
    const { accepted, listener, own, refused } = await listenAsStoreOne()
    const near = new Told()
    net.dial(listener.address, near, { tls: { ...TestCredentials.of(name), name: "store-1" } })
    await expect.poll(() => refused.length).toBe(1)
    expect(refused[0]).toMatch(/^world\/tls-refused \{"address":"127\.0\.0\.1:\d+"/)
    expect(refused[0]).toContain(reason)
    await expect.poll(() => near.events).toContain("ended")
    expect(accepted).toEqual([])
    own.close()
  })

  it("has its dials refused by an end whose certificate has expired", async () => {
    const listener = await new Promise<Net.Closable>((resolve) => {
      net.listen(
        { host, port: 0 },
        () => new Told(),
        (_, value) => resolve(value!),
        { tls: TestCredentials.of("expired") }
      )
    })
    const near = new Told()
    net.dial(listener.address, near, { tls: { ...TestCredentials.of("store-1"), name: "store-2" } })
    expect((await near.closing.promise)?.code).toBe("untrusted")
  })

  it("lets go of connections that have not shown a certificate yet", async () => {
    const { accepted, listener, own } = await listenAsStoreOne()
    const near = new Told()
    net.dial(listener.address, near)
    await near.opening.promise
    await pause(20)
    own.close()
    await expect.poll(() => near.events.length).toBeGreaterThan(1)
    expect(accepted).toEqual([])
  })
})
