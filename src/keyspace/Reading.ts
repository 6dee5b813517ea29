/**
 * Reading: what the engine has of keys, in the terms of the keyspace. Calls its `done` at once when everything is in memory, and later else.
 *
 * Needs of its caller: a latch on what is read, so that nothing of it changes meanwhile.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Engine from "#storage/Engine.ts"
import * as Keys from "#storage/Keys.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Key from "./Key.ts"
import * as Records from "./Records.ts"
import type { Span, Timestamp } from "./Request.ts"

/** What is in force on one key. */
export interface KeyState {
  readonly intent: Records.Intent | undefined
  readonly head: Records.Version | undefined
}

export interface Item extends KeyState {
  readonly key: Uint8Array
  /** The latest version that is not later than was asked for. */
  readonly seen: Records.Version | undefined
  /** Of everything that lies there. */
  readonly sizeBytes: number
}

/** The values in the order of the keys, which are the engine's. */
export const values = (
  port: Engine.Port,
  keys: ReadonlyArray<Uint8Array>,
  done: Engine.Done<ReadonlyArray<Uint8Array | undefined>>
): void => {
  const found: Array<Uint8Array | undefined> = []
  let missing = 0
  let isAsked = false
  let failed: StorageError | undefined
  keys.forEach((key, index) => {
    const value = port.get(key)
    if (value !== Engine.elsewhere) {
      found[index] = value
      return
    }
    missing++
    port.fetch(key, undefined, (error, fetched) => {
      failed ??= error
      found[index] = fetched
      if (--missing === 0 && isAsked) done(failed, found)
    })
  })
  isAsked = true
  if (missing === 0) done(undefined, found)
}

const noKeys: ReadonlyArray<Uint8Array> = []

/** The states of the keys in their order; and of other engine keys the values. */
export const states = (
  port: Engine.Port,
  keys: ReadonlyArray<Uint8Array>,
  done: Engine.Done<{
    readonly states: ReadonlyArray<KeyState>
    readonly others: ReadonlyArray<Uint8Array | undefined>
  }>,
  others: ReadonlyArray<Uint8Array> = noKeys
): void => {
  const asked: Array<Uint8Array> = []
  for (const key of keys) asked.push(Key.intent(key), Key.head(key))
  for (const other of others) asked.push(other)
  values(port, asked, (error, found) => {
    if (error !== undefined) return done(error, { states: [], others: [] })
    const states = keys.map((_, index): KeyState => {
      const intent = found[2 * index]
      const head = found[2 * index + 1]
      return {
        intent: intent === undefined ? undefined : Records.readIntent(intent),
        head: head === undefined ? undefined : Records.readHead(head)
      }
    })
    done(undefined, { states, others: found.slice(2 * keys.length) })
  })
}

/** Of a key whose latest version is `head`: the latest that is not later than `at`. */
export const seenAt = (
  port: Engine.Port,
  key: Uint8Array,
  head: Records.Version | undefined,
  at: Timestamp,
  done: Engine.Done<Records.Version | undefined>
): void => {
  if (head === undefined || head.at <= at) return done(undefined, head)
  const cursor = port.scan({ bounds: Key.oldUpTo(key, at) })
  const look = (): void => {
    const step = cursor.next()
    if (step === "wait") {
      return cursor.fill((error) => {
        if (error === undefined) return look()
        cursor.close()
        done(error, undefined)
      })
    }
    let seen: Records.Version | undefined
    if (step === "entry") {
      const engineKey = cursor.key()
      seen = { at: Key.oldAt(engineKey, Key.endOf(engineKey)), value: Records.readOld(cursor.value()) }
    }
    cursor.close()
    done(undefined, seen)
  }
  look()
}

/** Everything of one key, while a scan goes by. */
class Gathering {
  readonly key: Uint8Array
  private readonly engineKey: Uint8Array
  private readonly end: number
  private head: Records.Version | undefined
  private old: Records.Version | undefined
  private sizeBytes = 0

  constructor(engineKey: Uint8Array) {
    this.engineKey = engineKey
    this.end = Key.endOf(engineKey)
    assert(this.end > 0, "what lies in the data of a range is a key's")
    this.key = Key.keyOf(engineKey, this.end)
  }

  isOf(engineKey: Uint8Array): boolean {
    const { end } = this
    if (engineKey.length < end + 3) return false
    return Keys.compareIn(this.engineKey, 0, end + 2, engineKey, 0, end + 2) === 0
  }

  take(engineKey: Uint8Array, value: Uint8Array, at: Timestamp): void {
    this.sizeBytes += engineKey.length + value.length
    const kind = Key.kindAt(engineKey, this.end)
    if (kind === Key.kinds.head) this.head = Records.readHead(value)
    else if (kind === Key.kinds.old) {
      const written = Key.oldAt(engineKey, this.end)
      if (written > at || (this.old !== undefined && this.old.at >= written)) return
      this.old = { at: written, value: Records.readOld(value) }
    }
  }

  item(at: Timestamp, intent: Records.Intent | undefined): Item {
    const { head, key, old, sizeBytes } = this
    return { key, intent, head, seen: head !== undefined && head.at <= at ? head : old, sizeBytes }
  }
}

/** Engine entries that one turn looks at: other requests get theirs then. */
const entriesAtOnce = 4_096

/** Hands the engine's entries in the bounds to `visit` until it returns false. `pause` is called with what goes on, after so many. */
export const entries = (
  port: Engine.Port,
  options: Engine.ScanOptions,
  visit: (engineKey: Uint8Array, value: Uint8Array) => boolean,
  pause: (goOn: () => void) => void,
  done: Engine.Done<void>
): void => {
  const cursor = port.scan(options)
  const ended = (error: StorageError | undefined): void => {
    cursor.close()
    done(error, undefined)
  }
  const go = (): void => {
    for (let entries = 0; entries < entriesAtOnce; entries++) {
      const step = cursor.next()
      if (step === "wait") return cursor.fill((error) => (error === undefined ? go() : ended(error)))
      if (step === "end" || !visit(cursor.key(), cursor.value())) return ended(undefined)
    }
    pause(go)
  }
  go()
}

export interface Intended {
  readonly key: Uint8Array
  readonly intent: Records.Intent
}

/** All intents of a span. */
export const intents = (
  port: Engine.Port,
  options: { readonly span: Span; readonly reverse?: boolean },
  pause: (goOn: () => void) => void,
  done: Engine.Done<ReadonlyArray<Intended>>
): void => {
  const found: Array<Intended> = []
  const visit = (engineKey: Uint8Array, value: Uint8Array): boolean => {
    found.push({ key: Key.keyOf(engineKey, Key.endOf(engineKey)), intent: Records.readIntent(Bytes.copy(value)) })
    return true
  }
  const { reverse = false, span } = options
  entries(port, { bounds: Key.intents(span), reverse }, visit, pause, (error) => done(error, found))
}

/** Hands each key of the span that has anything to `visit`, with what was in force at `at`, until it returns false. */
export const scan = (
  port: Engine.Port,
  options: { readonly span: Span; readonly at: Timestamp; readonly reverse?: boolean },
  visit: (item: Item) => boolean,
  pause: (goOn: () => void) => void,
  done: Engine.Done<void>
): void => {
  const { at, reverse = false, span } = options
  intents(port, options, pause, (failed, intended) => {
    if (failed !== undefined) return done(failed, undefined)
    let next = 0
    let gathering: Gathering | undefined
    /** Those on keys that come before this one, and have nothing else. */
    const before = (key: Uint8Array | undefined): boolean => {
      for (; next < intended.length; next++) {
        const { intent, key: other } = intended[next]
        const order = key === undefined ? 0 : Keys.compare(other, key)
        if (key !== undefined && (reverse ? order <= 0 : order >= 0)) return true
        if (!visit({ key: other, intent, head: undefined, seen: undefined, sizeBytes: 0 })) return false
      }
      return true
    }
    const gathered = (): boolean => {
      const { key } = gathering!
      if (!before(key)) return false
      const isOnIt = next < intended.length && Keys.compare(intended[next].key, key) === 0
      const item = gathering!.item(at, isOnIt ? intended[next++].intent : undefined)
      gathering = undefined
      return visit(item)
    }
    let isOver = false
    const entry = (engineKey: Uint8Array, value: Uint8Array): boolean => {
      if (gathering !== undefined && !gathering.isOf(engineKey) && !gathered()) {
        isOver = true
        return false
      }
      gathering ??= new Gathering(engineKey)
      gathering.take(engineKey, value, at)
      return true
    }
    entries(port, { bounds: Key.bounds(span), reverse }, entry, pause, (error) => {
      if (error === undefined && !isOver && (gathering === undefined || gathered())) before(undefined)
      done(error, undefined)
    })
  })
}

/** A value that is handed out of the engine's memory for long. */
export const kept = (value: Uint8Array | undefined): Uint8Array | undefined =>
  value === undefined ? undefined : Bytes.copy(value)
