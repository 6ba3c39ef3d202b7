import { Context } from "effect"

/** How many instruments one account can stream. The store does not know the broker, so the number is handed in. */
export class AccountCapacity extends Context.Tag("store/subscriptions/AccountCapacity")<AccountCapacity, number>() {}
