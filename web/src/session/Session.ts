const key = "tarang.token"

/**
 * The token of this tab. A token in the address (#token=...) is stored and removed from the address, so that no bookmark or history
 * contains it.
 */
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

/** The user id in the token, unverified. It only names the data that this browser stores. Empty if it cannot be read. */
export const userId = (token: string): string => {
  try {
    const [, payload = ""] = token.split(".")
    const { sub } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { readonly sub?: unknown }
    return typeof sub === "string" ? sub : ""
  } catch {
    return ""
  }
}
