/**
 * HangingDisk: a Disk that gives no answer any more from a moment on, which only its server knows: a device that hangs and stays so, when the nemesis
 * has healed its faults.
 */
import * as Disk from "#world/Disk.ts"

export class HangingDisk {
  readonly disk: Disk.Disk["Service"]
  private isHanging = false

  constructor({ port }: Disk.Disk["Service"]) {
    const unless = (call: () => void): void => {
      if (!this.isHanging) call()
    }
    const hanging = (file: Disk.File): Disk.File => ({
      path: file.path,
      readAt: (ticket, offset, lengthBytes) => unless(() => file.readAt(ticket, offset, lengthBytes)),
      writeAt: (ticket, offset, bytes) => unless(() => file.writeAt(ticket, offset, bytes)),
      append: (ticket, bytes) => unless(() => file.append(ticket, bytes)),
      truncate: (ticket, sizeBytes) => unless(() => file.truncate(ticket, sizeBytes)),
      sync: (ticket) => unless(() => file.sync(ticket)),
      size: (ticket) => unless(() => file.size(ticket)),
      close: () => file.close()
    })
    this.disk = Disk.make({
      open: (path, options, sink, done) =>
        unless(() => port.open(path, options, sink, (error, file) => done(error, file && hanging(file)))),
      rename: (from, to, done) => unless(() => port.rename(from, to, done)),
      remove: (path, done) => unless(() => port.remove(path, done)),
      list: (directory, done) => unless(() => port.list(directory, done)),
      makeDirectory: (path, done) => unless(() => port.makeDirectory(path, done)),
      syncDirectory: (path, done) => unless(() => port.syncDirectory(path, done))
    })
  }

  /** For good; what was submitted before is still answered. */
  hang(): void {
    this.isHanging = true
  }
}
