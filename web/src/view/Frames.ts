/**
 * Combines any number of requests into one drawing per frame. A hidden tab draws nothing, and draws the newest state when it is visible
 * again.
 */
export const make = (draw: () => void) => {
  let isAsked = false
  return (): void => {
    if (isAsked) return
    isAsked = true
    requestAnimationFrame(() => {
      isAsked = false
      draw()
    })
  }
}
