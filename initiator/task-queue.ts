/** Tasks waiting for the command window: first in, first out, in constant time each. */
import type { ScsiTask } from './task.js';

export class TaskQueue {
  private tasks: ScsiTask[] = [];
  private head = 0;

  get length(): number {
    return this.tasks.length - this.head;
  }

  push(task: ScsiTask): void {
    this.tasks.push(task);
  }

  /** Puts tasks in front of all others, in their order. */
  unshift(tasks: readonly ScsiTask[]): void {
    this.tasks = [...tasks, ...this.tasks.slice(this.head)];
    this.head = 0;
  }

  /** Must not be called when empty. */
  shift(): ScsiTask {
    const task = this.tasks[this.head]!;
    this.head += 1;
    if (this.head === this.tasks.length) {
      this.tasks.length = 0;
      this.head = 0;
    }
    return task;
  }

  /** Takes out the tasks whose deadline has come. */
  removeOverdue(now: number): ScsiTask[] {
    const waiting = this.tasks.slice(this.head);
    const overdue = waiting.filter((task) => task.deadline <= now);
    if (overdue.length === 0) return overdue;
    this.tasks = waiting.filter((task) => task.deadline > now);
    this.head = 0;
    return overdue;
  }
}
