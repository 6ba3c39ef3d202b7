const key = "tarang.token"

/** The token of this tab. One in the address (#token=...) is taken over and removed from there, so that it is in no bookmark and no history. */
export const token = (): string | undefined => {
  const given = new URLSearchParams(location.hash.slice(1)).get("token")
  if (given !== null && given !== "") {
    sessionStorage.setItem(key, given)
    history.replaceState(null, "", `${location.pathname}${location.search}`)
  }
  return sessionStorage.getItem(key) ?? undefined
}

export const keep = (token: string): void => sessionStorage.setItem(key, token)
export const forget = (): void => sessionStorage.removeItem(key)
