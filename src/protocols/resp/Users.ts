/** Users: who may log in, by name. Users are values: a change puts another in the place of one. */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Hex from "#base/Hex.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as User from "./User.ts"

export const digest = (password: string): string => Hex.of(sha256(Latin1.encode(password)))

/** Whether two texts are the same, in a time that does not depend on where they differ. */
export const isSame = (left: string, right: string): boolean => {
  let differing = left.length ^ right.length
  for (let i = 0; i < left.length; i++) differing |= left.charCodeAt(i) ^ right.charCodeAt(i)
  return differing === 0
}

export class Users {
  private readonly users = new Map<string, User.User>([[User.unlimited.name, User.unlimited]])

  /** Who a client is that has not said who it is. */
  get default(): User.User {
    return this.users.get(User.unlimited.name)!
  }

  get(name: string): User.User | undefined {
    return this.users.get(name)
  }

  set(user: User.User): void {
    this.users.set(user.name, user)
  }

  /** False: there is none, or it is the default one, which stays. */
  delete(name: string): boolean {
    return name !== User.unlimited.name && this.users.delete(name)
  }

  /** By name, in the order of bytes. */
  get all(): ReadonlyArray<User.User> {
    return [...this.users.values()].sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  /** Who has this name and password; undefined: nobody, or whoever it is may not log in. */
  login(name: string, password: string): User.User | undefined {
    const user = this.users.get(name)
    const hash = digest(password)
    let isKnown = false
    for (const each of user?.passwords ?? []) if (isSame(each, hash)) isKnown = true
    return user !== undefined && user.isOn && (user.isOpen || isKnown) ? user : undefined
  }

  /** The password of who has not said who it is; empty: it needs none. `requirepass` of redis.conf. */
  setDefaultPassword(password: string): void {
    const passwords = password === "" ? [] : [digest(password)]
    this.users.set(User.unlimited.name, this.default.with({ isOpen: password === "", passwords }))
  }
}
