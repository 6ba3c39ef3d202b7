// Each test file's process starts at the wanted instant (npm run test:clocks). Programs that it starts must continue its clock instead
// of starting at that instant again. So they get the shift itself: the wall clock's difference from the machine's.
const realMs = Number(process.env["TARANG_CLOCK_ZERO_MS"]) + Number(process.hrtime.bigint()) / 1e6
const shiftSeconds = (Date.now() - realMs) / 1000
process.env["FAKETIME"] = `${shiftSeconds < 0 ? "" : "+"}${shiftSeconds.toFixed(3)}`
