import { Context } from "effect"

/** The template of the request's path (`/strategies/:id`), "other" for an unknown one. ErrorForm provides it. */
export class Route extends Context.Reference<Route>()("gateway/shared/Route", { defaultValue: (): string => "other" }) {}
