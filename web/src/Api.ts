/** The gateway said no: its `detail`, and its status (0 where it did not answer at all). */
export class Refused extends Error {
  readonly status: number
  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

const answerMsMax = 15_000

export interface Api {
  readonly get: <A>(path: string) => Promise<A>
  /** Undefined where this gateway has no such endpoint, or nothing there. */
  readonly find: <A>(path: string) => Promise<A | undefined>
  readonly post: <A>(path: string, body: unknown) => Promise<A>
  readonly remove: (path: string) => Promise<unknown>
}

const detailOf = (body: unknown, fallback: string): string =>
  typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string" ? body.detail : fallback

/** REST with the token. `onExpired` is called when the gateway does not know it any more. */
export const make = (token: string, onExpired: () => void): Api => {
  const ask = async <A>(path: string, method: string, body?: unknown): Promise<A> => {
    let response: Response
    try {
      response = await fetch(path, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        signal: AbortSignal.timeout(answerMsMax),
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
    } catch {
      throw new Refused(0, "The gateway does not answer")
    }
    const answer: unknown = await response.json().catch(() => undefined)
    if (response.ok) return answer as A
    if (response.status === 401) onExpired()
    throw new Refused(response.status, detailOf(answer, `The gateway answered ${response.status}`))
  }
  return {
    get: (path) => ask(path, "GET"),
    find: <A>(path: string) =>
      ask<A>(path, "GET").catch((error: unknown): undefined => {
        if (error instanceof Refused && error.status === 404) return undefined
        throw error
      }),
    post: (path, body) => ask(path, "POST", body),
    remove: (path) => ask(path, "DELETE")
  }
}

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
