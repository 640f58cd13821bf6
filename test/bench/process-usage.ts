import { readFileSync } from "node:fs";

/** The kernel counts CPU time for user space in hundredths of a second (USER_HZ) on Linux. */
const MS_PER_TICK = 10;
const KIB_PER_MB = 1_000_000 / 1024;

/** @returns CPU time of a process and all its threads so far, ms, in steps of 10. */
export function cpuMsOf(pid: number): number {
  // The name of the program, in parentheses, may hold anything.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // proc(5): utime and stime are fields 14 and 15; the name was the second.
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** Memory of a process that is in RAM, MB: now, and at its highest. */
export interface Memory {
  readonly rssMb: number;
  readonly peakMb: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return { rssMb: kib(status, "VmRSS") / KIB_PER_MB, peakMb: kib(status, "VmHWM") / KIB_PER_MB };
}

/** @returns CPU time that all of the machine has spent on work so far, ms. */
export function machineBusyMs(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq + steal) * MS_PER_TICK;
}

/** @returns CPU time of this process so far, ms. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function kib(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
  return match === null ? Number.NaN : Number(match[1]);
}
