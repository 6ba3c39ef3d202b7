import * as Backoff from "./Backoff.ts"

type Key = string | number

/** The subscriptions that a stream should have, independent of its connections. */
export interface Wishes<Item> {
  readonly add: (items: ReadonlyArray<Item>) => void
  readonly remove: (items: ReadonlyArray<Item>) => void
  /** Called when a connection opens: subscribes to everything. */
  readonly begin: () => void
  readonly granted: (keys: ReadonlyArray<Key>) => void
  /** A refusal that may pass is retried a little later until it is granted. Any other refusal removes the item. */
  readonly refused: (keys: ReadonlyArray<Key>, mayPass: boolean) => void
  /** True if no subscription waits for its answer or for a retry. */
  readonly areGranted: () => boolean
  readonly end: () => void
}

export const make = <Item>(options: {
  readonly keyOf: (item: Item) => Key
  readonly isOpen: () => boolean
  /** Sends the subscriptions. `isAgain`: they were sent before. */
  readonly ask: (items: ReadonlyArray<Item>, isAgain: boolean) => void
}): Wishes<Item> => {
  const wanted = new Map<Key, Item>()
  /** Sent on this connection and not yet granted. */
  const open = new Set<Key>()
  /** Those of `open` that are refused for now. */
  const away = new Set<Key>()
  let hasBegun = false
  let tries = 0
  let retry: ReturnType<typeof setTimeout> | undefined

  const ask = (items: ReadonlyArray<Item>, isAgain: boolean): void => {
    if (items.length === 0 || !options.isOpen()) return
    for (const item of items) open.add(options.keyOf(item))
    options.ask(items, isAgain)
  }
  const calm = (): void => {
    clearTimeout(retry)
    retry = undefined
    tries = 0
    open.clear()
    away.clear()
  }
  const remove = (keys: ReadonlyArray<Key>): void => {
    for (const key of keys) {
      wanted.delete(key)
      open.delete(key)
      away.delete(key)
    }
  }
  const askAgain = (): void => {
    retry = undefined
    const items = [...wanted].flatMap(([key, item]) => (away.has(key) ? [item] : []))
    away.clear()
    ask(items, true)
  }
  return {
    add: (items) => {
      for (const item of items) wanted.set(options.keyOf(item), item)
      ask(items, false)
    },
    remove: (items) => remove(items.map(options.keyOf)),
    begin: () => {
      calm()
      ask([...wanted.values()], hasBegun)
      hasBegun = true
    },
    granted: (keys) => {
      for (const key of keys) {
        open.delete(key)
        away.delete(key)
      }
      if (open.size === 0) tries = 0
    },
    areGranted: () => open.size === 0,
    refused: (keys, mayPass) => {
      if (!mayPass) return remove(keys)
      for (const key of keys) if (wanted.has(key)) away.add(key)
      if (away.size > 0) retry ??= setTimeout(askAgain, Backoff.waitMs(++tries, Math.random()))
    },
    end: calm
  }
}
