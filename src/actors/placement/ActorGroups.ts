import { Config, Context } from "effect"
import { ActorGroup } from "../../domain/accounts/ProcessHealth.ts"
import * as Subject from "../../streams/Subject.ts"

/**
 * The actors of one group can run in a separate process. Orders are separate from market data, so that a busy feed never delays a send:
 * their process has its own event loop, without ticks, and the operating system schedules it.
 */
export const names = ActorGroup.literals
export type Name = typeof ActorGroup.Type

/** Which group the actors of a kind belong to. */
export class ActorGroups extends Context.Tag("actors/placement/ActorGroups")<ActorGroups, { readonly ofKind: (kind: string) => Name }>() {}

/** The groups that this process runs, all by default. */
export const here: Config.Config<ReadonlyArray<Name>> = Config.array(Config.literal(...names)(), "ACTOR_GROUPS").pipe(
  Config.validate({
    message: `ACTOR_GROUPS must name ${names.join(" or ")}, or both`,
    validation: (all) => all.length > 0
  }),
  Config.withDefault(names)
)

/** The groups' names in the cluster. Versions before groups know only the market's name. */
const shardGroups = { market: "default", orders: "orders" } as const satisfies Record<Name, string>
export const shardGroupOf = (name: Name): string => shardGroups[name]
/** The group, in the cluster, of the actor with that key. */
export const shardGroupOfKey = ({ ofKind }: ActorGroups["Type"], key: string): string => {
  const [kind = ""] = Subject.kvNames(key)
  return shardGroupOf(ofKind(kind))
}
