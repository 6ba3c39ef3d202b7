/** The name of a connection at the server: the name that `Admission.admit` gave, and the id of its login. */
export const nameOf = (given: string, login: string): string => `${given}#${login}`
const form = /^(.*)#([0-9a-f]{8})$/
/** The parts of such a name. A connection that an earlier version admitted has no login. */
export const partsOf = (name: string): { readonly given: string; readonly login: string | undefined } => {
  const [, given = name, login] = form.exec(name) ?? []
  return { given, login }
}

/** The connections of one server by owner, as it reported them at `atMs`. Times are of a clock that never steps. */
interface Count {
  readonly atMs: number
  readonly byOwner: ReadonlyMap<string, number>
}

/** A connection in a server's answer. */
export interface Held {
  readonly owner: string
  readonly login: string | undefined
}

/** Counts each owner's connections: those in the servers' answers, and admitted logins that no answer contains yet. */
export class Census {
  readonly #freshMs: number
  readonly #servers = new Map<string, Count>()
  readonly #admitted = new Map<string, { readonly owner: string; readonly atMs: number }>()

  /**
   * After `freshMs` without an answer, a server counts as gone. After `freshMs` without appearing in an answer, an admitted login counts as
   * not connected.
   */
  constructor(freshMs: number) {
    this.#freshMs = freshMs
  }

  /** One page of a server's connections. The first page (`isFirst`) begins a new count. */
  page(server: string, isFirst: boolean, held: ReadonlyArray<Held>, nowMs: number): void {
    const byOwner = new Map(isFirst ? [] : this.#servers.get(server)?.byOwner)
    for (const { login, owner } of held) {
      byOwner.set(owner, (byOwner.get(owner) ?? 0) + 1)
      if (login !== undefined) this.#admitted.delete(login)
    }
    this.#servers.set(server, { atMs: nowMs, byOwner })
  }

  admitted(owner: string, login: string, nowMs: number): void {
    this.#admitted.set(login, { owner, atMs: nowMs })
  }

  countOf(owner: string, nowMs: number): number {
    const isFresh = ({ atMs }: { readonly atMs: number }) => nowMs - atMs < this.#freshMs
    for (const [login, one] of this.#admitted) if (!isFresh(one)) this.#admitted.delete(login)
    const known = [...this.#servers.values()].filter(isFresh).reduce((sum, { byOwner }) => sum + (byOwner.get(owner) ?? 0), 0)
    return known + [...this.#admitted.values()].filter((one) => one.owner === owner).length
  }

  get total(): number {
    return [...this.#servers.values()].reduce((sum, { byOwner }) => sum + [...byOwner.values()].reduce((all, one) => all + one, 0), 0)
  }
}
