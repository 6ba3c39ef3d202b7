import { Context } from "effect"

/** The id a request carries through logs, error bodies and events. A Reference, so encoding an error needs nothing from its caller. */
export class RequestId extends Context.Reference<RequestId>()("contract/shared/RequestId", { defaultValue: (): string => "-" }) {}

const accepted = /^[A-Za-z0-9._-]{8,64}$/

/** The caller's own id when it is harmless in a log line, a fresh one otherwise. */
export const of = (header: string | undefined): string => (header !== undefined && accepted.test(header) ? header : crypto.randomUUID())
