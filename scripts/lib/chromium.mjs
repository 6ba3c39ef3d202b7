import { spawnSync } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { unpack } from "./apt.mjs"
import { folder, onPath, Plain, readOr } from "./paths.mjs"

const names = ["chromium", "chromium-browser", "google-chrome"]
/** Dependencies that a headless browser never loads, or that every machine with Node has. */
const unwanted = /^(libc6|libgcc-s1|libstdc\+\+6|gcc-\d+-base|dpkg|tar|perl|libperl|libllvm|libz3|libgl1-mesa-dri|adwaita-icon-theme|x11-)/

const libraryFolders = (unpacked) => {
  const triplet = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[process.arch] ?? ""
  const usr = join(unpacked, "usr/lib", triplet)
  return [usr, join(unpacked, "lib", triplet), join(usr, "nss"), join(usr, "pulseaudio")]
}

/** Fonts of the same packages, so that a page looks the same on a machine without fonts. */
const fontsFile = (unpacked) => {
  const families = { "sans-serif": "DejaVu Sans", "system-ui": "DejaVu Sans", serif: "DejaVu Serif", monospace: "DejaVu Sans Mono" }
  const aliases = Object.entries(families)
    .map(([generic, family]) => `<alias><family>${generic}</family><prefer><family>${family}</family></prefer></alias>`)
    .join("")
  const file = join(unpacked, "fonts.conf")
  const folders = `<dir>${join(unpacked, "usr/share/fonts")}</dir><cachedir>${folder(unpacked, "font-cache")}</cachedir>`
  const text = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${folders}${aliases}</fontconfig>\n`
  if (readOr(file, "") !== text) writeFileSync(file, text) // the folder was moved or copied
  return file
}

const packaged = (unpacked) => ({
  program: join(unpacked, "usr/lib/chromium/chromium"),
  env: { LD_LIBRARY_PATH: libraryFolders(unpacked).join(":"), FONTCONFIG_FILE: fontsFile(unpacked) }
})

const runs = ({ program, env }) =>
  existsSync(program) &&
  /Chrom/.test(spawnSync(program, ["--version", "--no-sandbox"], { encoding: "utf8", env: { ...process.env, ...env } }).stdout ?? "")

/** Whether the user requested a run without a browser. */
export const isUnwanted = () => process.env.TARANG_CHROMIUM === "none"

/** Chromium's file and its environment: the installed one, otherwise Debian's package with its dependencies in .cache. */
export const chromium = async () => {
  const way = process.env.TARANG_CHROMIUM ?? "auto"
  if (isAbsolute(way)) return { program: way, env: {} }
  if (!["auto", "path", "package"].includes(way))
    throw new Plain(`TARANG_CHROMIUM is auto, path, package, a program's file, or none to skip the tests of the page; not "${way}".`)
  const found = way === "package" ? undefined : names.map((name) => onPath(name)).find(Boolean)
  if (found !== undefined) return { program: found, env: {} }
  const options = { works: (to) => runs(packaged(to)), hasDependencies: true, unwanted }
  const unpacked = way === "path" ? undefined : await unpack("chromium", ["chromium", "fonts-dejavu-core"], ["own"], options)
  if (unpacked !== undefined) return packaged(unpacked)
  throw new Plain(
    `No Chromium for the tests of the page.${way === "auto" ? "" : ` (TARANG_CHROMIUM=${way} forbids every other way.)`} ` +
      "Install it (Debian: apt-get install chromium), or name a Chrome's file in TARANG_CHROMIUM, or set TARANG_CHROMIUM=none to skip those tests."
  )
}
