/** DiskContract: what `Disk.ts` promises, but for what survives a crash, which only the simulator can judge. */
import * as Effect from "effect/Effect"
import * as Disk from "../Disk.ts"
import type { DiskError } from "../WorldError.ts"
import {
  aWhile,
  bytesOf,
  type Claim,
  must,
  mustEqual,
  mustEqualBytes,
  mustFail,
  pattern,
  Reentrancy,
  textOf,
  until
} from "./Claim.ts"

/** What a sink was told, in order. */
class Completions implements Disk.Sink {
  readonly tickets: Array<number> = []
  readonly values = new Map<number, number>()
  readonly reads = new Map<number, Uint8Array>()
  readonly errors = new Map<number, DiskError>()
  private readonly reentrancy: Reentrancy

  constructor(reentrancy: Reentrancy = new Reentrancy()) {
    this.reentrancy = reentrancy
  }

  done(ticket: number, value: number): void {
    this.reentrancy.note("done")
    this.tickets.push(ticket)
    this.values.set(ticket, value)
  }
  bytes(ticket: number, bytes: Uint8Array): void {
    this.reentrancy.note("bytes")
    this.tickets.push(ticket)
    this.reads.set(ticket, bytes)
  }
  failed(ticket: number, error: DiskError): void {
    this.reentrancy.note("failed")
    this.tickets.push(ticket)
    this.errors.set(ticket, error)
  }
}

/** Opens by the port and waits for it. */
const openByPort = Effect.fnUntraced(function* (path: string, sink: Disk.Sink) {
  const disk = yield* Disk.Disk
  let file: Disk.File | undefined
  let failure: DiskError | undefined
  disk.port.open(path, { create: true }, sink, (error, value) => {
    failure = error
    file = value
  })
  yield* until(`${path} is open`, () => file !== undefined || failure !== undefined)
  must(file !== undefined, `opening ${path} must not fail: ${failure?.message}`)
  return file
})

/** A new file with these bytes. */
const makeFile = Effect.fnUntraced(function* (path: string, text: string) {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path, { create: true, exclusive: true })
  yield* file.append(bytesOf(text))
})

const readFile = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  return textOf(yield* file.readAt(0, yield* file.size))
}, Effect.scoped)

export const claims: ReadonlyArray<Claim> = [
  {
    name: "what is written is read back, from any offset",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      yield* file.writeAt(0, bytesOf("hello world"))
      yield* file.writeAt(6, bytesOf("orbit"))
      mustEqual("the file", textOf(yield* file.readAt(0, 11)), "hello orbit")
      mustEqual("its middle", textOf(yield* file.readAt(4, 3)), "o o")
      mustEqual("its size", yield* file.size, 11)
    })
  },
  {
    name: "append puts bytes at the end and tells the offset where they begin",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      mustEqual("the first offset", yield* file.append(bytesOf("abc")), 0)
      mustEqual("the second offset", yield* file.append(bytesOf("defg")), 3)
      yield* file.writeAt(9, bytesOf("z"))
      mustEqual("the offset after a write further on", yield* file.append(bytesOf("!")), 10)
      mustEqual("the file", textOf(yield* file.readAt(0, 100)), "abcdefg\0\0z!")
    })
  },
  {
    name: "append continues at the end of a file that is opened again, and of one that was truncated",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* Effect.scoped(makeFile("log", "abc"))
      const file = yield* disk.open("log")
      mustEqual("the offset after opening", yield* file.append(bytesOf("d")), 3)
      yield* file.truncate(2)
      mustEqual("the offset after truncation", yield* file.append(bytesOf("e")), 2)
      mustEqual("the file", textOf(yield* file.readAt(0, 100)), "abe")
    })
  },
  {
    name: "appends to a file that is open twice never overwrite each other",
    test: Effect.gen(function* () {
      const [one, two] = [new Completions(), new Completions()]
      const first = yield* openByPort("log", one)
      const second = yield* openByPort("log", two)
      for (let ticket = 0; ticket < 20; ticket++) {
        first.append(ticket, pattern(1, 0, 100))
        second.append(ticket, pattern(2, 0, 100))
      }
      yield* until("all appends are done", () => one.tickets.length === 20 && two.tickets.length === 20)
      const offsets = [...one.values.values(), ...two.values.values()].sort((a, b) => a - b)
      mustEqual(
        "the offsets",
        offsets,
        Array.from({ length: 40 }, (_, index) => index * 100)
      )
      for (let ticket = 0; ticket < 20; ticket++) {
        first.readAt(100 + ticket, two.values.get(ticket)!, 100)
        second.readAt(100 + ticket, one.values.get(ticket)!, 100)
      }
      yield* until("all reads are done", () => one.tickets.length === 40 && two.tickets.length === 40)
      for (let ticket = 0; ticket < 20; ticket++) {
        mustEqualBytes("an append of the second", one.reads.get(100 + ticket)!, pattern(2, 0, 100))
        mustEqualBytes("an append of the first", two.reads.get(100 + ticket)!, pattern(1, 0, 100))
      }
      first.close()
      second.close()
    })
  },
  {
    name: "a read past the end gives the bytes that are there, or none",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      mustEqual("an empty file", (yield* file.readAt(0, 10)).length, 0)
      yield* file.append(bytesOf("abcdef"))
      mustEqual("across the end", textOf(yield* file.readAt(4, 10)), "ef")
      mustEqual("at the end", (yield* file.readAt(6, 10)).length, 0)
      mustEqual("far beyond it", (yield* file.readAt(1_000_000, 10)).length, 0)
      mustEqual("no bytes at all", (yield* file.readAt(2, 0)).length, 0)
    })
  },
  {
    name: "a write beyond the end leaves zeros in between",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      yield* file.append(bytesOf("a"))
      yield* file.writeAt(4, bytesOf("b"))
      mustEqual("the file", [...(yield* file.readAt(0, 10))], [97, 0, 0, 0, 98])
    })
  },
  {
    name: "truncate cuts, and extends with zeros",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      yield* file.append(bytesOf("abcdef"))
      yield* file.truncate(2)
      mustEqual("the size after the cut", yield* file.size, 2)
      yield* file.truncate(4)
      mustEqual("the file after the extension", [...(yield* file.readAt(0, 10))], [97, 98, 0, 0])
    })
  },
  {
    name: "an empty write and an empty append succeed and change nothing",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      yield* file.append(bytesOf("abc"))
      yield* file.writeAt(1, new Uint8Array(0))
      mustEqual("the offset of an empty append", yield* file.append(new Uint8Array(0)), 3)
      mustEqual("the size", yield* file.size, 3)
    })
  },
  {
    name: "megabytes are written and read whole",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      const bytes = pattern(3, 0, 3_000_001)
      yield* file.append(bytes)
      mustEqual("the size", yield* file.size, bytes.length)
      mustEqualBytes("the file", yield* file.readAt(0, bytes.length + 1), bytes)
    })
  },
  {
    name: "operations of one open file run in the order of their submission, and complete in it",
    test: Effect.gen(function* () {
      const sink = new Completions()
      const file = yield* openByPort("log", sink)
      file.append(0, bytesOf("aaaa"))
      file.size(1)
      file.writeAt(2, 1, bytesOf("b"))
      file.readAt(3, 0, 10)
      file.truncate(4, 2)
      file.append(5, bytesOf("c"))
      file.sync(6)
      file.readAt(7, 0, 10)
      file.size(8)
      yield* until("all operations are done", () => sink.tickets.length >= 9)
      mustEqual("the order of completions", sink.tickets, [0, 1, 2, 3, 4, 5, 6, 7, 8])
      mustEqual(
        "failures",
        [...sink.errors.values()].map((error) => error.message),
        []
      )
      mustEqual("the size after the append", sink.values.get(1), 4)
      mustEqual("the read after the write", textOf(sink.reads.get(3)!), "abaa")
      mustEqual("the append after the truncation", sink.values.get(5), 2)
      mustEqual("the last read", textOf(sink.reads.get(7)!), "abc")
      mustEqual("the last size", sink.values.get(8), 3)
      file.close()
    })
  },
  {
    name: "every operation completes exactly once, and never from within the call that submits it",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const calls = new Reentrancy()
      const sink = new Completions(calls)
      let answers = 0
      const answered = (): void => {
        calls.note("an answer about names")
        answers++
      }
      const file = yield* openByPort("log", sink)
      const port = disk.port
      calls.call("append", () => file.append(0, bytesOf("abc")))
      calls.call("writeAt", () => file.writeAt(1, 0, bytesOf("x")))
      calls.call("readAt", () => file.readAt(2, 0, 3))
      calls.call("readAt of nothing", () => file.readAt(3, 0, 0))
      calls.call("sync", () => file.sync(4))
      calls.call("size", () => file.size(5))
      calls.call("truncate", () => file.truncate(6, 1))
      calls.call("close", () => file.close())
      calls.call("size of a closed file", () => file.size(7))
      calls.call("open", () => port.open("other", { create: true }, sink, answered))
      calls.call("open of a missing file", () => port.open("missing", {}, sink, answered))
      calls.call("open of a bad path", () => port.open("../bad", {}, sink, answered))
      calls.call("makeDirectory", () => port.makeDirectory("directory", answered))
      calls.call("rename of a missing file", () => port.rename("missing", "found", answered))
      calls.call("remove of a missing file", () => port.remove("missing", answered))
      calls.call("list", () => port.list("", answered))
      calls.call("syncDirectory", () => port.syncDirectory("", answered))
      yield* until("everything is answered", () => sink.tickets.length >= 8 && answers >= 8)
      yield* aWhile
      mustEqual(
        "the tickets completed",
        [...sink.tickets].sort((a, b) => a - b),
        [0, 1, 2, 3, 4, 5, 6, 7]
      )
      mustEqual("the answers about names", answers, 8)
      calls.mustBeNone()
    })
  },
  {
    name: "after close what was submitted still completes, and new operations fail with closed",
    test: Effect.gen(function* () {
      const sink = new Completions()
      const file = yield* openByPort("log", sink)
      file.append(0, bytesOf("abc"))
      file.sync(1)
      file.close()
      file.append(2, bytesOf("def"))
      file.readAt(3, 0, 3)
      file.close()
      file.sync(4)
      yield* until("all operations are answered", () => sink.tickets.length >= 5)
      mustEqual("what succeeded", [...sink.values.keys()], [0, 1])
      mustEqual(
        "how the others failed",
        [2, 3, 4].map((ticket) => sink.errors.get(ticket)?.code),
        ["closed", "closed", "closed"]
      )
      mustEqual("the file", yield* readFile("log"), "abc")
    })
  },
  {
    name: "a handle's file closes with its scope",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const handle = yield* Effect.scoped(disk.open("log", { create: true }))
      yield* mustFail("an append after the scope", "closed", handle.append(bytesOf("a")))
    })
  },
  {
    name: "bytes that a read gave belong to the reader",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      yield* file.append(bytesOf("abc"))
      const bytes = yield* file.readAt(0, 3)
      bytes.fill(0)
      mustEqual("the file", textOf(yield* file.readAt(0, 3)), "abc")
    })
  },
  {
    name: "bytes that were written belong to the writer again after the completion",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      const bytes = bytesOf("abc")
      yield* file.append(bytes)
      bytes.fill(0)
      yield* file.sync
      mustEqual("the file", textOf(yield* file.readAt(0, 3)), "abc")
    })
  },
  {
    name: "open without create fails with not-found where there is no file, and with create makes an empty one",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* mustFail("opening a missing file", "not-found", disk.open("log"))
      const file = yield* disk.open("log", { create: true })
      mustEqual("the size of a new file", yield* file.size, 0)
      mustEqual("the path of a file", file.path, "log")
    })
  },
  {
    name: "open with create keeps what is there, and with exclusive fails with exists",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* makeFile("log", "abc")
      const again = yield* disk.open("log", { create: true })
      mustEqual("the size of the file opened again", yield* again.size, 3)
      yield* mustFail("opening it exclusively", "exists", disk.open("log", { create: true, exclusive: true }))
    })
  },
  {
    name: "a file cannot be opened in a directory that does not exist, nor below a file, nor a directory as a file",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* mustFail("a file in a missing directory", "not-found", disk.open("missing/log", { create: true }))
      yield* makeFile("log", "abc")
      yield* mustFail("a file below a file", "not-a-file", disk.open("log/log", { create: true }))
      yield* disk.makeDirectory("directory")
      yield* mustFail("a directory", "not-a-file", disk.open("directory"))
      yield* mustFail("a directory, to be made a file", "not-a-file", disk.open("directory", { create: true }))
      yield* mustFail("the root", "not-a-file", disk.open(""))
    })
  },
  {
    name: "paths that are absolute, climb, or are too long are refused, whatever the operation",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* disk.makeDirectory("directory")
      yield* makeFile("log", "abc")
      const long = Array.from({ length: 300 }, () => "long").join("/")
      const name = "n".repeat(256)
      for (const path of [
        "/log",
        "../log",
        "directory/../log",
        "..",
        ".",
        "./log",
        "directory//log",
        "log/",
        "a\\b",
        "a\0b",
        long,
        name
      ]) {
        yield* mustFail(`opening ${path}`, "not-found", disk.open(path, { create: true }))
        yield* mustFail(`renaming ${path}`, "not-found", disk.rename(path, "new"))
        yield* mustFail(`renaming to ${path}`, "not-found", disk.rename("log", path))
        yield* mustFail(`removing ${path}`, "not-found", disk.remove(path))
        yield* mustFail(`listing ${path}`, "not-found", disk.list(path))
        yield* mustFail(`making ${path}`, "not-found", disk.makeDirectory(path))
        yield* mustFail(`syncing ${path}`, "not-found", disk.syncDirectory(path))
      }
      mustEqual("the root", yield* disk.list(""), ["directory", "log"])
    })
  },
  {
    name: "rename moves a file, over an existing one too, and open files follow it",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* disk.makeDirectory("directory")
      yield* makeFile("old", "old bytes")
      const file = yield* disk.open("new", { create: true })
      yield* file.append(bytesOf("new "))
      yield* disk.rename("new", "old")
      mustEqual("the root after the rename", yield* disk.list(""), ["directory", "old"])
      yield* file.append(bytesOf("bytes"))
      mustEqual("the file in its new place", yield* readFile("old"), "new bytes")
      yield* disk.rename("old", "directory/moved")
      mustEqual("the file in another directory", yield* readFile("directory/moved"), "new bytes")
      yield* mustFail("its old name", "not-found", disk.open("old"))
    })
  },
  {
    name: "while a file is renamed over another, a reader sees the one or the other, never neither",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* makeFile("current", "version 0")
      let answered = 0
      const problems: Array<string> = []
      const sink = new Completions()
      for (let round = 1; round <= 20; round++) {
        yield* makeFile("next", `version ${round}`)
        let renamed = false
        disk.port.rename("next", "current", (error) => {
          if (error !== undefined) problems.push(error.message)
          renamed = true
        })
        for (let reader = 0; reader < 4; reader++) {
          disk.port.open("current", {}, sink, (error, file) => {
            answered++
            if (error !== undefined) problems.push(error.message)
            file?.close()
          })
        }
        yield* until("the rename and the opens are answered", () => renamed && answered === round * 4)
        mustEqual("the file after the rename", yield* readFile("current"), `version ${round}`)
      }
      mustEqual("opens and renames that failed", problems, [])
    })
  },
  {
    name: "a directory is renamed with all that is in it, and never over another",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* disk.makeDirectory("one")
      yield* disk.makeDirectory("two")
      yield* makeFile("one/log", "abc")
      yield* mustFail("a directory over another", "exists", disk.rename("one", "two"))
      yield* makeFile("log", "def")
      yield* mustFail("a file over a directory", "exists", disk.rename("log", "two"))
      yield* mustFail("a directory over a file", "not-a-file", disk.rename("one", "log"))
      yield* disk.rename("one", "three")
      mustEqual("the file in it", yield* readFile("three/log"), "abc")
      mustEqual("the root", yield* disk.list(""), ["log", "three", "two"])
    })
  },
  {
    name: "nothing is renamed to a place below itself: that is not-found, and all stays where it is",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* disk.makeDirectory("one")
      yield* disk.makeDirectory("one/two")
      yield* makeFile("one/log", "abc")
      for (const [from, to] of [
        ["one", "one/three"],
        ["one", "one/two"],
        ["one", "one/two/three"],
        ["one", "one/log"],
        ["one/log", "one/log/new"]
      ] as const) {
        yield* mustFail(`${from} to ${to}`, "not-found", disk.rename(from, to))
      }
      mustEqual("the file", yield* readFile("one/log"), "abc")
      mustEqual("the directory", yield* disk.list("one"), ["log", "two"])
      yield* disk.rename("one", "one-more")
      mustEqual("the root", yield* disk.list(""), ["one-more"])
    })
  },
  {
    name: "rename fails with not-found where there is nothing, or no directory to go to",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* mustFail("a missing file", "not-found", disk.rename("missing", "found"))
      yield* makeFile("log", "abc")
      yield* mustFail("a missing directory", "not-found", disk.rename("log", "missing/log"))
      mustEqual("the file", yield* readFile("log"), "abc")
    })
  },
  {
    name: "a removed file is gone, but for those who have it open",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      yield* file.append(bytesOf("abc"))
      yield* disk.remove("log")
      yield* mustFail("opening it", "not-found", disk.open("log"))
      yield* mustFail("removing it again", "not-found", disk.remove("log"))
      mustEqual("the open file", textOf(yield* file.readAt(0, 3)), "abc")
      const next = yield* disk.open("log", { create: true })
      mustEqual("the size of the next file of this name", yield* next.size, 0)
    })
  },
  {
    name: "an empty directory is removed; one that is not empty fails with exists and stays",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* disk.makeDirectory("directory")
      yield* makeFile("directory/log", "abc")
      yield* mustFail("removing a full directory", "exists", disk.remove("directory"))
      mustEqual("the file in it", yield* readFile("directory/log"), "abc")
      yield* disk.remove("directory/log")
      yield* disk.remove("directory")
      mustEqual("the root", yield* disk.list(""), [])
      yield* mustFail("removing the root", "exists", disk.remove(""))
    })
  },
  {
    name: "list gives the names in one directory, sorted by bytes",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      // By UTF-16 units U+1F680 would come before U+FFFD; by bytes it comes after.
      const names = ["b", "a", "B", "a.log", "a-log", "10", "9", "ä", "\uFFFD", "\u{1F680}"]
      const sorted = ["10", "9", "B", "a", "a-log", "a.log", "b", "ä", "\uFFFD", "\u{1F680}"]
      yield* disk.makeDirectory("directory")
      for (const name of names) yield* makeFile(`directory/${name}`, "")
      mustEqual("the directory", yield* disk.list("directory"), sorted)
      mustEqual("the root", yield* disk.list(""), ["directory"])
    })
  },
  {
    name: "list fails with not-found where there is no directory, and with not-a-file for a file",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* mustFail("a missing directory", "not-found", disk.list("missing"))
      yield* makeFile("log", "")
      yield* mustFail("a file", "not-a-file", disk.list("log"))
    })
  },
  {
    name: "makeDirectory makes one level, succeeds where the directory is there, and fails with exists where a file is",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* mustFail("two levels", "not-found", disk.makeDirectory("one/two"))
      yield* disk.makeDirectory("one")
      yield* disk.makeDirectory("one")
      yield* disk.makeDirectory("")
      yield* disk.makeDirectory("one/two")
      mustEqual("the first level", yield* disk.list("one"), ["two"])
      yield* makeFile("log", "")
      yield* mustFail("in the place of a file", "exists", disk.makeDirectory("log"))
    })
  },
  {
    name: "sync and syncDirectory succeed on what is there, and change nothing that is seen",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      yield* disk.makeDirectory("directory")
      const file = yield* disk.open("directory/log", { create: true })
      yield* file.sync
      yield* file.append(bytesOf("abc"))
      yield* file.sync
      yield* file.sync
      yield* disk.syncDirectory("directory")
      yield* disk.syncDirectory("")
      mustEqual("the file", textOf(yield* file.readAt(0, 3)), "abc")
      yield* mustFail("syncing a missing directory", "not-found", disk.syncDirectory("missing"))
      yield* mustFail("syncing a file as a directory", "not-a-file", disk.syncDirectory("directory/log"))
    })
  },
  {
    name: "a file opened for write-through is written and read like any other",
    test: Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true, writeThrough: true })
      mustEqual("where the first append went", yield* file.append(bytesOf("abc")), 0)
      yield* file.writeAt(1, bytesOf("x"))
      mustEqual("where the next one went", yield* file.append(bytesOf("def")), 3)
      yield* file.sync
      mustEqual("the file", textOf(yield* file.readAt(0, 10)), "axcdef")
    })
  },
  {
    name: "many files work at the same time, each in its own order",
    test: Effect.gen(function* () {
      const sinks: Array<Completions> = []
      const files: Array<Disk.File> = []
      for (let index = 0; index < 20; index++) {
        sinks.push(new Completions())
        files.push(yield* openByPort(`log-${index}`, sinks[index]))
      }
      for (let ticket = 0; ticket < 10; ticket++) {
        files.forEach((file, index) => file.append(ticket, pattern(index, ticket * 1_000, 1_000)))
      }
      files.forEach((file) => file.readAt(10, 0, 10_000))
      yield* until("all are done", () => sinks.every((sink) => sink.tickets.length === 11))
      for (const [index, sink] of sinks.entries()) {
        mustEqual("the order of completions", sink.tickets, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        mustEqualBytes(`file ${index}`, sink.reads.get(10)!, pattern(index, 0, 10_000))
      }
      files.forEach((file) => file.close())
    })
  }
]
