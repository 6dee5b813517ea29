/**
 * RelativePath: the names of files on a node's disk. One rule for the real and for the simulated disk, so that a path
 * that works in one works in the other, and none leads out of the node's own tree.
 */
import * as Limits from "./Limits.ts"

/** UTF-8 length without a copy. No UTF-16 unit takes more than three bytes, so most names are decided by their length alone. */
const utf8BytesOf = (text: string): number => {
  let bytes = 0
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // A surrogate pair is four bytes, two a unit.
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit >= 0xd800 && unit < 0xe000 ? 2 : 3
  }
  return bytes
}

/**
 * Undefined when `path` is a good path of a file or directory below the root; else a sentence that says what is wrong
 * and what to do. The root itself is `""`, good only where the caller allows it.
 */
export const problem = (path: string, options: { readonly allowRoot: boolean }): string | undefined => {
  if (path === "") return options.allowRoot ? undefined : "an empty path names the root; give the name of a file"
  if (path.length * 3 > Limits.pathBytesMax && utf8BytesOf(path) > Limits.pathBytesMax) {
    return `the path is longer than ${Limits.pathBytesMax} bytes; use shorter names`
  }
  if (path.includes("\\") || path.includes("\0")) {
    return "the path contains a backslash or a zero byte; separate names with /"
  }
  for (const name of path.split("/")) {
    if (name === "") return "the path is absolute or contains an empty name; begin at the node's own root, without /"
    if (name === "." || name === "..") return "the path contains . or ..; name the file from the node's own root"
    if (name.length * 3 > Limits.nameBytesMax && utf8BytesOf(name) > Limits.nameBytesMax) {
      return `a name in the path is longer than ${Limits.nameBytesMax} bytes; use a shorter one`
    }
  }
  return undefined
}
