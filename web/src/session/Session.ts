const key = "tarang.token"

/** The token of this tab. One in the address (#token=...) is kept and removed from there, so that no bookmark and no history holds it. */
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

/** Whose token it is, as it says itself: a name for what this browser keeps, and no proof of anything. Empty where it cannot be read. */
export const userId = (token: string): string => {
  try {
    const [, payload = ""] = token.split(".")
    const { sub } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { readonly sub?: unknown }
    return typeof sub === "string" ? sub : ""
  } catch {
    return ""
  }
}
