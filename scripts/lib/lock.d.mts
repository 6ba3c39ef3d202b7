export function exclusively<A>(name: string, run: () => Promise<A>): Promise<A>
