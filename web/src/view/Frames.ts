/** Joins any number of requests into one drawing per frame; in a hidden tab nothing is drawn, and the newest state is when it shows again. */
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
