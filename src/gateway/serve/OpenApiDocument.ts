import * as OpenApi from "@effect/platform/OpenApi"
import { Api } from "../../contract/Api.ts"
import { fields, operations } from "./OperationTexts.ts"

type Json = { [name: string]: unknown }

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** What the library writes for a filter says how it is built and not what the field means. */
const isOfLibrary = (text: unknown): boolean =>
  typeof text === "string" && /^(?:an?|the) (?:string|number|integer|positive|non|value|array|instance)/.test(text)

const describe = (holder: Json, name: string): void => {
  const text = fields[name]
  if (text !== undefined && (holder["description"] === undefined || isOfLibrary(holder["description"]))) holder["description"] = text
}

/** Every property of every schema, wherever it stands. A reference takes a description beside it since OpenAPI 3.1. */
const describeProperties = (node: unknown): void => {
  if (Array.isArray(node)) for (const one of node) describeProperties(one)
  if (!isObject(node)) return
  const { properties } = node
  if (isObject(properties)) for (const [name, property] of Object.entries(properties)) if (isObject(property)) describe(property, name)
  for (const one of Object.values(node)) describeProperties(one)
}

const problem = (description: string) => ({
  description,
  content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } }
})
/** What any request, and what a request with a body, may be answered beside what its endpoint declares. */
const always = {
  "405": problem("The path has other methods; Allow names them"),
  "500": problem("A defect of ours; request_id finds it in the logs")
}
const withBody = {
  "408": problem("The body did not arrive in time"),
  "413": problem("The body is larger than 256 KB"),
  "415": problem("The body is not application/json")
}

const describeOperation = (operation: Json): void => {
  const text = operations[String(operation["operationId"])]
  if (text !== undefined) Object.assign(operation, { summary: text.summary, description: text.description })
  const { parameters, responses, security } = operation
  if (Array.isArray(security)) operation["security"] = security.filter((scheme) => !("apiKey" in scheme))
  if (Array.isArray(parameters))
    for (const parameter of parameters) {
      describe(parameter, parameter["name"])
      // The parameter's own description is the one that tools show.
      if (isObject(parameter["schema"]) && isOfLibrary(parameter["schema"]["description"])) delete parameter["schema"]["description"]
    }
  if (isObject(responses)) Object.assign(responses, always, operation["requestBody"] === undefined ? {} : withBody)
}

/** Until keys can be made every one of them is refused: a page that offered to send one would mislead. */
const withoutKeys = (document: Json): void => {
  const components = document["components"]
  if (isObject(components) && isObject(components["securitySchemes"])) delete components["securitySchemes"]["apiKey"]
}

/** Completes the document that the library makes of the contract: texts, and the answers that come before an endpoint is reached. */
const complete = (document: Record<string, unknown>): Record<string, unknown> => {
  const paths = document["paths"]
  if (isObject(paths))
    for (const path of Object.values(paths))
      if (isObject(path)) for (const operation of Object.values(path)) if (isObject(operation)) describeOperation(operation)
  describeProperties(document)
  withoutKeys(document)
  return {
    ...document,
    servers: [{ url: "/", description: "This gateway" }],
    info: {
      ...(document["info"] as Json),
      description: [
        "Live option analytics and strategies. Credentials: `Authorization: Bearer <token>`; `npm run token` makes one for development.",
        "Every error has the form of `Problem`. This document is [/openapi.json](/openapi.json);",
        "the subjects that any NATS client may listen to are in [/asyncapi.json](/asyncapi.json)."
      ].join(" "),
      contact: { name: "Tarang" },
      license: { name: "Apache-2.0", identifier: "Apache-2.0" }
    }
  }
}

/** The contract as it is served: clients that import the contract do without the texts. */
export const described = Api.annotate(OpenApi.Transform, complete)
