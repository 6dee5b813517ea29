/** Every bound of Orbit in one place: its unit last in the name, its reason beside it. */

/** Tickets a timer port keeps a slot for. A driver uses a handful a group; ten thousand groups fit. */
export const timerTicketsMax = 65_536

/** Largest datagram, in bytes: what IPv4 UDP carries, less its headers (RFC 768, RFC 791). */
export const datagramBytesMax = 65_507

/** Bytes a connection buffers for its peer before `write` asks its caller to wait: 64 KiB, Node's own default for sockets. */
export const connectionBufferedBytesMax = 65_536

/** A path on a node's disk, in bytes: ext4 allows 4,096 with the terminator. */
export const pathBytesMax = 1_024

/** One name in such a path, in bytes: what ext4, XFS, APFS and NTFS all allow. */
export const nameBytesMax = 255
