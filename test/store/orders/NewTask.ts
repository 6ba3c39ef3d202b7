import type { NewTask } from "../../../src/store/orders/TaskWrites.ts"
import { aPlace } from "../../domain/orders/APlace.ts"

/** A paper task of user u1 in account a1 that places an order, with the fields that a test changes. */
export const newTask = (key: string, more: Partial<NewTask> = {}): NewTask => ({
  owner: "u1",
  accountId: "a1",
  idempotencyKey: key,
  bodyHash: "h1",
  tag: `tag ${key}`,
  mode: "paper",
  request: aPlace(),
  termsHash: "t1",
  referencePrice: null,
  intent: { kind: "place", isLimit: true, unknown: "park", deadlineAtMs: Date.now() + 60_000 },
  strategyId: null,
  basketId: null,
  basketPlace: null,
  retries: null,
  undoes: null,
  ...more
})
