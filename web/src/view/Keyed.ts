/** The element that shows one item of a list or a table. */
export interface Row<Item> {
  readonly element: HTMLElement
  readonly update: (item: Item) => void
  /** Called when the item is gone. */
  readonly stop?: () => void
}

export interface Rows<Id, Item, R> {
  readonly draw: (items: ReadonlyArray<Item>) => void
  readonly get: (id: Id) => R | undefined
  readonly all: () => Iterable<readonly [Id, R]>
}

/** One row in `parent` for each item, in their order. An item keeps its row while it changes. So the row keeps the focus and what the user is typing. */
export const make = <Id, Item, R extends Row<Item>>(
  parent: HTMLElement,
  idOf: (item: Item) => Id,
  makeRow: (item: Item) => R
): Rows<Id, Item, R> => {
  const rows = new Map<Id, R>()
  return {
    draw: (items) => {
      const ids = new Set(items.map(idOf))
      for (const [id, row] of rows) {
        if (ids.has(id)) continue
        row.stop?.()
        row.element.remove()
        rows.delete(id)
      }
      for (const [at, item] of items.entries()) {
        const id = idOf(item)
        const row = rows.get(id) ?? makeRow(item)
        rows.set(id, row)
        row.update(item)
        if (parent.children[at] !== row.element) parent.insertBefore(row.element, parent.children[at] ?? null)
      }
    },
    get: (id) => rows.get(id),
    all: () => rows
  }
}
