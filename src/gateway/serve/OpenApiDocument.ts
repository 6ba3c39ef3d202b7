import * as OpenApi from "@effect/platform/OpenApi"
import { Option, type Schema, SchemaAST } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Access from "../../domain/access/Access.ts"
import * as Examples from "./Examples.ts"
import { fields, operations } from "./OperationTexts.ts"

type Json = { [name: string]: unknown }

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** The library's text for a filter describes how the schema is built, not what the field means. */
const isOfLibrary = (text: unknown): boolean =>
  typeof text === "string" && /^(?:an?|the) (?:string|number|integer|positive|non|value|array|instance)/.test(text)

const describe = (holder: Json, name: string): void => {
  const text = fields[name]
  if (text !== undefined && (holder["description"] === undefined || isOfLibrary(holder["description"]))) holder["description"] = text
}

/** Adds a description to every property of every schema. Since OpenAPI 3.1 a reference may have one beside it. */
const describeProperties = (node: unknown): void => {
  if (Array.isArray(node)) for (const one of node) describeProperties(one)
  if (!isObject(node)) return
  // The library gives every "any value" the same id, which makes references ambiguous.
  delete node["$id"]
  const { properties } = node
  if (isObject(properties)) for (const [name, property] of Object.entries(properties)) if (isObject(property)) describe(property, name)
  for (const one of Object.values(node)) describeProperties(one)
}

const textOf = (error: Schema.Schema.All): string => SchemaAST.getDescriptionAnnotation(error.ast).pipe(Option.getOrThrow)

const problem = (description: string) => ({
  description,
  content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } }
})
/** Answers that any request, or any request with a body, may get in addition to those that its endpoint declares. */
const always = {
  "405": problem("The path has other methods; Allow names them"),
  "500": problem("A bug of ours; the logs have it under request_id")
}
const withBody = {
  "408": problem("The body did not arrive in time"),
  "413": problem("The body is larger than 256 KB"),
  "415": problem("The body is not application/json")
}

const withSignIn = {
  "403": problem(textOf(Problem.forbidden)),
  "429": problem(textOf(Problem.tooManyRequests))
}

/** What a page such as /docs fills in, and whether a body has to be sent. */
const completeInput = (id: string, operation: Json): void => {
  const { parameters, requestBody } = operation
  const known = { ...Examples.parameters, ...Examples.ofOperation[id] }
  if (Array.isArray(parameters))
    for (const parameter of parameters) {
      const example = known[parameter["name"]]
      if (example !== undefined) parameter["example"] = example
    }
  const body = Examples.bodies[id]
  const json = isObject(requestBody) && isObject(requestBody["content"]) ? requestBody["content"]["application/json"] : undefined
  if (body !== undefined && isObject(json)) json["example"] = body
  // A body whose fields may all be missing may be missing itself.
  if (isObject(requestBody) && isObject(json) && isObject(json["schema"]) && Array.isArray(json["schema"]["required"]))
    requestBody["required"] = json["schema"]["required"].length > 0
}

/**
 * The least role of a caller, and the scopes of a key; without `scopes` if no key may do it. OpenAPI 3.1 allows their names in `security`,
 * but linters know them from OAuth only.
 */
const giveRights = (method: string, path: string, operation: Json): void => {
  const need = Access.needOf(method.toUpperCase(), path)
  const scopes = Access.keyScopes(need)
  operation["security"] = [{ bearer: [] }, ...(scopes === undefined ? [] : [{ apiKey: [] }])]
  operation["x-tarang-rights"] = { role: need.role, ...(scopes === undefined ? {} : { scopes }) }
}

const describeOperation = (method: string, path: string, operation: Json): void => {
  const id = String(operation["operationId"])
  const text = operations[id]
  completeInput(id, operation)
  if (text !== undefined) Object.assign(operation, { summary: text.summary, description: text.description })
  const { parameters, responses, security } = operation
  const isSecured = Array.isArray(security) && security.length > 0
  if (isSecured) giveRights(method, path, operation)
  if (Array.isArray(parameters))
    for (const parameter of parameters) {
      describe(parameter, parameter["name"])
      // The parameter's own description is the one that tools show.
      if (isObject(parameter["schema"]) && isOfLibrary(parameter["schema"]["description"])) delete parameter["schema"]["description"]
    }
  const common = { ...always, ...(operation["requestBody"] === undefined ? {} : withBody), ...(isSecured ? withSignIn : {}) }
  // What the endpoint itself says about an answer is more precise.
  if (isObject(responses)) for (const [status, answer] of Object.entries(common)) responses[status] ??= answer
}

/** Completes the library's document: adds texts, and the answers that come before an endpoint is reached. */
const complete = (document: Record<string, unknown>): Record<string, unknown> => {
  const paths = document["paths"]
  if (isObject(paths))
    for (const [path, methods] of Object.entries(paths))
      if (isObject(methods))
        for (const [method, operation] of Object.entries(methods)) if (isObject(operation)) describeOperation(method, path, operation)
  describeProperties(document)
  return {
    ...document,
    servers: [{ url: "/", description: "This gateway" }],
    info: {
      ...(document["info"] as Json),
      description: [
        "Live option analytics and strategies. Credentials: `Authorization: Bearer <token>`; `npm run token` makes one for development. Programs may send an API key as `X-API-Key` instead.",
        "Every error has the form of `Problem`. This document is [/openapi.json](/openapi.json);",
        "the subjects that any NATS client may listen to are in [/asyncapi.json](/asyncapi.json)."
      ].join(" "),
      contact: { name: "Tarang" },
      license: { name: "Apache-2.0", identifier: "Apache-2.0" }
    }
  }
}

/** The contract as it is served. Clients that import the contract do not need the texts. */
export const described = Api.annotate(OpenApi.Transform, complete)
