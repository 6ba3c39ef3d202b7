import { Effect } from "effect"
import { eventually } from "./PlatformWorld.ts"

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into, not typed
export type Json = any

export interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly declared: Json
}

/** The operations of an OpenAPI document. */
export const operationsOf = (document: Json): ReadonlyArray<Operation> =>
  Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(
      ([method, declared]): Operation => ({ id: declared.operationId, method: method.toUpperCase(), path, declared })
    )
  )

export const jsonBody = ({ declared }: Operation) => declared.requestBody?.content?.["application/json"]

/** The operation's example as /docs sends it: with all parameters, or with the required ones. */
export const exampleOf = (operation: Operation, withOptional: boolean) => {
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  let { path } = operation
  for (const { name, in: place, required, example } of operation.declared.parameters ?? []) {
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(String(example)))
    else if (place === "header") headers[name] = String(example)
    else if (example !== undefined && (required === true || withOptional)) query.append(name, String(example))
  }
  const body = jsonBody(operation)?.example
  return { method: operation.method, url: `${path}${query.size === 0 ? "" : `?${query}`}`, headers, body }
}

type Request = Omit<ReturnType<typeof exampleOf>, "headers"> & { readonly headers?: Record<string, string> }
const sendOnce = (url: string, { method, url: path, headers: own = {}, body }: Request, headers: Record<string, string>) =>
  Effect.promise(async () => {
    const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" }
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...own, ...headers, ...type },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return { status: response.status, text: await response.text(), allow: response.headers.get("allow") ?? "" }
  })

/** A busy machine may answer 503 for a moment, which asks the client to try again. */
export const send = (...request: Parameters<typeof sendOnce>) =>
  eventually(`an answer to ${request[1].method} ${request[1].url}`, sendOnce(...request), ({ status }) => status !== 503)
