import { type Api, listed, textOf } from "../gateway/Api.ts"
import type { AccountLimits, AccountOrder, Funds, Holding, OrderTask, Positions, StopState } from "../gateway/Contract.ts"

/** Number of newest tasks that are read. */
const tasksMax = 100
/** Events are gathered for this long before the account is read again. */
const delayMs = 200
/** The account is read again this long after a reading that failed. */
const retryMs = 3_000

/** All that the page knows of one account. A part that could not be read is undefined. */
export interface Book {
  readonly accountId: string
  readonly orders: ReadonlyArray<AccountOrder>
  readonly tasks: ReadonlyArray<OrderTask>
  readonly positions: Positions | undefined
  readonly holdings: ReadonlyArray<Holding> | undefined
  readonly funds: Funds | undefined
  readonly stop: StopState | undefined
  readonly limits: AccountLimits | undefined
}
export interface Events {
  readonly onBook: (book: Book) => void
  /** Empty when everything could be read. */
  readonly onProblem: (text: string) => void
}
export interface AccountBook {
  /** Reads this account from now on. */
  readonly show: (accountId: string) => void
  /** Reads the account again soon, because something of it changed. */
  readonly refresh: () => void
  readonly close: () => void
}

const readBook = async (api: Api, accountId: string): Promise<{ readonly book: Book; readonly problem: string }> => {
  const path = { id: accountId }
  const problems: Array<string> = []
  const part = <A>(what: string, asked: Promise<A>): Promise<A | undefined> =>
    asked.catch((error: unknown) => {
      problems.push(`${what}: ${textOf(error)}`)
      return undefined
    })
  const [orders, tasks, positions, holdings, funds, stop, limits] = await Promise.all([
    part(
      "orders",
      listed((urlParams) => api.portfolio.orders({ path, urlParams }).then((it) => ({ total: it.total, items: it.orders })))
    ),
    part("tasks", api.orders.tasks({ urlParams: { account_id: accountId, limit: tasksMax } })),
    part("positions", api.portfolio.positions({ path })),
    part(
      "holdings",
      listed((urlParams) => api.portfolio.holdings({ path, urlParams }).then((it) => ({ total: it.total, items: it.holdings })))
    ),
    part("funds", api.portfolio.funds({ path })),
    part("stop", api.accounts.stop({ path })),
    part("limits", api.accounts.limits({ path }))
  ])
  const book = { accountId, orders: orders ?? [], tasks: tasks?.tasks ?? [], positions, holdings, funds, stop, limits }
  return { book, problem: problems.length === 0 ? "" : `Not known: ${problems.join("; ")}` }
}

/** Reads one account, one reading at a time. An event during a reading leads to one more. */
export const make = (api: Api, events: Events): AccountBook => {
  let accountId: string | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let isReading = false
  let isStale = false
  let isClosed = false

  const later = (afterMs: number): void => {
    if (isClosed) return
    isStale = true
    timer ??= setTimeout(() => {
      timer = undefined
      void read()
    }, afterMs)
  }
  const read = async (): Promise<void> => {
    if (isReading || accountId === undefined) return
    isReading = true
    isStale = false
    const asked = accountId
    const { book, problem } = await readBook(api, asked)
    isReading = false
    if (isClosed) return
    // The user chose another account meanwhile.
    if (asked === accountId) {
      events.onBook(book)
      events.onProblem(problem)
    }
    if (isStale || asked !== accountId) later(delayMs)
    else if (problem !== "") later(retryMs)
  }
  return {
    show: (id) => {
      accountId = id
      isStale = true
      void read()
    },
    refresh: () => later(delayMs),
    close: () => {
      isClosed = true
      clearTimeout(timer)
    }
  }
}
