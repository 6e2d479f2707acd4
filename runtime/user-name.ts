import { userInfo } from 'node:os';

/** Who runs this, as the operating system says. Somebody without a name (a container with a bare number) is that number. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
