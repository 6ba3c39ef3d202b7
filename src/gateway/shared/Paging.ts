export interface Paging {
  readonly limit: number
  readonly offset: number
}

/** The items of the page that a request asks for. */
export const pageOf = <A>(all: ReadonlyArray<A>, { limit, offset }: Paging): ReadonlyArray<A> => all.slice(offset, offset + limit)
