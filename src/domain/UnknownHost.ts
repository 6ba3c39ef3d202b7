const unresolved: ReadonlySet<unknown> = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"])

/** True for the system's error codes that mean that a host name has no address. */
export const isCode = (code: unknown): boolean => unresolved.has(code)

/** "Failed to resolve hostname" and the name, if that is why a connection failed; else undefined. */
export const reasonOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && isCode(error.code)
    ? `Failed to resolve hostname ${"hostname" in error ? String(error.hostname) : ""}`.trimEnd()
    : undefined
