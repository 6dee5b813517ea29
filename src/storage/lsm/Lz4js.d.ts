/** The part of `lz4js` that `Compression` uses; the package brings no types. */
declare module "lz4js" {
  export const compressBound: (sizeBytes: number) => number
  /** The compressed size; 0: it does not shrink. `matches` is all zeros. */
  export const compressBlock: (
    source: Uint8Array,
    target: Uint8Array,
    from: number,
    sizeBytes: number,
    matches: Uint32Array
  ) => number
  /** Where the output ends in `target`. */
  export const decompressBlock: (
    source: Uint8Array,
    target: Uint8Array,
    from: number,
    sizeBytes: number,
    targetFrom: number
  ) => number
}
