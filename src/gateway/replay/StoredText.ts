import type { StreamName } from "../../contract/replay/ReplayApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { Message } from "../../streams/JetStream.ts"
import * as Catalogue from "./Catalogue.ts"

export const streamAway = new Problem.Unavailable({ detail: "NATS unavailable: the stream does not answer" })

/** The fields of a stored message as JSON, without braces; undefined for a body that is not JSON. */
export const storedText = (name: StreamName, message: Message): string | undefined => {
  const data = Catalogue.bodyOf(name, message)
  return data === undefined ? undefined : `"seq":${message.seq},"time":"${IndiaTime.isoTime(message.timeMs)}","data":${data}`
}
