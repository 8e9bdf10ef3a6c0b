/** /proc/PID/mountinfo as a list. */
export interface Mount {
  readonly device: string;
  /** As the host sees it: without the folder where its root is mounted for us. */
  readonly mountpoint: string;
  readonly fstype: string;
  readonly readonly: boolean;
}

/** Mounts in the file's order. Of two with the same device, mount point and type (one on top of the other) the first is kept. Lines it cannot read are left out. */
export function parseMounts(mountinfo: string, rootfs: string): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const line of mountinfo.split('\n')) {
    // ID parent major:minor root mountpoint options optional... - type source superoptions
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [fstype, source, superOptions] = fields.slice(dash + 1);
    const mountpoint = fields[4];
    const options = fields[5];
    if (dash < 0 || fstype === undefined || source === undefined || mountpoint === undefined || options === undefined) continue;
    const mount: Mount = {
      device: unescapeField(source),
      mountpoint: belowRoot(unescapeField(mountpoint), rootfs),
      fstype,
      readonly: isReadonly(options) || isReadonly(superOptions ?? ''),
    };
    const key = [mount.device, mount.mountpoint, fstype].join('\n');
    if (!mounts.has(key)) mounts.set(key, mount);
  }
  return [...mounts.values()];
}

function isReadonly(options: string): boolean {
  return options.split(',').includes('ro');
}

/** The kernel writes blank, tab, newline and backslash as octal escapes, byte by byte. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function belowRoot(mountpoint: string, rootfs: string): string {
  if (rootfs === '/' || (mountpoint !== rootfs && !mountpoint.startsWith(`${rootfs}/`))) return mountpoint;
  return mountpoint.slice(rootfs.length) || '/';
}
