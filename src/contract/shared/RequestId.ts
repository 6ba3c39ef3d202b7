import { Context } from "effect"

/** The id of a request in logs, error bodies and events. As a Reference it has a default, so encoding an error needs no context. */
export class RequestId extends Context.Reference<RequestId>()("contract/shared/RequestId", { defaultValue: (): string => "-" }) {}

const accepted = /^[A-Za-z0-9._-]{8,64}$/

/** The caller's id if it is harmless in a log line, otherwise a new id. */
export const of = (header: string | undefined): string => (header !== undefined && accepted.test(header) ? header : crypto.randomUUID())
