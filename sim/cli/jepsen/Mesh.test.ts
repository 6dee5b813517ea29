/** The mesh between sockets of this process. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { Mesh } from "./Mesh.ts"

const closing: Array<() => void> = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const wait = (millis: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, millis))

/** A node that answers each byte with itself, in capitals. */
const echo = async (): Promise<{
  readonly port: number
  readonly seen: () => string
  readonly ports: Array<number>
}> => {
  let seen = ""
  const ports: Array<number> = []
  const server: Server = createServer((socket) => {
    ports.push(socket.remotePort!)
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      seen += chunk.toString()
      socket.write(chunk.toString().toUpperCase())
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
  closing.push(() => server.close())
  return { port: (server.address() as AddressInfo).port, seen: () => seen, ports }
}

const dial = (port: number) => {
  const socket: Socket = connect({ host: "127.0.0.1", port })
  let text = ""
  let end = ""
  socket.on("data", (chunk) => void (text += chunk.toString()))
  socket.on("error", (error) => void (end = (error as NodeJS.ErrnoException).code ?? "error"))
  socket.on("close", () => void (end ||= "closed"))
  closing.push(() => socket.destroy())
  return { socket, text: () => text, end: () => end }
}

const make = (): Mesh => {
  const mesh = new Mesh(() => 1)
  closing.push(() => mesh.close())
  return mesh
}

describe("a link", () => {
  it("carries bytes both ways, and ends", async () => {
    const mesh = make()
    const node = await echo()
    const { port } = await mesh.between(1, 0, node.port)
    const client = dial(port)
    client.socket.write("abc")
    await expect.poll(client.text).toBe("ABC")
    client.socket.end("d")
    await expect.poll(client.end).toBe("closed")
    expect(client.text()).toBe("ABCD")
  })

  it("breaks where nobody listens behind it", async () => {
    const mesh = make()
    const { port } = await mesh.between(1, 0, 1)
    const client = dial(port)
    client.socket.write("abc")
    await expect.poll(client.end).toBe("ECONNRESET")
  })

  it("holds back what is cut, in one direction or both, and gives it out in order when it is over", async () => {
    const mesh = make()
    const node = await echo()
    const { port } = await mesh.between(1, 0, node.port)
    const client = dial(port)
    client.socket.write("a")
    await expect.poll(client.text).toBe("A")
    const endAnswers = mesh.begin({ cuts: (from) => from === 0 })
    client.socket.write("b")
    await expect.poll(node.seen).toBe("ab")
    const endAll = mesh.begin({ cuts: () => true })
    client.socket.write("c")
    await wait(50)
    expect([node.seen(), client.text()]).toEqual(["ab", "A"])
    endAnswers()
    await wait(50)
    expect(client.text()).toBe("A")
    endAll()
    await expect.poll(client.text).toBe("ABC")
  })

  it("tells nobody of an end while it is cut, and lets nobody new through", async () => {
    const mesh = make()
    const node = await echo()
    const { port } = await mesh.between(1, 0, node.port)
    const cut = mesh.begin({ cuts: (from, to) => from === 1 && to === 0 })
    const client = dial(port)
    client.socket.write("a")
    await wait(50)
    expect(node.ports).toEqual([])
    expect(client.end()).toBe("")
    cut()
    await expect.poll(client.text).toBe("A")
  })

  it("is late by what the weather says, and stays in order", async () => {
    const mesh = make()
    const node = await echo()
    const { port } = await mesh.between(1, 0, node.port)
    const client = dial(port)
    const over = mesh.begin({ delayMillisMax: (from) => (from === 1 ? 120 : 0) })
    const beganAt = performance.now()
    client.socket.write("a")
    await expect.poll(node.seen, { interval: 5 }).toBe("a")
    expect(performance.now() - beganAt).toBeGreaterThan(110)
    client.socket.write("b")
    await wait(20)
    over()
    client.socket.write("c")
    await expect.poll(client.text).toBe("ABC")
  })

  it("breaks with its node's reset, and goes silent before that when it is muted", async () => {
    const mesh = make()
    const node = await echo()
    const { port } = await mesh.between(1, 0, node.port)
    const client = dial(port)
    client.socket.write("a")
    await expect.poll(client.text).toBe("A")
    const speak = mesh.mute(0)
    client.socket.write("b")
    const other = dial(port)
    other.socket.write("x")
    await expect.poll(other.text).toBe("X")
    expect([client.text(), client.end()]).toEqual(["A", ""])
    speak()
    await expect.poll(client.end).toBe("ECONNRESET")
    mesh.reset(0)
    await expect.poll(other.end).toBe("ECONNRESET")
  })
})

describe("a node's door for other nodes", () => {
  it("knows who relays by what it says of itself, and cuts off that one alone", async () => {
    const mesh = make()
    const owner = await echo()
    const door = await mesh.door(0, owner.port)
    const over = mesh.begin({ cuts: (from, to) => [from, to].includes(1) && [from, to].includes(0) })
    const carried = [2, 3].map((relay) => {
      const client = dial(door.port)
      client.socket.write(`ORBIT-RELAY 127.0.0.1:50000 pass ${relay}\r\nping`)
      return client
    })
    await expect.poll(carried[1].text).toContain("PING")
    await wait(50)
    expect(carried[0].text()).toBe("")
    over()
    await expect.poll(carried[0].text).toContain("PING")
  })
})
