import { relative, sep } from "node:path"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Folders whose files start whole platforms, browsers or the scripts. They take up to two minutes each, all other files seconds. */
const long = ["platform", "web", "scripts", "actors", "bench"]

const isLong = ({ moduleId, project }: TestSpecification): boolean =>
  long.includes(relative(project.config.root, moduleId).split(sep)[1] ?? "")

/** Long files first, so that no worker begins one when the others have nothing left to do. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}
