/** Peer: what a transport knows of one other store: where it is, what waits for it, and the one connection to it. */
import type { StoreId } from "#consensus/Replica.ts"
import type { Address } from "#world/Net.ts"
import type { Channel } from "./Channel.ts"
import type { Seen } from "./Greeting.ts"
import { Outbox } from "./Outbox.ts"
import type { Settings } from "./Settings.ts"

export const never = Number.POSITIVE_INFINITY

export class Peer {
  readonly store: StoreId
  address: Address
  readonly outbox: Outbox
  /** The connection to it, or the dial, if there is one. */
  channel: Channel | undefined
  /** Greetings are exchanged: frames go to and fro. */
  isConnected = false
  connectedMicros = 0
  /** When the last bytes were written to it. */
  writtenMicros = 0
  /** Its frames are to be gathered in the next turn. */
  isDirty = false
  /** When it is dialled next; `never` while there is a connection, and where it is the peer who dials. */
  dialMicros = never
  /** The newest connection that was taken of it. */
  seen: Seen | undefined
  /** Of the present dial. */
  dial = 0
  private failures = 0
  private readonly settings: Settings

  constructor(store: StoreId, address: Address, settings: Settings) {
    this.store = store
    this.address = address
    this.settings = settings
    this.outbox = new Outbox(settings)
  }

  /** How long to wait before the next dial: doubled with each failure, up to half of it left out by chance. */
  backoffMicros(random: (bound: number) => number): number {
    const { backoffMicrosMax, backoffMicrosMin } = this.settings
    let micros = backoffMicrosMin
    for (let failure = 0; failure < this.failures && micros < backoffMicrosMax; failure++) micros *= 2
    micros = Math.min(micros, backoffMicrosMax)
    this.failures++
    const half = Math.ceil(micros / 2)
    return half + random(half)
  }

  /** Its connection is gone. One that was worth the dial makes up for the failures before it. */
  disconnected(nowMicros: number): void {
    this.channel = undefined
    if (this.isConnected && nowMicros - this.connectedMicros >= this.settings.backoffMicrosMax) this.failures = 0
    this.isConnected = false
    this.outbox.clear()
  }

  /** When something is to be done for it even if nothing happens. */
  get dueMicros(): number {
    const { channel, settings } = this
    if (channel === undefined) return this.dialMicros
    if (!this.isConnected) return channel.startedMicros + settings.handshakeMicros
    const due = channel.heardMicros + settings.silenceMicros
    return Math.min(due, channel.isBlocked ? this.outbox.dueMicros : this.writtenMicros + settings.keepAliveMicros)
  }
}
