/** The part of `rocksdb-native` that `RocksDb` uses; the package brings no types. */
declare module "rocksdb-native" {
  interface Range {
    readonly gte?: Uint8Array
    readonly lt?: Uint8Array
  }
  interface Entries extends AsyncIterable<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    destroy(): void
    once(event: "close", listener: () => void): void
  }
  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void
    tryDelete(key: Uint8Array): void
    tryDeleteRange(from: Uint8Array, to: Uint8Array): void
    flush(): Promise<void>
    destroy(): void
  }
  interface Session {
    get(key: Uint8Array): Promise<Uint8Array | null>
    iterator(range: Range, options: { readonly reverse: boolean; readonly capacity: number }): Entries
    close(): Promise<void>
  }
  export default class RocksDB implements Session {
    constructor(
      path: string,
      options: {
        readonly writeBufferSize: number
        readonly enableStatistics: boolean
      }
    )
    ready(): Promise<void>
    get(key: Uint8Array): Promise<Uint8Array | null>
    iterator(range: Range, options: { readonly reverse: boolean; readonly capacity: number }): Entries
    write(options: { readonly autoDestroy: boolean }): WriteBatch
    snapshot(): Session
    flush(): Promise<void>
    compactRange(options: { readonly bottommostLevelCompaction: number }): Promise<void>
    currentWalFile(): Promise<{ readonly number: number }>
    getProperty(name: string): Promise<string | undefined>
    close(): Promise<void>
  }
  export type { Session }
}
