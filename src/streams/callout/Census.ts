/** The connections that one server holds, by owner, as it said at `atMs`. */
interface Count {
  readonly atMs: number
  readonly byOwner: ReadonlyMap<string, number>
}

/** How many connections each owner has, from what the servers answer, and from who was admitted since. */
export class Census {
  readonly #freshMs: number
  readonly #servers = new Map<string, Count>()
  #admitted: Array<{ readonly owner: string; readonly atMs: number }> = []

  /** `freshMs`: a server that has not answered for so long is gone, and whoever was admitted so long ago was counted since. */
  constructor(freshMs: number) {
    this.#freshMs = freshMs
  }

  /** One page of a server's connections. The first page (`isFirst`) begins a new count. */
  page(server: string, isFirst: boolean, owners: ReadonlyArray<string>, nowMs: number): void {
    const byOwner = new Map(isFirst ? [] : this.#servers.get(server)?.byOwner)
    for (const owner of owners) byOwner.set(owner, (byOwner.get(owner) ?? 0) + 1)
    this.#servers.set(server, { atMs: nowMs, byOwner })
  }

  admitted(owner: string, nowMs: number): void {
    this.#admitted.push({ owner, atMs: nowMs })
  }

  /** At least as many as the owner has: one who was just admitted may count twice. */
  countOf(owner: string, nowMs: number): number {
    const isFresh = ({ atMs }: { readonly atMs: number }) => nowMs - atMs < this.#freshMs
    this.#admitted = this.#admitted.filter(isFresh)
    const known = [...this.#servers.values()].filter(isFresh).reduce((sum, { byOwner }) => sum + (byOwner.get(owner) ?? 0), 0)
    return known + this.#admitted.filter((one) => one.owner === owner).length
  }

  get total(): number {
    return [...this.#servers.values()].reduce((sum, { byOwner }) => sum + [...byOwner.values()].reduce((all, one) => all + one, 0), 0)
  }
}
