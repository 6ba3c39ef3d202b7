/** Rows beyond each edge of the view that are drawn with it. */
const marginRows = 2

export interface Viewport {
  /** The lowest and the highest strike in view, of all in order. */
  readonly strikes: (order: ReadonlyArray<number>) => readonly [low: number, high: number]
  readonly close: () => void
}

/** Knows which rows of a scrolled table are in view, without a layout query each time. */
export const make = (scroller: HTMLElement, body: HTMLElement, onChange: () => void): Viewport => {
  let rowHeight = 0
  let viewTop = 0
  let viewHeight = 0
  scroller.addEventListener(
    "scroll",
    () => {
      viewTop = scroller.scrollTop
      onChange()
    },
    { passive: true }
  )
  const observer = new ResizeObserver(() => {
    viewHeight = scroller.clientHeight
    rowHeight = 0
    onChange()
  })
  observer.observe(scroller)
  return {
    strikes: (order) => {
      if (rowHeight === 0) rowHeight = (body.firstElementChild as HTMLElement | null)?.offsetHeight ?? 0
      const first = rowHeight === 0 ? 0 : Math.floor(viewTop / rowHeight) - marginRows
      const last = rowHeight === 0 ? 0 : Math.ceil((viewTop + viewHeight) / rowHeight) + marginRows
      return [order[Math.max(0, first)] ?? 0, order[Math.min(last, order.length - 1)] ?? 0]
    },
    close: () => observer.disconnect()
  }
}
