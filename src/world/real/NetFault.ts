/** NetFault: what the operating system says of a failed socket, as a `NetError` whose message says what to do. */
import { NetError, type NetErrorCode } from "../WorldError.ts"

interface Meaning {
  readonly code: NetErrorCode
  readonly advice: string
}

const unreachable: Meaning = {
  code: "timeout",
  advice: "there is no way to that host; check routes and firewalls, then try again"
}
const unresolved: Meaning = {
  code: "address-not-available",
  advice: "the name does not resolve; check its spelling and the DNS"
}
const broken: Meaning = {
  code: "reset",
  advice: "the connection broke; bytes in flight may or may not have arrived, so dial again and ask"
}
const invalid: Meaning = {
  code: "address-not-available",
  advice: "this is no address for a socket; give a host of this machine and a port from 0 to 65535"
}

/** By the system's own names. What is not here broke the connection, or made the address unusable. */
const meanings: Readonly<Record<string, Meaning>> = {
  EADDRINUSE: {
    code: "address-in-use",
    advice: "another socket has this address; choose another port, or stop its owner"
  },
  EADDRNOTAVAIL: {
    code: "address-not-available",
    advice: "no interface of this machine has this address; give one that has, or 0.0.0.0"
  },
  EACCES: { code: "address-not-available", advice: "this user may not use this port; choose one above 1023" },
  EPERM: {
    code: "address-not-available",
    advice: "a firewall of this machine forbids it; change its rules or choose another port"
  },
  ECONNREFUSED: { code: "refused", advice: "nobody listens there; start the peer or correct the address" },
  ETIMEDOUT: { code: "timeout", advice: "nobody answered; the peer may be dead or cut off, so try again later" },
  EHOSTUNREACH: unreachable,
  EHOSTDOWN: unreachable,
  ENETUNREACH: unreachable,
  ENETDOWN: unreachable,
  ENOTFOUND: unresolved,
  EAI_AGAIN: unresolved,
  EAI_FAIL: unresolved,
  EAI_NONAME: unresolved,
  ERR_SOCKET_BAD_PORT: invalid,
  EAFNOSUPPORT: invalid,
  EINVAL: invalid
}

const distrusted: Meaning = {
  code: "untrusted",
  advice: "the other end, or this one, has no certificate that the other believes; check names, dates and authorities"
}

export const make = (code: NetErrorCode, address: string, advice: string): NetError =>
  new NetError({ code, address, message: `${address}: ${advice}` })

const tell = (meaning: Meaning, error: NodeJS.ErrnoException, address: string): NetError =>
  new NetError({
    code: meaning.code,
    address,
    message: `${address}: ${meaning.advice} (${error.code ?? error.message})`
  })

/** Why a socket could not be bound, or a dial failed. A connection that breaks before it is established was refused. */
export const ofAddress = (error: NodeJS.ErrnoException, address: string): NetError => {
  const code = error.code ?? ""
  if (code === "ECONNRESET" || code === "ECONNABORTED" || code === "EPIPE")
    return tell(meanings["ECONNREFUSED"], error, address)
  return tell(meanings[code] ?? invalid, error, address)
}

/** Why a dial with credentials failed: what the system has no name for, TLS has. */
export const ofSecureDial = (error: NodeJS.ErrnoException, address: string): NetError =>
  meanings[error.code ?? ""] === undefined && error.code !== "ECONNRESET" && error.code !== "EPIPE"
    ? tell(distrusted, error, address)
    : ofAddress(error, address)

/** Why an established connection is over. Whatever the system calls it, for the caller it broke, or an alert of TLS ended it. */
export const ofConnection = (error: NodeJS.ErrnoException, address: string): NetError =>
  tell((error.code ?? "").startsWith("ERR_SSL_") ? distrusted : broken, error, address)
