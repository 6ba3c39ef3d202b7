/** The chain that this browser showed last. */
export interface Place {
  readonly symbol: string
  readonly expiry: string
}

const key = "tarang.place"

export const remembered = (): Partial<Place> => {
  const [symbol, expiry] = (localStorage.getItem(key) ?? "").split(" ")
  return { ...(symbol ? { symbol } : {}), ...(expiry ? { expiry } : {}) }
}
export const remember = ({ symbol, expiry }: Place): void => localStorage.setItem(key, `${symbol} ${expiry}`)
