/** Wakes one sleeper. A wake that comes while nobody sleeps is kept for the next sleep. */
export class Wakeup {
  private woken = false;
  private wakeSleeper: (() => void) | null = null;

  wake(): void {
    this.woken = true;
    this.wakeSleeper?.();
  }

  /** Resolves when woken, or after `timeoutMs`; null is for ever. */
  sleep(timeoutMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      if (this.woken) {
        this.woken = false;
        resolve();
        return;
      }
      let timer: NodeJS.Timeout | undefined;
      const end = (): void => {
        clearTimeout(timer);
        this.wakeSleeper = null;
        this.woken = false;
        resolve();
      };
      if (timeoutMs !== null) timer = setTimeout(end, timeoutMs);
      this.wakeSleeper = end;
    });
  }
}
