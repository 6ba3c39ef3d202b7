import type { Api } from "./Api.ts"

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export type Offers = (method: "get" | "post", path: string) => Promise<boolean>

/** Which endpoints this gateway has, by its own description, so that nothing is asked of an older one that it does not know. */
export const make = (api: Api): Offers => {
  let described: Promise<OpenApi> | undefined
  const ask = (): Promise<OpenApi> => {
    const asked = api.get<OpenApi>("/openapi.json")
    asked.catch(() => {
      described = undefined
    })
    return asked
  }
  return async (method, path) => {
    described ??= ask()
    const { paths } = await described
    return paths[path]?.[method] !== undefined
  }
}
