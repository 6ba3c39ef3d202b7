import * as Client from "../../../src/client/Client.ts"

export type Api = Client.Client["rest"]

/** A client of the gateway that served this page. `onUnauthorized` is called when it no longer accepts the token. */
export const connect = (token: string, onUnauthorized: () => void = () => undefined): Client.Client =>
  Client.make({ url: new URL(import.meta.url).origin, token, onUnauthorized })

interface Page {
  readonly limit: number
  readonly offset: number
}
/** Largest number of pages to read of one list. */
const pagesMax = 20
const pageSize = 1_000

/** All items of a paged list. */
export const listed = async <A>(
  ask: (page: Page) => Promise<{ readonly total: number; readonly items: ReadonlyArray<A> }>
): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for (let page = 0; page < pagesMax; page++) {
    const { total, items } = await ask({ limit: pageSize, offset: page * pageSize })
    all.push(...items)
    if (all.length >= total || items.length === 0) break
  }
  return all
}

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The answer. If the request fails, the result is undefined, and `say` gets the reason in the gateway's words. */
export const orSay = <A>(answer: Promise<A>, say: (text: string) => void): Promise<A | undefined> =>
  answer.catch((error: unknown) => {
    say(textOf(error))
    return undefined
  })
