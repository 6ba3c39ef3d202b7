/** Tools for assistants, made from the contract's document: one for each operation that reads. */

type Json = { readonly [name: string]: unknown }

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** One parameter of an operation, and where the request has it. */
interface Parameter {
  readonly name: string
  readonly in: "path" | "query"
}

export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: {
    readonly type: "object"
    readonly properties: { readonly [name: string]: object }
    readonly required: Array<string>
    readonly additionalProperties: false
  }
  /** The path with `{name}` for its parameters. */
  readonly path: string
  readonly parameters: ReadonlyArray<Parameter>
}

/**
 * Groups whose GETs are not for assistants: the forms of one front end, files, logins (which begin something), and keys (which no key may read).
 */
const leftOut: ReadonlySet<string> = new Set(["udf", "exports", "kite", "apiKeys"])

/**
 * Replaces each reference in a schema by the schema that it names, because a client sees the schema of one tool alone. Parameters have no
 * circular references.
 */
const resolved = (node: unknown, schemas: Json): unknown => {
  if (Array.isArray(node)) return node.map((one) => resolved(one, schemas))
  if (!isObject(node)) return node
  const { $ref, ...rest } = node
  if (typeof $ref === "string") {
    const named = schemas[$ref.slice($ref.lastIndexOf("/") + 1)]
    return { ...(resolved(named, schemas) as Json), ...(resolved(rest, schemas) as Json) }
  }
  return Object.fromEntries(Object.entries(node).map(([name, one]) => [name, resolved(one, schemas)]))
}

const toolOf = (path: string, operation: Json, schemas: Json): Tool => {
  const given = (Array.isArray(operation["parameters"]) ? operation["parameters"] : []).filter(
    (one): one is Json => isObject(one) && (one["in"] === "path" || one["in"] === "query")
  )
  return {
    name: String(operation["operationId"]).replaceAll(/[^A-Za-z0-9_-]/g, "_"),
    description: `${operation["summary"]}. ${operation["description"]} GET ${path}`,
    inputSchema: {
      type: "object",
      properties: Object.fromEntries(
        given.map(({ description, name, schema }) => [
          String(name),
          { ...(resolved(schema, schemas) as object), ...(description === undefined ? {} : { description }) }
        ])
      ),
      required: given.filter(({ required }) => required === true).map(({ name }) => String(name)),
      additionalProperties: false
    },
    path,
    parameters: given.map(({ in: place, name }) => ({ name: String(name), in: place as Parameter["in"] }))
  }
}

/** The tools of a document as /openapi.json has it, by name. */
export const of = (document: unknown): ReadonlyMap<string, Tool> => {
  const { components, paths } = document as { readonly components: Json; readonly paths: { readonly [path: string]: Json } }
  const schemas = isObject(components["schemas"]) ? components["schemas"] : {}
  const tools = Object.entries(paths).flatMap(([path, methods]) => {
    const operation = methods["get"]
    if (!isObject(operation)) return []
    const [group = ""] = String(operation["operationId"]).split(".")
    return leftOut.has(group) ? [] : [toolOf(path, operation, schemas)]
  })
  return new Map(tools.map((tool) => [tool.name, tool]))
}

const textOf = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(",") : String(value))

/** The path and query of a call. Arguments that are left out are also left out of the query; unknown ones are sent, so that the gateway refuses them. */
export const request = ({ parameters, path }: Tool, given: { readonly [name: string]: unknown }): string => {
  const inPath = new Set(parameters.filter((one) => one.in === "path").map(({ name }) => name))
  const filled = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(textOf(given[name] ?? "")))
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(given))
    if (!inPath.has(name) && value !== undefined && value !== null) query.set(name, textOf(value))
  return query.size === 0 ? filled : `${filled}?${query}`
}
