import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { Input, Name, Text } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const Id = Schema.Union(Schema.Int, Text(128))
const Version = Schema.Literal("2.0")
const Values = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** A message of JSON-RPC 2.0. Without an id it is a notification. */
export const RpcRequest = Input({
  jsonrpc: described(Version, "Version of JSON-RPC"),
  id: Schema.optional(described(Id, "Number or text that the answer repeats; a notification has none")),
  method: described(Name(128), "Method of the Model Context Protocol, such as tools/list or tools/call"),
  params: Schema.optional(described(Values, "Parameters of the method"))
}).annotations({ identifier: "RpcRequest" })
export type RpcRequest = typeof RpcRequest.Type

export const RpcAnswer = Schema.Struct({
  jsonrpc: described(Version, "Version of JSON-RPC"),
  id: described(Schema.NullOr(Id), "The request's id"),
  result: Schema.optional(described(Values, "What the method answers")),
  error: Schema.optional(
    Schema.Struct({
      code: described(Schema.Int, "Error code of JSON-RPC or of the Model Context Protocol"),
      message: described(Schema.String, "What is wrong"),
      data: Schema.optional(described(Schema.Unknown, "More about it"))
    })
  )
}).annotations({ identifier: "RpcAnswer" })

/** The GET endpoints of the contract as tools for assistants. */
export class McpApi extends HttpApiGroup.make("mcp")
  .add(
    HttpApiEndpoint.post("message", "/mcp")
      .setPayload(RpcRequest)
      .addSuccess(RpcAnswer)
      .addSuccess(HttpApiSchema.Empty(202).annotations({ description: "The notification was accepted" }))
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .annotate(OpenApi.Description, "The Model Context Protocol over HTTP, without sessions") {}
