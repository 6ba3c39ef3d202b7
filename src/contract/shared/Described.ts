import type { Schema } from "effect"

/** A schema with its description in the published documents. */
export const described = <A, I>(schema: Schema.Schema<A, I>, description: string) => schema.annotations({ description })
